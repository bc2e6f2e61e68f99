"""The daemon's description of itself for GetServerInfo."""

from __future__ import annotations

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.api.v1.classes import class_infos
from edgesegd.api.v1.frames import FORMATS
from edgesegd.api.v1.requests import OUTPUTS
from edgesegd.core.frame import DECODED, FrameLimits
from edgesegd.core.options import NEEDS_SCORES
from edgesegd.serving.registry import ModelRegistry
from edgesegd.serving.served_model import ServedModel
from edgesegd.version import __version__


def server_info(
    models: ModelRegistry, limits: FrameLimits, memory_socket: str
) -> pb.GetServerInfoResponse:
    """The answer to GetServerInfo."""
    has_scores = any(model.spec.has_scores for model in models)
    return pb.GetServerInfoResponse(
        version=__version__,
        models=[describe(model) for model in models],
        formats=[number for number, known in FORMATS.items() if known in DECODED],
        outputs=[
            number for number, known in OUTPUTS.items() if has_scores or known not in NEEDS_SCORES
        ],
        max_frame_bytes=limits.size,
        max_frame_pixels=limits.pixels,
        shared_memory_socket=memory_socket,
    )


def describe(served: ServedModel) -> pb.Model:
    """One model, in the version that serves now."""
    model, engine = served.spec, served.ready()
    return pb.Model(
        name=model.name,
        version=model.version,
        sha256=model.sha256,
        input_width=model.input_size[0],
        input_height=model.input_size[1],
        output_width=model.output_size[0],
        output_height=model.output_size[1],
        classes=class_infos(model.classes),
        has_scores=model.has_scores,
        delegate="" if engine is None else engine.delegate,
        runtime="" if engine is None else engine.runtime,
        degraded=served.degraded(),
        note=model.note,
    )
