"""The message for a browser, read as its script reads it."""

from __future__ import annotations

import numpy as np
import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import Result
from edgeseg_client.decode import ResultReader
from edgeseg_client.view.message import encode_runs, frame_message

from ..scripted_daemon import segmentation
from .shown_page import read_message


def result() -> Result:
    return ResultReader().read(
        pb.SegmentResponse(
            segmentation=segmentation(),
            timing=pb.Timing(queued_us=500, invoke_us=2000, labels_us=250),
        )
    )


@pytest.mark.parametrize(
    "labels",
    [
        np.zeros((5, 7), np.uint8),
        np.full((1, 1), 255, np.uint8),
        np.arange(256, dtype=np.uint8).reshape(16, 16),
        np.random.default_rng(1).integers(0, 3, (64, 48)).astype(np.uint8),
    ],
    ids=["one run", "one pixel", "all ids", "noise"],
)
def test_runs_are_the_labels(labels: np.ndarray) -> None:
    lengths, ids = encode_runs(labels)

    assert (np.repeat(ids, lengths).reshape(labels.shape) == labels).all()
    assert (ids[1:] != ids[:-1]).all(), "no run could be longer"


def test_a_message_has_the_picture_the_labels_and_what_was_found() -> None:
    message = frame_message({"source": "öst"}, result(), b"the picture", 0.0035)
    header, labels, picture = read_message(message)

    assert picture == b"the picture"
    assert labels.tolist() == [[0, 1, 1], [0, 255, 7]]
    assert (header["source"], header["delegate"], header["frame_size"]) == (
        "öst",
        "cpu",
        [640, 480],
    )
    assert header["classes"] == [
        {"id": 0, "name": "background", "color": "#000000", "share": pytest.approx(2 / 6)},
        {"id": 1, "name": "road", "color": "#804080", "share": pytest.approx(2 / 6)},
        {"id": 7, "name": "car", "color": "#0000ff", "share": pytest.approx(1 / 6)},
    ]


def test_the_stages_of_a_message_add_up_to_its_latency() -> None:
    header, _, _ = read_message(frame_message({}, result(), b"", 0.0035))

    stages = dict(header["stages"])
    assert stages["invoke"] == pytest.approx(0.002)
    assert stages["transfer"] == pytest.approx(0.00075)
    assert sum(stages.values()) == pytest.approx(header["latency"])


def test_a_latency_below_the_stages_leaves_no_negative_rest() -> None:
    header, _, _ = read_message(frame_message({}, result(), b"", 0.001))
    assert dict(header["stages"])["transfer"] == 0
