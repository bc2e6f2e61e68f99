"""The reader of FlatBuffers, on bytes written by hand."""

from __future__ import annotations

import struct

import pytest

from edgesegd.models.tflite.flatbuffer import INT32, FlatBuffer, Malformed, Table


def one_field(value: bytes, *, vtable_size: int = 6, table_size: int = 8, offset: int = 4) -> bytes:
    """A root table at 12, its vtable at 4, with one field of four bytes that `value` goes on."""
    return struct.pack("<IHHHxxi", 12, vtable_size, table_size, offset, 8) + value


def root(data: bytes) -> Table:
    return FlatBuffer(data).root()


def test_scalars_vectors_and_strings_of_a_flatbuffer_are_read() -> None:
    assert root(one_field(struct.pack("<i", -7))).integer(0, INT32) == -7
    numbers = one_field(struct.pack("<IIii", 4, 2, 5, -6))
    assert root(numbers).integers(0, INT32) == (5, -6)
    assert root(one_field(struct.pack("<II", 4, 3) + b"abc\0")).text(0) == "abc"


def test_absent_fields_of_a_flatbuffer_read_as_their_defaults() -> None:
    table = root(one_field(bytes(4), offset=0))
    assert table.integer(0, INT32, default=9) == 9
    assert table.integer(40, INT32) == 0
    assert table.text(0) == ""
    assert table.integers(0, INT32) == ()
    assert bytes(table.blob(0)) == b""
    assert table.table(0) is None
    assert table.tables(0) == ()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0",
        struct.pack("<I", 1 << 31),
        one_field(bytes(4), vtable_size=60000),
        one_field(bytes(4), table_size=60000),
    ],
)
def test_a_root_outside_the_data_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        root(data)


def test_a_field_outside_its_table_is_malformed() -> None:
    with pytest.raises(Malformed, match="outside its table"):
        root(one_field(bytes(4), offset=6)).integer(0, INT32)


@pytest.mark.parametrize("count", [5, 1 << 30, (1 << 32) - 1])
def test_a_vector_longer_than_the_data_is_malformed(count: int) -> None:
    table = root(one_field(struct.pack("<III", 4, count, 1)))
    for read in (table.blob, table.tables, table.text, table.floats):
        with pytest.raises(Malformed):
            read(0)


def test_a_string_without_its_ending_zero_is_malformed() -> None:
    with pytest.raises(Malformed):
        root(one_field(struct.pack("<II", 4, 3) + b"abc")).text(0)


def test_tables_that_are_shared_over_and_over_exhaust_the_budget() -> None:
    first_vector = struct.pack("<II", 4, 10) + b"".join(
        struct.pack("<I", 4 * (10 - at)) for at in range(10)
    )
    data = one_field(first_vector + struct.pack("<ii", 64 - 4, 0))
    assert len(FlatBuffer(data, budget=100).root().tables(0)) == 10
    with pytest.raises(Malformed, match="too much work"):
        FlatBuffer(data, budget=15).root().tables(0)
