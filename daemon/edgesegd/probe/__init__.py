"""Finds the fastest delegate of those whose masks are right."""
