"""A record of installed releases with everything that there may be in one."""

from __future__ import annotations

from edgesegd.rollout.record import InstalledModel, Record

INSTALLED = Record(
    serial=7,
    release="rooms for winter",
    manifest="ab" * 32,
    content="cd" * 32,
    changed=("road",),
    models={"road": InstalledModel(3, before=2), "sky": InstalledModel(1)},
    placed={"road": (2, 3), "sky": (1,)},
    failed="ef" * 32,
    why="road 4: the engine did not start",
)
