"""Models by name, and their frames and results, for any protocol."""
