"""A JPEG whose restart intervals are not all there lacks pixels, whatever else it has."""

from __future__ import annotations

import itertools
import re
from functools import partial
from pathlib import Path

import numpy as np
import PIL
import pytest
from PIL import Image

from edgesegd.core.errors import InvalidFrame
from edgesegd.core.frame import FrameFormat
from support.decoding import decode_whole
from support.pictures import file_of, jpeg_of_components, jpeg_segment, noise

DATA = Path(__file__).parent / "data"
RESTART = re.compile(rb"\xff[\xd0-\xd7]")
END = b"\xff\xd9"
DAMAGED = "the JPEG is damaged: "
SIZE = (203, 331)
CODINGS: dict[str, dict[str, object]] = {
    "rows": {"restart_marker_rows": 1},
    "full chroma": {"restart_marker_rows": 1, "subsampling": 0},
    "half the columns": {"restart_marker_rows": 1, "subsampling": 1},
    "blocks": {"restart_marker_blocks": 7},
    "every block": {"restart_marker_blocks": 1},
    "progressive": {"restart_marker_rows": 1, "progressive": True},
    "progressive blocks": {"restart_marker_blocks": 7, "progressive": True},
}
MODES = ("L", "RGB", "CMYK")


WRITES_RESTARTS = tuple(map(int, PIL.__version__.split(".")[:2])) >= (10, 2)
writes_restarts = pytest.mark.skipif(
    not WRITES_RESTARTS, reason="this Pillow writes no restart markers (it does since 10.2)"
)


decode = partial(decode_whole, FrameFormat.JPEG)


def picture_of(mode: str, coding: str) -> bytes:
    image = Image.fromarray(noise(*SIZE)).convert(mode)
    return file_of(image, "JPEG", quality=85, **CODINGS[coding])


def intervals(data: bytes) -> list[tuple[int, int]]:
    """From each restart marker of the first scan to the one behind it."""
    start = data.index(b"\xff\xda")
    next_header = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]").search(data, start + 2)
    assert next_header is not None
    found = [each.start() for each in RESTART.finditer(data, start, next_header.start())]
    return list(itertools.pairwise(found))


@writes_restarts
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("coding", CODINGS)
def test_a_whole_picture_with_restarts_is_decoded(coding: str, mode: str) -> None:
    whole = picture_of(mode, coding)
    assert len(intervals(whole)) > 8
    assert decode(whole).shape[:2] == SIZE[::-1]
    assert np.array_equal(decode(whole[:-2]), decode(whole))


@writes_restarts
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("missing", [1, 3, 7, 8, 9, 16])
def test_missing_intervals_are_found_though_the_last_one_is_there(
    missing: int, coding: str, mode: str
) -> None:
    whole = picture_of(mode, coding)
    found = intervals(whole)
    if missing >= len(found):
        pytest.skip("the picture has fewer intervals")
    for first in (0, (len(found) - missing) // 2, len(found) - missing):
        start, end = found[first][0], found[first + missing - 1][1]
        with pytest.raises(InvalidFrame, match=DAMAGED + r"a scan has [\d,]+ restart markers, and"):
            decode(whole[:start] + whole[end:])


@writes_restarts
@pytest.mark.parametrize("coding", CODINGS)
def test_intervals_twice_or_in_another_order_or_empty_are_damage(coding: str) -> None:
    whole = picture_of("RGB", coding)
    (start, middle), (_, end) = intervals(whole)[2:4]
    one, other = whole[start:middle], whole[middle:end]
    with pytest.raises(InvalidFrame, match=DAMAGED + "its restart markers are not in order"):
        decode(whole[:start] + other + one + whole[end:])
    with pytest.raises(InvalidFrame, match=DAMAGED + "a scan has"):
        decode(whole[:start] + one + one + other + whole[end:])
    with pytest.raises(InvalidFrame, match=DAMAGED + "there is nothing before a restart marker"):
        decode(whole[:start] + one[:2] + other + whole[end:])


@writes_restarts
def test_one_restart_behind_the_last_interval_is_no_damage() -> None:
    """As some cameras write it; each number, because the last interval has any."""
    for height in range(16, 16 * 10, 16):
        whole = file_of(Image.fromarray(noise(64, height)), "JPEG", restart_marker_rows=1)
        count = len(RESTART.findall(whole, whole.index(b"\xff\xda")))
        assert count == height // 16 - 1
        behind = bytes([0xFF, 0xD0 + count % 8])
        assert np.array_equal(decode(whole[:-2] + behind + END), decode(whole))
        with pytest.raises(InvalidFrame, match=DAMAGED):
            decode(whole[:-2] + bytes([0xFF, 0xD0 + (count + 1) % 8]) + END)


@pytest.mark.parametrize("name", ["restarts", "restarts_progressive"])
def test_a_file_with_restarts_lacks_none(name: str) -> None:
    whole = (DATA / f"{name}.jpg").read_bytes()
    assert decode(whole).shape == (160, 32, 3)
    found = intervals(whole)
    assert len(found) == 8
    for missing in (1, 8):
        with pytest.raises(
            InvalidFrame, match=DAMAGED + r"a scan has \d restart markers, and not 9"
        ):
            decode(whole[: found[0][0]] + whole[found[missing - 1][1] :])


def test_the_interval_of_each_scan_is_its_own() -> None:
    """Where components have scans of their own, an interval may be set before each of them."""
    whole = jpeg_of_components([noise(80, 64, 1, seed)[..., 0] for seed in range(3)])
    wanted = decode(whole)
    second = [at for at in range(len(whole)) if whole[at : at + 2] == b"\xff\xda"][1]
    every_80 = jpeg_segment(0xDD, (80).to_bytes(2, "big"))
    assert np.array_equal(decode(whole[:second] + every_80 + whole[second:]), wanted)
    every_40 = jpeg_segment(0xDD, (40).to_bytes(2, "big"))
    with pytest.raises(InvalidFrame, match="a scan has 0 restart markers, and not 1"):
        decode(whole[:second] + every_40 + whole[second:])


@writes_restarts
def test_markers_are_counted_over_more_than_is_searched_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = picture_of("RGB", "every block")
    for part in range(1, 40, 3):
        monkeypatch.setattr("edgesegd.imaging.jpeg_restarts.PART", part)
        assert decode(whole).shape[:2] == SIZE[::-1]
