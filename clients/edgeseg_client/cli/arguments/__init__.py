"""The arguments of each command, in a module each."""
