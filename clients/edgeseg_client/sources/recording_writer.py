"""Writes recordings of streams."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.age import FrameAge
from edgeseg_client.errors import InvalidRequest
from edgeseg_client.frame_encoder import write_frame
from edgeseg_client.info import ClassInfo
from edgeseg_client.sources.following import AnsweredFrame
from edgeseg_client.sources.recording_entry import FIRST_LINE
from edgeseg_client.sources.source import SourceFrame


class Recording:
    """Writes answered frames to a new file; each is complete once `add` returns."""

    def __init__(self, path: Path) -> None:
        # "x": a file that has come since the arguments were checked is not written over either.
        self._file = path.open("wb" if path.exists() and not path.is_file() else "xb")
        self._file.write(FIRST_LINE)
        self._classes: tuple[ClassInfo, ...] | None = None

    def add(self, answered: AnsweredFrame) -> None:
        """Append a frame and its answer; without its bytes if they cannot be had again."""
        frame, answer, result = answered.frame, answered.answer, answered.answer.segmented
        sent = _as_sent(frame)
        labels = b"" if result is None else result.labels_png
        line: dict[str, Any] = {
            "bytes": [len(sent), len(labels)],
            "source": answered.source.name,
            "frame_id": answer.frame_id,
            "label": frame.label,
            "captured_unix_ns": frame.captured_unix_ns,
            "seconds": frame.seconds,
            "status": answer.status.value,
            "message": answer.message,
            "latency": answer.latency,
            "timing": None if answer.timing is None else asdict(answer.timing),
        }
        if result is not None:
            line["result"] = {
                "size": [result.width, result.height],
                "frame_size": list(result.frame_size),
                "model": [result.model, result.model_version, result.delegate],
                "wanted": list(result.wanted),
                "covers_frame": result.covers_frame,
                "reused_from_frame_id": result.reused_from_frame_id,
            }
            if result.class_table != self._classes:
                self._classes = result.class_table
                line["classes"] = [[one.id, one.name, *one.color] for one in result.class_table]
        self._file.write(json.dumps(line).encode() + b"\n" + sent + labels)
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _as_sent(frame: SourceFrame) -> bytes:
    """The frame's message; empty if its picture is missing, or was lent to the daemon."""
    message = pb.Frame()
    try:
        write_frame(message, frame, FrameAge(frame.captured_unix_ns), "rgb")
    except InvalidRequest:
        return b""
    return message.SerializeToString()
