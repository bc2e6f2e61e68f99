"""Reads untrusted files safely, and replaces files atomically."""
