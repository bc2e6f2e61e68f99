"""The engine: a separate process with one interpreter, which may crash without harm."""
