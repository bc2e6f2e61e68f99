"""The errors of this package, by fault."""

from __future__ import annotations


class ImageRefused(Exception):
    """The image is not one that can be segmented; says what to do."""


class WrongParameter(Exception):
    """A parameter of the node is not valid; names it and says what is."""
