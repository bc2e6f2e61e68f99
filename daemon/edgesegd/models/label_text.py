"""Label files: one class name per line."""

from __future__ import annotations


def parse_labels(text: str) -> tuple[str, ...]:
    """The names up to the first blank line; remarks may follow it."""
    names: list[str] = []
    for line in text.removeprefix("\ufeff").splitlines():
        if not (name := line.strip()):
            break
        names.append(name)
    return tuple(names)
