"""Hostile clients of our own daemon, on the loopback interface only; see attack.py."""
