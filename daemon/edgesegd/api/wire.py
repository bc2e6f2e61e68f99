"""Checks messages before they are parsed.

A parsed list of small fields takes many times as much memory as its bytes: 2 bytes become an input
of 100 bytes. So the number of fields and the length of strings are checked before objects are made.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from edgesegd.api.malformed import GZIP, malformed
from edgesegd.core.errors import EdgesegError, InvalidFrame

MAX_FIELDS = 1024
"""Fields of a message, including those of the messages in it."""
MAX_TEXT = 1024
"""Bytes of a string, or of a packed list of numbers, in the Open Inference Protocol."""
MAX_VARINT = 10

Kind = TypeVar("Kind", bound=Message)


class Content(Enum):
    """The content of a field with a length that is not a message."""

    SHORT = auto()
    ANY_LENGTH = auto()


class Layout:
    """The fields of a message that hold messages, or bytes of any length; all others are short."""

    def __init__(self, descriptor: Any) -> None:  # noqa: ANN401 # protobuf has two types of it
        self.name = descriptor.name
        self.fields: dict[int, Layout | Content] = {}
        for field in descriptor.fields:
            if field.message_type is not None:
                self.fields[field.number] = Layout(field.message_type)
            elif field.type == FieldDescriptor.TYPE_BYTES:
                self.fields[field.number] = Content.ANY_LENGTH


def parser_of(kind: type[Kind], max_text: int | None = MAX_TEXT) -> Callable[[bytes], Kind]:
    """The parser of a kind of message; it raises a ClientError for bytes that are not valid.

    With `max_text` None strings may have any length, and are left to who reads the message.
    """
    layout = Layout(kind.DESCRIPTOR)

    def parse(raw: bytes) -> Kind:
        try:
            check_fields(raw, layout, max_text)
            return kind.FromString(raw)
        except IndexError:
            raise malformed(raw, layout.name, "it is cut off") from None
        except DecodeError as error:
            raise malformed(raw, layout.name, str(error)) from None
        except EdgesegError:
            if raw.startswith(GZIP):
                raise malformed(raw, layout.name, "") from None
            raise

    return parse


def check_fields(raw: bytes, layout: Layout, max_text: int | None = MAX_TEXT) -> None:
    """Raise InvalidFrame if fields are too many or too long.

    Raises DecodeError or IndexError if the bytes are no message.
    """
    _Walk(raw, len(raw) if max_text is None else max_text).over(0, len(raw), layout)


class _Walk:
    """Walks over the fields of one message; `_left` is how many more there may be."""

    def __init__(self, raw: bytes, max_text: int) -> None:
        self._raw = raw
        self._max_text = max_text
        self._left = MAX_FIELDS

    def over(self, at: int, end: int, layout: Layout) -> None:
        """Check the fields from byte `at` to `end`."""
        raw = self._raw
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise InvalidFrame(f"the message has more than {MAX_FIELDS:,} fields")
            # Nearly all tags are one byte, and this runs for every frame.
            tag, at = (raw[at], at + 1) if raw[at] < 0x80 else self._number(at)
            match tag & 7:  # the wire type; source: protobuf.dev/programming-guides/encoding
                case 0:
                    _, at = (0, at + 1) if raw[at] < 0x80 else self._number(at)
                case 1:
                    at += 8
                case 2:
                    size, at = self._number(at)
                    if size > end - at:
                        raise DecodeError(f"the {layout.name} is cut off")
                    self._content(at, size, layout, tag >> 3)
                    at += size
                case 5:
                    at += 4
                case _:
                    raise DecodeError(f"the {layout.name} has a field of an unknown wire type")
        if at > end:
            raise DecodeError(f"the {layout.name} is cut off")

    def _content(self, at: int, size: int, layout: Layout, number: int) -> None:
        content = layout.fields.get(number, Content.SHORT)
        if isinstance(content, Layout):
            self.over(at, at + size, content)
        elif content is Content.SHORT and size > self._max_text:
            raise InvalidFrame(
                f"field {number} of {layout.name} has {size:,} bytes; at most {self._max_text:,} "
                "are allowed; the values of tensors belong in raw_input_contents"
            )

    def _number(self, at: int) -> tuple[int, int]:
        """The variable-length number at byte `at`, and where it ends."""
        number = 0
        for place in range(MAX_VARINT):
            byte = self._raw[at + place]
            number |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                return number, at + place + 1
        raise DecodeError("it has a number that does not end")
