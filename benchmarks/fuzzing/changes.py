"""Changes bytes and messages at random."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

NUMBERS = (0, 1, 2, 3, 7, 64, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**63)
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 3.4e38, float("nan"), float("inf"), float("-inf"))
TEXTS = ("", "scenes", "\0", "a" * 5000, "../../etc/passwd", "%s%n", "ü🎥", "\n", "-1", "model/1")
WORDS: dict[int, tuple[float | str, ...]] = {
    FieldDescriptor.CPPTYPE_BOOL: (False, True),
    FieldDescriptor.CPPTYPE_FLOAT: FLOATS,
    FieldDescriptor.CPPTYPE_DOUBLE: FLOATS,
    FieldDescriptor.CPPTYPE_STRING: TEXTS,
}
SMALL_CHANCE = 0.1
MANY = 2000
MAX_DEPTH = 5


def change_bytes(data: bytes, dice: Random) -> bytes:
    """A copy with one to four changes: bits, bytes, numbers, parts that are cut, doubled, moved."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 4))):
        at = dice.randrange(len(changed) + 1)
        part = slice(at, at + dice.choice((1, 2, 4, 9, 64, 1000)))
        match dice.randrange(7):
            case 0 if at < len(changed):
                changed[at] ^= 1 << dice.randrange(8)
            case 1:
                changed[part] = dice.randbytes(len(changed[part]))
            case 2:
                form = dice.choice((">I", "<I", ">H", ">Q"))
                most = (1 << 8 * struct.calcsize(form)) - 1
                number = struct.pack(form, dice.choice(NUMBERS) & most)
                changed[at : at + len(number)] = number
            case 3:
                del changed[part]
            case 4:
                changed[at:at] = changed[part] * dice.choice((1, 1, 2, 50))
            case 5:
                to = dice.randrange(len(changed) + 1)
                changed[to:to] = changed[part]
            case _ if dice.random() < SMALL_CHANCE:
                del changed[at:]
    return bytes(changed)


def change_message(message: Message, dice: Random, blobs: Sequence[bytes]) -> None:
    """Set one to four fields, at any depth, to anything that their types can be."""
    for _ in range(dice.choice((1, 1, 2, 4))):
        inner = message
        for _ in range(MAX_DEPTH):
            below = [
                getattr(inner, field.name)
                for field, _ in inner.ListFields()
                if field.message_type and not _is_repeated(getattr(inner, field.name))
            ]
            if not below or dice.random() < 0.4:
                break
            inner = dice.choice(below)
        _set_field(inner, dice.choice(inner.DESCRIPTOR.fields), dice, blobs, MAX_DEPTH)


def fill_message(
    message: Message, dice: Random, blobs: Sequence[bytes], depth: int = MAX_DEPTH
) -> None:
    """Set about half of all fields, at every depth."""
    for field in message.DESCRIPTOR.fields:
        if dice.random() < 0.5:
            _set_field(message, field, dice, blobs, depth)


def _set_field(
    message: Any,  # noqa: ANN401 # its fields are only known here
    field: Any,  # noqa: ANN401 # of protobuf's two kinds, one is not public
    dice: Random,
    blobs: Sequence[bytes],
    depth: int,
) -> None:
    repeated = _is_repeated(getattr(message, field.name))
    of_messages = field.message_type is not None
    if of_messages and (depth == 0 or field.message_type.GetOptions().map_entry):
        return
    if not repeated and of_messages:
        getattr(message, field.name).SetInParent()
        fill_message(getattr(message, field.name), dice, blobs, depth - 1)
    elif not repeated:
        setattr(message, field.name, _value(field, dice, blobs))
    else:
        entries = getattr(message, field.name)
        count = MANY if dice.random() < SMALL_CHANCE and not of_messages else dice.randrange(5)
        for _ in range(count):
            if of_messages:
                fill_message(entries.add(), dice, blobs, depth - 1)
            else:
                entries.append(_value(field, dice, blobs))


def _is_repeated(value: object) -> bool:
    """Whether a field has several values; versions of protobuf say it in different ways."""
    return hasattr(value, "extend")


def _value(
    field: Any,  # noqa: ANN401 # as above
    dice: Random,
    blobs: Sequence[bytes],
) -> Any:  # noqa: ANN401 # a number, a text or bytes
    """Any value of a field's type."""
    kind = field.cpp_type
    if field.type == FieldDescriptor.TYPE_BYTES:
        return dice.choice((dice.choice(blobs), dice.randbytes(dice.choice((0, 9)))))
    if kind in WORDS:
        return dice.choice(WORDS[kind])
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return dice.choice((*field.enum_type.values_by_number, 99, 2**31 - 1))
    bits = 32 if kind in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_UINT32) else 64
    number = dice.choice(NUMBERS) if dice.random() < 0.7 else dice.getrandbits(bits)
    if kind in (FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64):
        return number % (1 << bits)
    number %= 1 << bits - 1
    return -number if dice.random() < 0.3 else number
