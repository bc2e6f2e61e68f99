"""Property tests try the same examples everywhere, however slow the machine is."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("edgeseg", deadline=None, derandomize=True, database=None)
settings.load_profile("edgeseg")
