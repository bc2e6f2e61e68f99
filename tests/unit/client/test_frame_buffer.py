"""Raw frames that are filled in place."""

from __future__ import annotations

import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import FrameBuffer, InvalidRequest, RawImage
from edgeseg_client.encode import write_image
from edgeseg_client.frame import RawFormat


@pytest.mark.parametrize(
    ("format_", "shape"),
    [
        ("rgb", (6, 8, 3)),
        ("bgra", (6, 8, 4)),
        ("gray16", (6, 8, 2)),
        ("yuyv", (6, 8, 2)),
        ("uyvy", (6, 8, 2)),
        ("nv12", (9, 8)),
        ("nv21", (9, 8)),
        ("i420", (9, 8)),
    ],
)
def test_a_buffer_has_the_shape_of_its_format(format_: RawFormat, shape: tuple[int, ...]) -> None:
    buffer = FrameBuffer(8, 6, format_, None)
    assert buffer.array.shape == shape
    buffer.array[:] = 7
    message = pb.Frame()
    write_image(message, buffer)
    assert message.data == b"\7" * buffer.array.size
    assert not message.planes


def test_a_padded_buffer_is_filled_as_the_hardware_fills_it() -> None:
    buffer = FrameBuffer(
        *(1920, 1080, "nv12", None), padded_to=(1984, 1088), yuv_range="full", yuv_matrix="bt709"
    )
    assert buffer.array.shape == (1632, 1984)
    message = pb.Frame()
    write_image(message, buffer)
    assert len(message.data) == 1632 * 1984
    assert [(plane.offset, plane.stride) for plane in message.planes] == [
        (0, 1984),
        (1984 * 1088, 1984),
    ]
    assert message.yuv_range == pb.YUV_RANGE_FULL
    assert message.yuv_matrix == pb.YUV_MATRIX_BT709


@pytest.mark.parametrize("padded_to", [(7, 6), (8, 5)])
def test_a_padded_buffer_that_is_too_small_is_refused(padded_to: tuple[int, int]) -> None:
    with pytest.raises(InvalidRequest, match="8x6 pixels of nv12 do not fit into a buffer"):
        FrameBuffer(8, 6, "nv12", None, padded_to=padded_to)


def test_a_padded_buffer_of_odd_rows_whose_chroma_has_half_is_refused() -> None:
    with pytest.raises(
        InvalidRequest, match=r"nv12 has an even number of rows .*, not 7; .*`planes`"
    ):
        FrameBuffer(8, 6, "nv12", None, padded_to=(8, 7))
    assert FrameBuffer(8, 6, "rgb", None, padded_to=(25, 7)).array.shape == (7, 25)


@pytest.mark.parametrize("padded_to", [(8, 7), (9, 6), (9, 7)])
def test_where_the_last_plane_of_i420_begins_is_asked_for_and_not_guessed(
    padded_to: tuple[int, int],
) -> None:
    stride, rows = padded_to
    with pytest.raises(InvalidRequest, match=f"{stride} bytes by {rows} rows .* give `planes`"):
        FrameBuffer(8, 6, "i420", None, padded_to=padded_to)
    with pytest.raises(InvalidRequest, match=f"{stride} bytes by {rows} rows .* give `planes`"):
        RawImage.padded(bytes(200), "i420", 8, 6, stride=stride, rows=rows)


def test_the_planes_of_other_padded_buffers_are_known_though_they_are_odd() -> None:
    """Their chroma has the stride of luma, and is the last plane."""
    odd = RawImage.padded(bytes(200), "nv21", 8, 6, stride=9, rows=7)
    assert odd.planes == ((0, 9), (63, 9))
    even = RawImage.padded(bytes(200), "i420", 8, 6, stride=10, rows=8)
    assert even.planes == ((0, 10), (80, 5), (100, 5))
