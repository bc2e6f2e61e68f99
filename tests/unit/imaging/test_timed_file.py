"""A file can be read until its time is over."""

from __future__ import annotations

import itertools
import time

import pytest

from edgesegd.imaging.timed_file import TimedFile, TimeIsOver


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock goes on by a second whenever it is looked at."""
    clock = itertools.count()
    monkeypatch.setattr(time, "thread_time", lambda: float(next(clock)))


@pytest.mark.usefixtures("ticks")
def test_a_file_is_read_until_its_time_is_over() -> None:
    file = TimedFile(b"abcdef", 3)
    assert [file.read(2), file.read(1), file.read()] == [b"ab", b"c", b"def"]
    with pytest.raises(TimeIsOver):
        file.read(1)


def test_no_read_goes_beyond_the_next_stop() -> None:
    file = TimedFile(memoryview(b"0123456789"), 60)
    file.stop_reads_at([2, 3, 7])
    assert [file.read(4) for _ in range(5)] == [b"01", b"2", b"3456", b"789", b""]
    file.seek(0)
    assert [file.read(1), file.read(1), file.read(1)] == [b"0", b"1", b"2"]
    assert file.read() == b"3456789"


def test_a_file_goes_on_with_another_end_than_its_own() -> None:
    file = TimedFile(b"0123456789", 60)
    file.stop_reads_at([2, 9])
    file.end_at(5, b"end")
    assert [file.read(4) for _ in range(5)] == [b"01", b"234", b"end", b"", b""]
    whole = TimedFile(b"0123456789", 60)
    whole.end_at(5, b"end")
    assert [whole.read(), whole.read(), whole.read()] == [b"01234", b"end", b""]


@pytest.mark.usefixtures("ticks")
def test_the_time_of_a_file_can_be_checked_between_its_reads() -> None:
    file = TimedFile(b"abcdef", 2)
    file.check_time()
    file.check_time()
    with pytest.raises(TimeIsOver):
        file.check_time()
