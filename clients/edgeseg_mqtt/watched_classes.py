"""Which classes of the model get entities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edgeseg_client.class_table import find_classes
from edgeseg_client.errors import InvalidRequest
from edgeseg_client.info import ClassInfo
from edgeseg_client.result import Result
from edgeseg_mqtt.topics import unique_slug

_BACKGROUND: Final = {"background", "__background__"}
_MAX_CLASSES: Final = 32
"""Without names given; each class has two entities for each camera."""


@dataclass(frozen=True, slots=True)
class WatchedClass:
    """A class, or all classes of one name; `slug` is unique among them."""

    name: str
    slug: str
    ids: tuple[int, ...]

    def share(self, result: Result) -> float:
        """Its share of all pixels of the frame, 0.0 to 1.0."""
        return sum(result.share(each) for each in self.ids)


def watch_classes(
    table: Sequence[ClassInfo], wanted: Sequence[int | str]
) -> tuple[WatchedClass, ...]:
    """The classes wanted, by name or id; if none is given, all but the background.

    Raises `InvalidRequest` if the model has no such class, or too many to take all.
    """
    chosen: dict[str, list[int]] = {}
    for one in table if not wanted else _find_all(table, wanted):
        if wanted or one.name.casefold() not in _BACKGROUND:
            ids = chosen.setdefault(one.name, [])
            ids += [] if one.id in ids else [one.id]
    if not wanted and len(chosen) > _MAX_CLASSES:
        raise InvalidRequest(
            f"the model has {len(chosen)} classes, and each gets two entities for each camera; say"
            f" with --classes which ones you want: {', '.join(chosen)}"
        )
    if not chosen:
        raise InvalidRequest("the model has no class but the background; name it with --classes")
    watched: dict[str, WatchedClass] = {}
    for name, ids in chosen.items():
        one_slug = unique_slug(name, ids[0], watched)
        watched[one_slug] = WatchedClass(name, one_slug, tuple(ids))
    return tuple(watched.values())


def _find_all(table: Sequence[ClassInfo], wanted: Sequence[int | str]) -> list[ClassInfo]:
    by_id = {one.id: one for one in table}
    found = []
    for each in wanted:
        for id_ in find_classes(each, table):
            if id_ not in by_id:
                known = ", ".join(f"{one.id} ({one.name})" for one in table)
                raise InvalidRequest(f"the model has no class {id_}; it has: {known}")
            found.append(by_id[id_])
    return found
