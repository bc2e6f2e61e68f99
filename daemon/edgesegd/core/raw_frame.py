"""Where the rows of a raw frame are among its bytes, and the checks of that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

from edgesegd.core.errors import InvalidFrame, InvalidReason
from edgesegd.core.frame import (
    BYTES_PER_PIXEL,
    SUBSAMPLED,
    WITH_CHROMA,
    FrameFormat,
    FrameLimits,
    FrameSpec,
    Plane,
    check_pixels,
)

NAMES_OF_PLANES = {
    FrameFormat.I420: ("Y", "U", "V"),
    FrameFormat.NV12: ("Y", "UV"),
    FrameFormat.NV21: ("Y", "VU"),
}
"""Of the formats that have more than one plane."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one plane: `count` of `length` bytes, the first at `offset`, each `stride` on."""

    offset: int
    stride: int
    count: int
    length: int

    @property
    def end(self) -> int:
        """The byte behind the last row."""
        return self.offset + self.stride * (self.count - 1) + self.length


def rows_of(spec: FrameSpec) -> tuple[Rows, ...]:
    """The rows of each plane of a raw frame, in the order that its format names them."""
    packed = spec.width * BYTES_PER_PIXEL[spec.format]
    shapes = [(spec.height, packed)]
    if spec.format is FrameFormat.I420:
        shapes += [(spec.height // 2, packed // 2)] * 2
    elif spec.format in SUBSAMPLED:
        shapes.append((spec.height // 2, packed))
    planes = spec.planes or _one_behind_the_other(shapes, spec.stride or packed)
    return tuple(
        Rows(plane.offset, plane.stride or length, count, length)
        for plane, (count, length) in zip(planes, shapes, strict=True)
    )


def check_raw(spec: FrameSpec, size: int, limits: FrameLimits) -> FrameSpec:
    """Check a raw frame of `size` bytes; returns `spec` with the strides filled in.

    Raises InvalidFrame if it contradicts itself, its size or the limits.
    """
    name = spec.format.value.upper()
    if spec.width == 0 or spec.height == 0:
        raise InvalidFrame(
            f"a raw {name} frame needs a width and a height, not {spec.width}x{spec.height}",
            InvalidReason.DESCRIPTION,
        )
    check_pixels(spec.width, spec.height, limits.pixels)
    _check_chroma(spec)
    return _check_planes(spec, size, limits) if spec.planes else _check_stride(spec, size, limits)


def _one_behind_the_other(shapes: list[tuple[int, int]], stride: int) -> list[Plane]:
    """Planes without a gap between them; those of half the width have half the stride."""
    planes, offset = [], 0
    for count, length in shapes:
        own = stride if length == shapes[0][1] else stride // 2
        planes.append(Plane(offset, own))
        offset += own * count
    return planes


def _check_stride(spec: FrameSpec, size: int, limits: FrameLimits) -> FrameSpec:
    """Check a frame whose planes are one behind the other; its last row needs no padding."""
    name = spec.format.value.upper()
    packed = spec.width * BYTES_PER_PIXEL[spec.format]
    stride = spec.stride or packed
    _check_row(f"stride {stride}", stride, packed, spec, limits)
    if spec.format is FrameFormat.I420 and stride % 2:
        raise InvalidFrame(
            f"I420 frames have an even stride, not {stride}; for strides of their own give planes",
            InvalidReason.DESCRIPTION,
        )
    checked = replace(spec, stride=stride)
    last = rows_of(checked)[-1]
    longest = last.offset + last.stride * last.count
    if not last.end <= size <= longest:
        raise InvalidFrame(
            f"{spec.width}x{spec.height} {name} with stride {stride} has {longest:,} bytes, not "
            f"{size:,}; if there is padding between or behind its planes, give planes",
            InvalidReason.DESCRIPTION,
        )
    return checked


def _check_planes(spec: FrameSpec, size: int, limits: FrameLimits) -> FrameSpec:
    """Check a frame that says where each plane is."""
    name = spec.format.value.upper()
    names = NAMES_OF_PLANES.get(spec.format, ("",))
    if len(spec.planes) != len(names):
        wanted = f"{len(names)} planes, {', '.join(names)}" if names[0] else "1 plane"
        raise InvalidFrame(
            f"a {name} frame has {wanted}; it was sent with {len(spec.planes)}",
            InvalidReason.DESCRIPTION,
        )
    every = rows_of(spec)
    if spec.stride not in (0, every[0].stride):
        raise InvalidFrame(
            f"the frame's stride {spec.stride} contradicts {every[0].stride}, that of its first "
            "plane; leave it out where there are planes",
            InvalidReason.DESCRIPTION,
        )
    for plane, rows in zip(names, every, strict=True):
        called = f"the plane {plane}" if plane else "the plane"
        _check_row(f"{called}: stride {rows.stride}", rows.stride, rows.length, spec, limits)
        if rows.end > size:
            raise InvalidFrame(
                f"{called} of {spec.width}x{spec.height} {name}, from byte {rows.offset:,} on with "
                f"stride {rows.stride}, ends at byte {rows.end:,}, but the frame has {size:,}",
                InvalidReason.DESCRIPTION,
            )
    for (first, one), (second, other) in combinations(zip(names, every, strict=True), 2):
        if _overlap(one, other):
            raise InvalidFrame(
                f"the planes {first} and {second} of {spec.width}x{spec.height} {name} overlap: "
                f"from byte {one.offset:,} to {one.end:,}, and {other.offset:,} to {other.end:,}",
                InvalidReason.DESCRIPTION,
            )
    planes = tuple(Plane(rows.offset, rows.stride) for rows in every)
    return replace(spec, stride=every[0].stride, planes=planes)


def _check_row(called: str, stride: int, length: int, spec: FrameSpec, limits: FrameLimits) -> None:
    """Raise InvalidFrame for a stride that is too short, or too long, even of a single row."""
    if stride > limits.size:
        raise InvalidFrame(
            f"{called} is more than the {limits.size:,} bytes of a frame", InvalidReason.TOO_LARGE
        )
    if stride < length:
        raise InvalidFrame(
            f"{called} is less than a row of {spec.width} {spec.format.value.upper()} pixels, "
            f"{length} bytes",
            InvalidReason.DESCRIPTION,
        )


def _overlap(one: Rows, other: Rows) -> bool:
    """Whether two planes share a byte; planes of one stride may lie side by side in its rows."""
    if one.end <= other.offset or other.end <= one.offset:
        return False
    if one.stride != other.stride:
        return True
    apart = (other.offset - one.offset) % one.stride
    return apart < one.length or one.stride - apart < other.length


def _check_chroma(spec: FrameSpec) -> None:
    """Raise InvalidFrame if the size is odd where pairs of pixels share their chroma."""
    name = spec.format.value.upper()
    if spec.format in WITH_CHROMA and spec.width % 2:
        raise InvalidFrame(
            f"{name} frames have an even width, not {spec.width}", InvalidReason.DESCRIPTION
        )
    if spec.format in SUBSAMPLED and spec.height % 2:
        raise InvalidFrame(
            f"{name} frames have an even height, not {spec.height}", InvalidReason.DESCRIPTION
        )
