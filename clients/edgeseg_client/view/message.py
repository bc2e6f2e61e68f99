"""The message for a browser with one frame: what was found, its labels and its picture.

A message is the length of its header (4 bytes, little endian), the header as JSON, padded with
spaces to a multiple of 4, and the labels as runs: `runs` lengths of 4 bytes each, then `runs` class
ids of one byte each. What is left is the picture.

Runs and not a PNG, because a script gets the pixels of a picture only through a canvas, and
browsers that hide from trackers (Brave, Firefox with resistFingerprinting) falsify these.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseg_client.label_statistics import count_labels
from edgeseg_client.result import LabelMap, Result
from edgeseg_client.summary import STAGES

_NEUTRAL = (128, 128, 128)


def frame_message(about: dict[str, Any], result: Result, picture: bytes, latency: float) -> bytes:
    """The message for a result; `about` is added to its header.

    `latency` is the seconds from when the client had the frame to its answer. `picture` is a JPEG,
    or empty for a browser that has the picture.
    """
    lengths, ids = encode_runs(result.labels)
    header = {**about, **_describe(result, latency), "runs": len(ids)}
    # In ASCII: names of files need not be UTF-8.
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    return b"".join((struct.pack("<I", len(text)), text, lengths.tobytes(), ids.tobytes(), picture))


def encode_runs(labels: LabelMap) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]]:
    """The runs of equal labels, row by row: their lengths (little endian) and their class ids."""
    flat = labels.ravel()
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    return np.diff(starts, append=flat.size).astype("<u4"), flat[starts]


def _describe(result: Result, latency: float) -> dict[str, Any]:
    return {
        "frame_id": result.frame_id,
        "size": [result.width, result.height],
        "frame_size": list(result.frame_size),
        "classes": _classes(result),
        "model": result.model,
        "model_version": result.model_version,
        "delegate": result.delegate,
        "reused": result.reused,
        "latency": latency,
        "stages": _stages(result, latency),
    }


def _classes(result: Result) -> list[dict[str, Any]]:
    """The classes found, in the order of their ids, so that a legend does not jump."""
    colors = {one.id: one.color for one in result.class_table}
    return [
        {
            "id": id_,
            "name": result.class_name(id_),
            "color": "#{:02x}{:02x}{:02x}".format(*colors.get(id_, _NEUTRAL)),
            "share": area / result.labels.size,
        }
        for id_, area in count_labels(result.labels).items()
    ]


def _stages(result: Result, latency: float) -> list[tuple[str, float]]:
    """Each stage with its seconds; `transfer` is what the daemon's stages leave of the latency."""
    stages = [(name, getattr(result.timing, name)) for name in STAGES]
    between = max(0.0, latency - sum(seconds for _, seconds in stages))
    return [*stages, ("transfer", between)]
