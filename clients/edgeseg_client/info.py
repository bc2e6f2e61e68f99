"""What a daemon serves and accepts: its models, formats, outputs and limits."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.errors import InvalidRequest
from edgeseg_client.names import FORMATS, OUTPUTS


@dataclass(frozen=True, slots=True)
class ClassInfo:
    """A class of a model."""

    id: int
    """The value of its pixels, 0 to 254."""
    name: str
    """Its name."""
    color: tuple[int, int, int]
    """(red, green, blue), each 0 to 255."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that the daemon serves."""

    name: str
    """Its name, for the option `model`."""
    version: str
    """The number of its folder, or the first 12 digits of `sha256`."""
    sha256: str
    """The SHA-256 of its file, hexadecimal."""
    input_size: tuple[int, int]
    """(width, height) of its input, in pixels."""
    output_size: tuple[int, int]
    """(width, height) of masks with `size="model"`, in pixels."""
    classes: tuple[ClassInfo, ...]
    """All its classes, in the order of their ids."""
    has_scores: bool
    """Whether the outputs `confidence` and `confidence_map` can be asked for."""
    delegate: str
    """The delegate that runs it now, such as `cpu`; empty while no engine is ready."""
    runtime: str
    """The runtime and its version; empty while no engine is ready."""
    degraded: bool = False
    """Whether a better delegate is unhealthy: masks are right, but come later."""
    note: str = ""
    """What its users should know, such as what it was trained for; empty if nothing is stated."""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """A daemon: what it serves and accepts."""

    version: str
    """The daemon's version."""
    models: tuple[ModelInfo, ...]
    """The models that it serves."""
    formats: tuple[str, ...]
    """The formats of frames that it decodes."""
    outputs: tuple[str, ...]
    """The outputs that it gives, as the option `outputs` calls them."""
    max_frame_bytes: int
    """The largest frame in bytes; 0 for no limit."""
    max_frame_pixels: int
    """The largest picture in pixels; 0 for no limit."""
    shared_memory_socket: str = ""
    """The path of the socket where clients on its machine get shared memory, or empty."""

    def model(self, name: str = "") -> ModelInfo:
        """The model with that name; without a name, the daemon's default model.

        Raises `InvalidRequest` if the daemon does not serve such a model.
        """
        for model in self.models:
            if name in {"", model.name}:
                return model
        served = ", ".join(model.name for model in self.models) or "none"
        raise InvalidRequest(f"the daemon serves no model {name!r}; it serves: {served}")


def read_info(message: pb.GetServerInfoResponse) -> ServerInfo:
    """Converts the response of `GetServerInfo`."""
    return ServerInfo(
        version=message.version,
        models=tuple(_read_model(model) for model in message.models),
        formats=tuple(name for name, value in FORMATS.items() if value in message.formats),
        outputs=tuple(name for name, value in OUTPUTS.items() if value in message.outputs),
        max_frame_bytes=message.max_frame_bytes,
        max_frame_pixels=message.max_frame_pixels,
        shared_memory_socket=message.shared_memory_socket,
    )


def read_class(message: pb.ClassInfo) -> ClassInfo:
    """Converts one class."""
    color = message.color
    return ClassInfo(message.id, message.name, (color >> 16 & 255, color >> 8 & 255, color & 255))


def _read_model(message: pb.Model) -> ModelInfo:
    return ModelInfo(
        name=message.name,
        version=message.version,
        sha256=message.sha256,
        input_size=(message.input_width, message.input_height),
        output_size=(message.output_width, message.output_height),
        classes=tuple(map(read_class, message.classes)),
        has_scores=message.has_scores,
        delegate=message.delegate,
        runtime=message.runtime,
        degraded=message.degraded,
        note=message.note,
    )
