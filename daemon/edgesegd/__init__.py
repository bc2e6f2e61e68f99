"""edgesegd: the segmentation daemon for edge boards."""

from edgesegd.version import __version__

__all__ = ["__version__"]
