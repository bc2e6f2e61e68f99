"""Shared memory that its client may do with what it likes."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from edgesegd.core.errors import InvalidFrame
from edgesegd.core.frame import FrameFormat, FrameLimits, FrameSpec
from edgesegd.core.frame_check import check_frame
from edgesegd.ipc.segment import SegmentFrame, SharedMemorySegment


def opened(path: Path, offset: int, size: int) -> SharedMemorySegment:
    return SharedMemorySegment(os.open(path, os.O_RDWR), offset, size, writable=True)


def test_a_frame_is_read_from_where_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "segment"
    path.write_bytes(bytes(range(100)))
    frame = SegmentFrame(opened(path, 10, 50), 5, 20)
    slot = bytearray(30)
    frame.read_into(memoryview(slot))
    assert slot == bytes(range(15, 35)) + bytes(10)
    assert len(frame) == 20
    assert frame[:4] == bytes(range(15, 19))
    assert frame[18:100] == bytes([33, 34])
    assert frame[30:40] == b""


def test_a_frame_in_a_segment_is_checked_as_any(tmp_path: Path) -> None:
    path = tmp_path / "segment"
    path.write_bytes(b"1234\xff\xd8\xff\xe0picture")
    frame = SegmentFrame(opened(path, 4, 11), 0, 11)
    limits = FrameLimits(11, 1000)
    assert check_frame(FrameSpec(FrameFormat.AUTO), frame, limits).format is FrameFormat.JPEG
    with pytest.raises(InvalidFrame, match="11 bytes, more than the 10"):
        check_frame(FrameSpec(FrameFormat.AUTO), frame, FrameLimits(10, 1000))


def test_a_segment_that_became_shorter_is_an_error_until_it_is_whole_again(tmp_path: Path) -> None:
    path = tmp_path / "segment"
    path.write_bytes(bytes(100))
    segment = opened(path, 0, 100)
    frame, slot = SegmentFrame(segment, 50, 50), memoryview(bytearray(50))
    for left in (99, 50, 49, 0):
        os.truncate(path, left)
        with pytest.raises(InvalidFrame, match="shorter"):
            frame.read_into(slot)
        with pytest.raises(InvalidFrame, match="shorter"):
            segment.write(50, bytes(50))
        assert path.stat().st_size == left
    path.write_bytes(b"x" * 100)
    frame.read_into(slot)
    assert bytes(slot) == b"x" * 50


def test_results_are_written_where_they_belong(tmp_path: Path) -> None:
    path = tmp_path / "segment"
    path.write_bytes(bytes(30))
    opened(path, 10, 20).write(5, b"result")
    assert path.read_bytes() == bytes(15) + b"result" + bytes(9)


def test_a_segment_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "segment"
    path.write_bytes(bytes(30))
    segment = SharedMemorySegment(os.open(path, os.O_RDONLY), 0, 30, writable=False)
    with pytest.raises(InvalidFrame, match="cannot be written"):
        segment.write(0, b"result")


def test_its_file_is_closed_with_the_last_frame_in_it(tmp_path: Path) -> None:
    path = tmp_path / "segment"
    path.write_bytes(bytes(30))
    segment = opened(path, 0, 30)
    descriptor, frame = segment.descriptor, SegmentFrame(segment, 0, 30)
    del segment
    gc.collect()
    assert os.fstat(descriptor).st_size == 30
    assert frame[:2] == bytes(2)
    del frame
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_segment_that_was_unlinked_has_no_name(tmp_path: Path) -> None:
    path = tmp_path / "segment"
    path.write_bytes(bytes(30))
    segment = opened(path, 0, 30)
    assert segment.is_named
    path.unlink()
    assert not segment.is_named
