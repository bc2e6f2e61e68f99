"""Frames of a source, and how often they are taken."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from edgeseg_client.cli.exit_codes import UsageError
from edgeseg_client.errors import WrongSource
from edgeseg_client.sources import Source, SourceFrame
from edgeseg_mqtt.frame_feed import FrameFeed
from edgeseg_mqtt.source import choose_source


class Numbers(Source):
    """Frames that are there at once, and are called by their number."""

    def __init__(self, *, live: bool, count: int) -> None:
        super().__init__("numbers")
        self.is_live = live
        self._count = count

    def __iter__(self) -> Iterator[SourceFrame]:
        for number in range(self._count):
            yield SourceFrame(b"", id=100 + number, label=str(number))


def test_frames_get_ids_of_their_own_and_are_kept_until_they_are_answered() -> None:
    feed = FrameFeed(lambda: Numbers(live=False, count=3), fps=1000)
    frames = list(feed)
    assert [frame.id for frame in frames] == [0, 1, 2]
    taken = feed.take_answered(1)
    assert taken is not None
    assert taken.frame.label == "1"
    assert feed.take_answered(1) is None
    again = list(feed)
    assert [frame.id for frame in again] == [3, 4, 5], "ids are not used twice"
    feed.close()
    assert feed.take_answered(0) is None


def test_a_camera_that_is_too_fast_is_thinned_out_and_the_last_frames_are_not_waited_for() -> None:
    fast = FrameFeed(lambda: Numbers(live=True, count=1000), fps=1e-6)
    assert [frame.label for frame in fast] == ["0"]


def test_files_are_slowed_down_and_none_is_left_out() -> None:
    feed = FrameFeed(lambda: Numbers(live=False, count=5), fps=100)
    begun = time.monotonic()
    frames = list(feed)
    assert [frame.label for frame in frames] == list("01234")
    taken = [feed.take_answered(number) for number in range(5)]
    assert all(
        each is not None and each.taken >= begun + number / 100 for number, each in enumerate(taken)
    )


def test_a_source_has_the_name_that_was_given_or_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "a=b"
    folder.mkdir()
    (folder / "x.png").touch()
    assert choose("rtsp://me:secret@cam.lan/live") == ("cam.lan", "rtsp://me:secret@cam.lan/live")
    assert choose("rtsp://cam.lan/live?a=b") == ("cam.lan", "rtsp://cam.lan/live?a=b")
    assert choose("Haustür links = http://cam.lan/x?a=b")[0] == "Haustür links"
    assert choose(str(folder)) == ("a=b", str(folder))
    assert choose(f"Hut={folder}") == ("Hut", str(folder))


def choose(text: str) -> tuple[str, str]:
    pytest.importorskip("av", reason="PyAV reads addresses: pip install 'edgeseg[video]'")
    chosen = choose_source(text, rounds=1, size=None)
    return chosen.name, chosen.address.strip()


@pytest.mark.parametrize("text", ["nowhere", "x=nowhere", "="])
def test_what_is_no_source_is_an_error_at_once(text: str, tmp_path: Path) -> None:
    with pytest.raises((WrongSource, UsageError)):
        choose_source(text, rounds=1, size=None)


def test_files_are_played_as_often_as_was_said(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.png").touch()
    twice = choose_source(str(tmp_path), rounds=2, size=None).open()
    assert len(list(twice)) == 4
    endless = choose_source(str(tmp_path), rounds=0, size=None).open()
    assert len(list(islice(endless, 9))) == 9


def test_a_folder_whose_name_is_not_in_utf8_has_one_that_can_be_published(tmp_path: Path) -> None:
    folder = tmp_path / "Caf\udce9"
    folder.mkdir()
    (folder / "a.jpg").touch()
    assert choose_source(str(folder), rounds=1, size=None).name == "Caf\N{REPLACEMENT CHARACTER}"
    assert choose_source(f"Café={folder}", rounds=1, size=None).name == "Café"
