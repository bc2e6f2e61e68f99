"""Delegates: what there are, how they are named and where they lie."""
