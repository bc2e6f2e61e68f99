"""One line of JSON for each answered frame."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from edgeseg_client.cli.outputs.output import ResultWriter
from edgeseg_client.options import Output
from edgeseg_client.result import Result
from edgeseg_client.segment import Segment
from edgeseg_client.sources.following import AnsweredFrame


class JsonLines(ResultWriter):
    """Gives each line to `write`: ids, times, and each class with its area, box and polygons."""

    def __init__(
        self, write: Callable[[str], object], *, polygons: bool = False, confidence: bool = False
    ) -> None:
        needs: list[Output] = ["statistics"]
        needs += ["confidence"] * confidence
        needs += ["polygons"] * polygons
        self.needs = tuple(needs)
        self._write = write

    def add(self, answered: AnsweredFrame, file: str = "") -> None:
        """As the base says; `file` is the frame's file, if its own name does not say which."""
        frame, answer = answered.frame, answered.answer
        line: dict[str, Any] = {
            "type": "frame",
            "source": answered.source.name,
            "frame_id": answer.frame_id,
            "file": file or frame.label or None,
            "captured_unix_ns": frame.captured_unix_ns,
            "video_seconds": frame.seconds,
            "status": answer.status.value,
            "message": answer.message,
            "latency": answer.latency,
            "timing": None if answer.timing is None else asdict(answer.timing),
        }
        if answer.segmented is not None:
            line |= _describe(answer.segmented, self.needs)
        self._write(json.dumps(line))


def _describe(result: Result, asked: tuple[Output, ...]) -> dict[str, Any]:
    return {
        "model": result.model,
        "model_version": result.model_version,
        "delegate": result.delegate,
        "reused_from_frame_id": result.reused_from_frame_id,
        "width": result.width,
        "height": result.height,
        "frame_width": result.frame_size[0],
        "frame_height": result.frame_size[1],
        "classes": [_segment(one, result, asked) for one in result.segments],
    }


def _segment(found: Segment, result: Result, asked: tuple[Output, ...]) -> dict[str, Any]:
    line: dict[str, Any] = {
        "id": found.class_id,
        "name": found.class_name,
        "area": found.area,
        "share": found.area / (result.width * result.height),
        "box": list(found.box),
    }
    if "confidence" in asked:
        line["mean_confidence"] = found.mean_confidence
    if "polygons" in asked:
        line["polygons"] = [
            {"outline": part.outline.tolist(), "holes": [hole.tolist() for hole in part.holes]}
            for part in found.parts
        ]
    return line
