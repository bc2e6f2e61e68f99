"""Frames by the names of streams, which clients choose: there are only so many series."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from edgesegd.core.call import NOT_OBSERVED
from edgesegd.core.errors import Superseded
from edgesegd.observability.stream_metrics import StreamMetrics
from support.observed_frames import answered, image, stream


class Counted:
    """The metrics of streams, of at most two names."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = StreamMetrics(self.registry, max_names=2)

    def frame(self, name: str) -> None:
        self.metrics.begin(stream(name)).frame_answered(answered(1))

    def series(self) -> dict[tuple[str, str], float]:
        """The counts by name and outcome."""
        return {
            (sample.labels["stream"], sample.labels["outcome"]): sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == "edgeseg_stream_frames_total"
        }


def test_frames_are_counted_by_the_name_of_their_stream_and_their_outcome() -> None:
    counted = Counted()
    front = counted.metrics.begin(stream("front"))
    front.accepted("scenes")
    front.frame_answered(answered(1))
    front.frame_answered(answered(2))
    front.frame_answered(answered(3, Superseded("a newer one came")))
    front.frames_abandoned(4)
    front.ended("")
    assert counted.series() == {
        ("front", "ok"): 2,
        ("front", "superseded"): 1,
        ("front", "cancelled"): 4,
    }


def test_names_after_the_first_ones_are_counted_together() -> None:
    counted = Counted()
    for name in ("front", "back", "garden", "front", "street", "back"):
        counted.frame(name)
    assert counted.series() == {("front", "ok"): 2, ("back", "ok"): 2, ("other", "ok"): 2}


def test_a_stream_that_is_called_other_takes_no_name_from_another() -> None:
    counted = Counted()
    for name in ("other", "front", "back"):
        counted.frame(name)
    assert counted.series() == {("other", "ok"): 1, ("front", "ok"): 1, ("back", "ok"): 1}


def test_a_stream_without_frames_takes_no_name_from_another() -> None:
    counted = Counted()
    for name in ("a", "b", "c"):
        empty = counted.metrics.begin(stream(name))
        empty.accepted("scenes")
        empty.frames_abandoned(0)
        empty.ended("")
    counted.frame("front")
    assert counted.series() == {("front", "ok"): 1}


def test_streams_without_a_name_and_single_images_are_not_observed() -> None:
    metrics = Counted().metrics
    assert metrics.begin(stream()) is NOT_OBSERVED
    assert metrics.begin(image()) is NOT_OBSERVED
