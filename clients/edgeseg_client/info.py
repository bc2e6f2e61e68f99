"""What a daemon serves and accepts: its models, formats, outputs and limits."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.errors import InvalidRequest
from edgeseg_client.names import FORMATS, OUTPUTS


@dataclass(frozen=True, slots=True)
class ClassInfo:
    """A class of a model.

    `id` is the value of its pixels; `color` is (red, green, blue), each 0 to 255.
    """

    id: int
    name: str
    color: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that the daemon serves; sizes are (width, height) in pixels.

    `delegate` and `runtime` are empty while no engine is ready.
    """

    name: str
    version: str
    sha256: str
    input_size: tuple[int, int]
    output_size: tuple[int, int]
    classes: tuple[ClassInfo, ...]
    has_scores: bool
    delegate: str
    runtime: str


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """A daemon. `formats` and `outputs` have the names that this package's options use.

    `max_frame_bytes` and `max_frame_pixels` are 0 if there is no limit. `shared_memory_socket` is
    the path of the socket where clients on the daemon's machine get shared memory, or empty.
    """

    version: str
    models: tuple[ModelInfo, ...]
    formats: tuple[str, ...]
    outputs: tuple[str, ...]
    max_frame_bytes: int
    max_frame_pixels: int
    shared_memory_socket: str = ""

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


def _read_model(message: pb.Model) -> ModelInfo:
    return ModelInfo(
        name=message.name,
        version=message.version,
        sha256=message.sha256,
        input_size=(message.input_width, message.input_height),
        output_size=(message.output_width, message.output_height),
        classes=tuple(
            ClassInfo(
                one.id, one.name, (one.color >> 16 & 255, one.color >> 8 & 255, one.color & 255)
            )
            for one in message.classes
        ),
        has_scores=message.has_scores,
        delegate=message.delegate,
        runtime=message.runtime,
    )
