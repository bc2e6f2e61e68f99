"""What a daemon reaches on this board, against calling the interpreter yourself."""
