"""A bounds-checked reader of FlatBuffers: tables, vectors, strings and scalars.

The format is described at https://flatbuffers.dev/internals/. No offset and no length is trusted,
and a budget bounds the work, because a damaged file may refer to one table again and again.
"""

from __future__ import annotations

from struct import Struct, unpack_from
from typing import Final

from edgesegd.core.errors import ModelInvalid

INT8: Final = Struct("<b")
UINT8: Final = Struct("<B")
UINT16: Final = Struct("<H")
INT32: Final = Struct("<i")
UINT32: Final = Struct("<I")
INT64: Final = Struct("<q")
UINT64: Final = Struct("<Q")
FLOAT32: Final = Struct("<f")

_BUDGET = 1_000_000


class Malformed(ModelInvalid):
    """The bytes contradict each other, or end too early."""


class FlatBuffer:
    """Bytes that hold one tree of tables; every access is checked against their length.

    `budget` is how many tables, elements and 64-byte pieces of strings may be read in all.
    """

    def __init__(self, data: bytes | memoryview, budget: int = _BUDGET) -> None:
        self._data = memoryview(data)
        self._budget = budget

    def __len__(self) -> int:
        return len(self._data)

    @property
    def identifier(self) -> bytes:
        """The four bytes that name the schema; fewer if the data is shorter."""
        return bytes(self._data[4:8])

    def root(self) -> Table:
        """The root table."""
        return Table(self, self.follow(0))

    def number(self, layout: Struct, at: int) -> int:
        """The integer of that layout at byte `at`."""
        return int(layout.unpack_from(self._data, self.require(at, layout.size))[0])

    def numbers(self, layout: Struct, at: int, count: int) -> tuple[float, ...]:
        """`count` numbers of that layout in a row."""
        self.charge(count)
        self.require(at, count * layout.size)
        return unpack_from(f"<{count}{layout.format[-1]}", self._data, at)

    def piece(self, at: int, size: int) -> memoryview:
        """`size` bytes from `at`, not copied."""
        self.require(at, size)
        return self._data[at : at + size]

    def follow(self, at: int) -> int:
        """The position to which the offset at byte `at` refers."""
        return at + self.number(UINT32, at)

    def require(self, at: int, size: int) -> int:
        """Return `at` if the file has `size` bytes there, else raise `Malformed`."""
        if at < 0 or at + size > len(self._data):
            raise Malformed(
                f"the file is damaged or cut off: it needs {size} bytes at position {at}, "
                f"but has {len(self._data)} in all"
            )
        return at

    def charge(self, work: int) -> None:
        """Count `work` against the budget."""
        self._budget -= work
        if self._budget < 0:
            raise Malformed("the file is damaged: its tables would be too much work to read")


class Table:
    """One table; its fields are named by their position in the schema, from 0.

    An absent field has its default value, as FlatBuffers defines it.
    """

    __slots__ = ("_buffer", "_size", "_start", "_vtable", "_vtable_size")

    def __init__(self, buffer: FlatBuffer, start: int) -> None:
        buffer.charge(1)
        self._buffer = buffer
        self._start = start
        self._vtable = start - buffer.number(INT32, start)
        self._vtable_size = buffer.number(UINT16, self._vtable)
        self._size = buffer.number(UINT16, self._vtable + 2)
        buffer.require(self._vtable, self._vtable_size)
        buffer.require(start, self._size)

    def integer(self, field: int, layout: Struct, default: int = 0) -> int:
        """An integer or enumeration."""
        at = self.place(field, layout.size)
        return default if at is None else self._buffer.number(layout, at)

    def flag(self, field: int) -> bool:
        """A truth value."""
        return self.integer(field, UINT8) != 0

    def integers(self, field: int, layout: Struct) -> tuple[int, ...]:
        """A vector of integers; empty where absent."""
        return tuple(int(number) for number in self._numbers(field, layout))

    def floats(self, field: int) -> tuple[float, ...]:
        """A vector of float32; empty where absent."""
        return self._numbers(field, FLOAT32)

    def text(self, field: int) -> str:
        """A string; bytes that are not UTF-8 are replaced; "" if absent."""
        start, size = self.vector(field, 1)
        self._buffer.charge(1 + size // 64)
        ending_zero = 1 if start else 0
        return str(self._buffer.piece(start, size + ending_zero)[:size], "utf-8", "replace")

    def blob(self, field: int) -> memoryview:
        """A vector of bytes, not copied; empty where absent."""
        return self._buffer.piece(*self.vector(field, 1))

    def table(self, field: int) -> Table | None:
        """The table that a field refers to."""
        at = self.place(field, UINT32.size)
        return None if at is None else Table(self._buffer, self._buffer.follow(at))

    def tables(self, field: int) -> tuple[Table, ...]:
        """A vector of tables; empty where absent."""
        start, count = self.vector(field, UINT32.size)
        self._buffer.charge(count)
        places = range(start, start + count * UINT32.size, UINT32.size)
        return tuple(Table(self._buffer, self._buffer.follow(at)) for at in places)

    def vector(self, field: int, width: int) -> tuple[int, int]:
        """Where a vector's elements begin, and how many there are; (0, 0) if absent."""
        at = self.place(field, UINT32.size)
        if at is None:
            return 0, 0
        start = self._buffer.follow(at)
        count = self._buffer.number(UINT32, start)
        self._buffer.require(start + UINT32.size, count * width)
        return start + UINT32.size, count

    def place(self, field: int, width: int) -> int | None:
        """Where a field's `width` bytes are; None if absent."""
        entry = 4 + 2 * field
        if entry + UINT16.size > self._vtable_size:
            return None
        offset = self._buffer.number(UINT16, self._vtable + entry)
        if offset == 0:
            return None
        if offset + width > self._size:
            raise Malformed("the file is damaged: a field lies outside its table")
        return self._start + offset

    def _numbers(self, field: int, layout: Struct) -> tuple[float, ...]:
        return self._buffer.numbers(layout, *self.vector(field, layout.size))
