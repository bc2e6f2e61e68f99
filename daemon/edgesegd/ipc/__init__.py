"""Communication between the front, engines and trials: messages, shared memory, processes."""
