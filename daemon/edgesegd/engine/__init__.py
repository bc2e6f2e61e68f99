"""The engine: a process of its own with one interpreter, which may crash without harm."""
