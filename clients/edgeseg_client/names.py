"""The enumerations of `edgeseg.v1` by the short names that this package uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, TypeVar

from edgeseg.v1 import segmentation_pb2 as pb

_Value_co = TypeVar("_Value_co", bound=int, covariant=True)


class _Enumeration(Protocol[_Value_co]):
    def items(self) -> Sequence[tuple[str, _Value_co]]: ...


def _short(enumeration: _Enumeration[_Value_co], prefix: str) -> dict[str, _Value_co]:
    """Maps `some_name` to the value of `PREFIX_SOME_NAME`; leaves out the unspecified value 0."""
    return {
        name.removeprefix(prefix).lower(): value for name, value in enumeration.items() if value
    }


FORMATS: Final = _short(pb.FrameFormat, "FRAME_FORMAT_")
OUTPUTS: Final = _short(pb.Output, "OUTPUT_")
POLICIES: Final = _short(pb.QueuePolicy, "QUEUE_POLICY_")
PRIORITIES: Final = _short(pb.StreamPriority, "STREAM_PRIORITY_")
REUSES: Final = _short(pb.Reuse, "REUSE_")
RESIZES: Final = _short(pb.ResizePolicy, "RESIZE_POLICY_")
SIZES: Final = _short(pb.OutputSizeMode, "OUTPUT_SIZE_MODE_")
STATUSES: Final = _short(pb.FrameStatus, "FRAME_STATUS_")
YUV_MATRICES: Final = _short(pb.YuvMatrix, "YUV_MATRIX_")
YUV_RANGES: Final = _short(pb.YuvRange, "YUV_RANGE_")
