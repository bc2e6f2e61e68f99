"""Releases of models: signed, fetched, tried by the daemon, and only then installed."""
