"""Measures a daemon on this board, and compares it with calling the interpreter directly."""
