"""The client of edgeseg: sends images to a daemon and gets masks back.

    >>> with edgeseg_client.Client("127.0.0.1:8460") as client:
    ...     result = client.segment("street.jpg", size="frame")
    >>> result.labels.shape
    (720, 1280)

`Client` blocks; `AsyncClient` is the same for asyncio.
"""

import edgeseg_client.grpc_import  # noqa: F401  # before anything imports gRPC
from edgeseg_client.aio import DEFAULT_ADDRESS, AsyncClient
from edgeseg_client.answer import FrameAnswer
from edgeseg_client.blocking import Client
from edgeseg_client.channel import tls_credentials
from edgeseg_client.class_table import NO_CLASS
from edgeseg_client.errors import (
    AccessDenied,
    ClientClosed,
    EdgesegClientError,
    EngineFailed,
    Expired,
    ForkedProcess,
    FrameError,
    InvalidRequest,
    NotAsked,
    Overloaded,
    ServerFault,
    Superseded,
    Unavailable,
    Unsupported,
    WrongAddress,
)
from edgeseg_client.frame import Frame, ImageLike, Plane, RawImage
from edgeseg_client.frame_buffer import FrameBuffer
from edgeseg_client.info import ClassInfo, ModelInfo, ServerInfo
from edgeseg_client.options import Options
from edgeseg_client.polygon import Part, Polygon
from edgeseg_client.result import Result
from edgeseg_client.segment import Box, Segment
from edgeseg_client.status import Status
from edgeseg_client.timing import Timing

__all__ = [
    "DEFAULT_ADDRESS",
    "NO_CLASS",
    "AccessDenied",
    "AsyncClient",
    "Box",
    "ClassInfo",
    "Client",
    "ClientClosed",
    "EdgesegClientError",
    "EngineFailed",
    "Expired",
    "ForkedProcess",
    "Frame",
    "FrameAnswer",
    "FrameBuffer",
    "FrameError",
    "ImageLike",
    "InvalidRequest",
    "ModelInfo",
    "NotAsked",
    "Options",
    "Overloaded",
    "Part",
    "Plane",
    "Polygon",
    "RawImage",
    "Result",
    "Segment",
    "ServerFault",
    "ServerInfo",
    "Status",
    "Superseded",
    "Timing",
    "Unavailable",
    "Unsupported",
    "WrongAddress",
    "tls_credentials",
]
