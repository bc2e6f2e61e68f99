"""Converts a model's facts to JSON values: the front reads the file and sends them to engines."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgesegd.core.model import ClassSpec
from edgesegd.models.pixel_map import ChannelOrder, Layout, PixelMap
from edgesegd.models.spec import ModelSpec, OutputKind, TensorSpec, Upsampling

Plain = dict[str, Any]


def to_message(model: ModelSpec) -> Plain:
    """The facts as a message, without `content`, which differs between processes."""
    message = asdict(model)
    for name in ("path", "cpu_twin"):
        message[name] = None if message[name] is None else str(message[name])
    del message["content"]
    return message


def from_message(message: Plain, content: Path | None = None) -> ModelSpec:
    """Read a message; `content` is the path of the model's bytes."""
    mean, std, twin, upsampling = (
        message[name] for name in ("mean", "std", "cpu_twin", "upsampling")
    )
    return ModelSpec(
        **message
        | {
            "path": Path(message["path"]),
            "input": _tensor(message["input"]),
            "output": _tensor(message["output"]),
            "order": ChannelOrder(message["order"]),
            "output_kind": OutputKind(message["output_kind"]),
            "mean": None if mean is None else tuple(mean),
            "std": None if std is None else tuple(std),
            "classes": tuple(
                ClassSpec(each["name"], tuple(each["color"])) for each in message["classes"]
            ),
            "input_map": _map(message["input_map"]),
            "output_map": _map(message["output_map"]),
            "notes": tuple(message["notes"]),
            "custom_ops": tuple(message["custom_ops"]),
            "cpu_twin": None if twin is None else Path(twin),
            "upsampling": None if upsampling is None else _upsampling(upsampling),
            "content": content,
        }
    )


def _tensor(message: Plain) -> TensorSpec:
    return TensorSpec(**message | {"shape": tuple(message["shape"])})


def _map(message: Plain) -> PixelMap:
    return PixelMap(**message | {"layout": Layout(message["layout"])})


def _upsampling(message: Plain) -> Upsampling:
    changed = {"scores": _tensor(message["scores"]), "left_out": tuple(message["left_out"])}
    return Upsampling(**message | changed)
