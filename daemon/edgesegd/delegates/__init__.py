"""Delegates: which are known, how they are named, and where their libraries are."""
