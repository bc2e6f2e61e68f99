"""Writes `docs/reference.md` from the client's code."""
