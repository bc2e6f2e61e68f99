"""Damages a file of JSON as disks, power cuts and hands do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

WRONG: tuple[Any, ...] = (
    None, True, "", "\0", "x" * 5000, 0, -1, 10**400, 1e308, float("nan"), float("inf"), [], [[]],
    {}, {"schema": 1},
)  # fmt: skip
"""Values of other types and sizes than any reader expects."""


def mutations(content: bytes, count: int, seed: int) -> Iterator[bytes]:
    """That many damaged copies, the same ones for each seed."""
    random = Random(seed)
    for number in range(count):
        yield WAYS[number % len(WAYS)](content, random)


def mutate(content: bytes, random: Random) -> bytes:
    """A copy that is damaged in one way; ValueError or IndexError if that is not possible."""
    return random.choice(WAYS)(content, random)


def mutate_value(content: bytes, random: Random) -> bytes:
    """A copy in which one value is missing or another; ValueError or IndexError as above."""
    return random.choice((_replace_value, _drop_value))(content, random)


def _flip_bits(content: bytes, random: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(random.randint(1, 4)):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _truncate(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content))]


def _overwrite(content: bytes, random: Random) -> bytes:
    """A block of zeros or noise, as after a power cut."""
    begin, length = random.randrange(len(content)), random.randint(1, 512)
    block = bytes(length) if random.random() < 0.5 else random.randbytes(length)
    return content[:begin] + block + content[begin + length :]


def _replace_value(content: bytes, random: Random) -> bytes:
    table = json.loads(content)
    parent, key = random.choice(list(_places(table)))
    parent[key] = random.choice(WRONG)
    return json.dumps(table).encode()


def _drop_value(content: bytes, random: Random) -> bytes:
    table = json.loads(content)
    parent, key = random.choice(list(_places(table)))
    del parent[key]
    return json.dumps(table).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 # JSON
    """All places of values within a value."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


WAYS = (_flip_bits, _truncate, _overwrite, _replace_value, _drop_value)
