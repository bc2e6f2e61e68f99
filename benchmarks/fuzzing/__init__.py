"""Random input for the daemon and for its readers; see fuzz.py."""
