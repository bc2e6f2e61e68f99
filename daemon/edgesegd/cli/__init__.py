"""The command `edgesegd`."""
