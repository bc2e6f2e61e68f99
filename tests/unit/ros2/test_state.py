"""What `/diagnostics` says; a mask that is stale is never OK."""

from __future__ import annotations

import pytest

from edgeseg_client import FrameAnswer, Result, Status, Timing
from edgeseg_ros.state import Level, State

TIMING = Timing(0, 0, 0, 0, 0, 0, 0, 0)
RESULT = Result(
    frame_id=0,
    captured_unix_ns=0,
    width=1,
    height=1,
    frame_size=(1, 1),
    found=(),
    labels_png=b"",
    model="scenes",
    model_version="abc",
    delegate="cpu",
    timing=TIMING,
    raw_labels=b"\0",
    raw_confidence_map=b"",
)


def answer(status: Status, message: str = "", *, timing: Timing | None = TIMING) -> FrameAnswer:
    segmented = RESULT if status is Status.OK else None
    return FrameAnswer(0, status, message, 0.02, timing, segmented)


class Told:
    """A state with a clock that is set by hand, in seconds."""

    def __init__(self) -> None:
        self.now = 100.0
        self.state = State("board:8460", 2.0, lambda: self.now)

    def image(self) -> None:
        self.state.image_came(stamp_believed=True)

    def mask(self) -> None:
        self.image()
        self.state.answered(answer(Status.OK))
        self.state.mask_published(answer(Status.OK))

    def level(self) -> Level:
        return self.state.report().level


@pytest.fixture
def told() -> Told:
    return Told()


def test_before_the_first_image_and_mask_it_is_stale(told: Told) -> None:
    assert told.state.report().message == "no image yet, 0 s after the start"
    assert told.level() is Level.STALE
    told.image()
    assert told.level() is Level.STALE


def test_while_masks_are_published_it_is_ok_with_what_made_them(told: Told) -> None:
    told.mask()
    told.now += 0.5
    report = told.state.report()
    assert report.level is Level.OK
    assert report.values["masks_per_second"] == "2.0"
    assert report.values["last_mask_seconds_ago"] == "0.5"
    assert report.values["model"] == "scenes"
    assert report.values["delegate"] == "cpu"
    assert report.values["latency_seconds"] == "0.020"


def test_without_images_it_becomes_stale(told: Told) -> None:
    told.mask()
    told.now += 2.5
    report = told.state.report()
    assert (report.level, report.message) == (Level.STALE, "no image for 2.5 s")


def test_images_without_masks_are_an_error_with_the_last_failure(told: Told) -> None:
    told.mask()
    told.image()
    told.state.answered(answer(Status.INVALID, "the frame is damaged"))
    for _ in range(5):
        told.now += 0.5
        told.image()
    report = told.state.report()
    assert report.level is Level.ERROR
    assert "no mask for 2.5 s" in report.message
    assert "the frame is damaged" in report.message


def test_the_first_image_after_a_long_pause_is_no_error(told: Told) -> None:
    told.mask()
    told.now += 60
    told.image()
    assert told.level() is Level.OK
    told.now += 1.9
    told.image()
    assert told.level() is Level.OK


def test_a_lost_daemon_is_an_error_until_it_answers(told: Told) -> None:
    told.mask()
    assert told.state.daemon_lost("no daemon answers")
    assert not told.state.daemon_lost("no daemon answers")
    report = told.state.report()
    assert (report.level, report.message) == (Level.ERROR, "no daemon answers")
    # The client itself answers frames that it cannot send.
    assert not told.state.answered(answer(Status.SUPERSEDED, timing=None))
    assert told.level() is Level.ERROR
    assert told.state.answered(answer(Status.SUPERSEDED))
    assert told.level() is Level.OK


def test_failed_and_expired_images_are_a_warning_once(told: Told) -> None:
    told.mask()
    told.state.answered(answer(Status.INVALID, "the frame is damaged"))
    report = told.state.report()
    assert report.level is Level.WARN
    assert report.message == "1 images failed: the frame is damaged"
    assert told.level() is Level.OK
    told.state.answered(answer(Status.EXPIRED))
    assert told.level() is Level.WARN
    told.state.frame_failed("the model was replaced")
    assert told.state.report().message == "1 images failed: the model was replaced"
    assert told.level() is Level.OK


def test_superseded_images_are_counted_and_no_fault(told: Told) -> None:
    told.mask()
    told.state.superseded()
    told.state.answered(answer(Status.SUPERSEDED))
    report = told.state.report()
    assert (report.level, report.values["superseded"]) == (Level.OK, "2")


def test_images_that_are_refused_are_an_error_until_one_is_read(told: Told) -> None:
    told.mask()
    assert told.state.image_refused("images of bayer_rggb8 …")
    assert not told.state.image_refused("images of bayer_rggb8 …")
    report = told.state.report()
    assert (report.level, report.message) == (Level.ERROR, "images of bayer_rggb8 …")
    told.mask()
    assert told.level() is Level.OK


def test_an_image_that_was_refused_between_others_is_a_warning(told: Told) -> None:
    told.state.image_refused("step is 17")
    told.mask()
    report = told.state.report()
    assert (report.level, report.message) == (Level.WARN, "1 images failed: step is 17")


def test_it_says_what_the_age_counts_from(told: Told) -> None:
    assert told.state.report().values["age_counts_from"] == "unknown"
    told.state.image_came(stamp_believed=False)
    assert told.state.report().values["age_counts_from"] == "the receipt of the image"
    told.image()
    assert told.state.report().values["age_counts_from"] == "the header's stamp"
