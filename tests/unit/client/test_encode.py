"""Every kind of image as the frame that is sent."""

from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import ImageLike, InvalidRequest, Plane, RawImage, Status
from edgeseg_client.encode import PixelFormat, write_image
from edgeseg_client.frame import RawFormat, YuvMatrix, YuvRange
from edgeseg_client.names import (
    FORMATS,
    OUTPUTS,
    POLICIES,
    RESIZES,
    STATUSES,
    YUV_MATRICES,
    YUV_RANGES,
)
from edgeseg_client.options import Output, Policy, Resize

RGB = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
WIDE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def written(image: ImageLike, pixel_format: PixelFormat = "rgb") -> pb.Frame:
    message = pb.Frame()
    write_image(message, image, pixel_format)
    return message


def raw(format_: "pb.FrameFormat.ValueType", data: bytes) -> pb.Frame:
    return pb.Frame(format=format_, width=3, height=2, data=data)


@pytest.mark.parametrize(
    ("image", "pixel_format", "expected"),
    [
        (RGB, "rgb", raw(pb.FRAME_FORMAT_RGB, RGB.tobytes())),
        (RGB, "bgr", raw(pb.FRAME_FORMAT_BGR, RGB.tobytes())),
        (RGB[..., 0], "rgb", raw(pb.FRAME_FORMAT_GRAY8, RGB[..., 0].tobytes())),
        (RGB[..., :1], "bgr", raw(pb.FRAME_FORMAT_GRAY8, RGB[..., 0].tobytes())),
        (WIDE[1:3, ::-2], "rgb", raw(pb.FRAME_FORMAT_RGB, WIDE[1:3, ::-2].copy().tobytes())),
        (np.asfortranarray(RGB), "rgb", raw(pb.FRAME_FORMAT_RGB, RGB.tobytes())),
    ],
    ids=["rgb", "bgr", "gray", "gray with an axis", "strided", "column by column"],
)
def test_an_array_is_sent_as_raw_pixels(
    image: npt.NDArray[np.uint8], pixel_format: PixelFormat, expected: pb.Frame
) -> None:
    assert written(image, pixel_format) == expected


def test_alpha_is_sent_as_it_is_and_dropped_if_there_is_no_format_with_it() -> None:
    four = np.dstack([RGB, np.full((2, 3), 255, np.uint8)])

    assert written(four) == raw(pb.FRAME_FORMAT_RGBA, four.tobytes())
    assert written(four, "bgr") == raw(pb.FRAME_FORMAT_BGR, RGB.tobytes())


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (RGB.astype(np.float32) / 255, "float32, not uint8"),
        (np.zeros((2, 3, 2), np.uint8), r"shape \(2, 3, 2\)"),
        (np.zeros((1, 2, 3, 3), np.uint8), "shape"),
        (np.zeros(7, np.uint8), "shape"),
        (np.zeros((0, 3, 3), np.uint8), "empty"),
        (b"", "empty"),
        (3, "an image cannot be of type int"),
        (RawImage(b"1", "yv12", 1, 1), "no format 'yv12'"),  # type: ignore[arg-type]
        (RawImage("1", "rgb", 1, 1), "bytes, not str"),  # type: ignore[arg-type]
        (RawImage(b"1", "nv12", 1, 1, yuv_range="narrow"), "no yuv_range 'narrow'"),  # type: ignore[arg-type]
        (RawImage(b"1", "nv12", 1, 1, yuv_matrix="bt2020"), "no yuv_matrix 'bt2020'"),  # type: ignore[arg-type]
        (RawImage(b"1", "nv12", 1, 1, planes=[Plane(-1)]), "RawImage cannot be sent"),
        (RawImage(b"1", "nv12", 1, 1, planes=[Plane(0, 2**32)]), "RawImage cannot be sent"),
        (RawImage(b"1", "nv12", 1, 1, planes=[3]), "RawImage cannot be sent"),  # type: ignore[list-item]
        (RawImage(b"1", "rgb", -1, 3), "width of -1 is empty"),
        (RawImage(b"1", "rgb", 1, 0), "height of 0 is empty"),
        (RawImage(b"1", "rgb", 1, 2**40), "RawImage cannot be sent"),
        (RawImage(b"1", "rgb", 1, 1, stride=-1), "RawImage cannot be sent"),
        (RawImage(b"1", "rgb", 1.5, 1), "RawImage cannot be sent"),  # type: ignore[arg-type]
        ("nul\0.jpg", "cannot be sent"),
    ],
)
def test_what_is_not_an_image_is_refused_with_the_reason(image: ImageLike, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        written(image)


def test_paths_and_bytes_are_sent_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(b"\xff\xd8 not looked at")

    for image in (path, str(path), path.read_bytes(), bytearray(path.read_bytes())):
        assert written(image) == pb.Frame(data=b"\xff\xd8 not looked at")


@pytest.mark.parametrize("name", ["missing.jpg", "."])
def test_a_path_that_cannot_be_read_is_an_invalid_request(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidRequest, match="cannot read"):
        written(tmp_path / name)


@pytest.mark.parametrize(
    ("mode", "format_"),
    [
        ("RGB", pb.FRAME_FORMAT_RGB),
        ("RGBA", pb.FRAME_FORMAT_RGBA),
        ("L", pb.FRAME_FORMAT_GRAY8),
        ("P", pb.FRAME_FORMAT_RGB),
        ("1", pb.FRAME_FORMAT_RGB),
        ("CMYK", pb.FRAME_FORMAT_RGB),
    ],
)
def test_a_pillow_image_is_sent_in_the_format_of_its_mode(
    mode: str, format_: "pb.FrameFormat.ValueType"
) -> None:
    frame = written(Image.fromarray(RGB).convert(mode))

    assert (frame.format, frame.width, frame.height) == (format_, 3, 2)
    assert len(frame.data) == 6 * {"L": 1, "RGBA": 4}.get(mode, 3)


def test_a_pillow_image_is_turned_as_its_exif_says() -> None:
    image = Image.fromarray(RGB)
    image.getexif()[0x0112] = 6  # the camera lay on its side: turn clockwise

    frame = written(image)
    assert (frame.width, frame.height) == (2, 3)
    assert frame.data == np.rot90(RGB, -1).tobytes()


def test_raw_frames_keep_their_stride() -> None:
    frame = written(RawImage(bytes(24), "nv12", 4, 2, stride=8))

    assert frame == pb.Frame(
        format=pb.FRAME_FORMAT_NV12, width=4, height=2, stride=8, data=bytes(24)
    )


def test_raw_frames_say_where_their_planes_are_and_what_their_yuv_means() -> None:
    planes = (Plane(0, 8), Plane(64))
    frame = written(
        RawImage(bytes(96), "nv21", 4, 4, planes=planes, yuv_range="full", yuv_matrix="bt709")
    )
    assert frame == pb.Frame(
        format=pb.FRAME_FORMAT_NV21,
        width=4,
        height=4,
        planes=[pb.Plane(stride=8), pb.Plane(offset=64)],
        yuv_range=pb.YUV_RANGE_FULL,
        yuv_matrix=pb.YUV_MATRIX_BT709,
        data=bytes(96),
    )


@pytest.mark.parametrize(
    ("format_", "planes"),
    [
        ("nv12", [(0, 1984), (1984 * 1088, 1984)]),
        ("nv21", [(0, 1984), (1984 * 1088, 1984)]),
        ("i420", [(0, 1984), (1984 * 1088, 992), (1984 * 1360, 992)]),
        ("gray8", [(0, 1984)]),
    ],
)
def test_the_planes_of_a_padded_buffer_are_found(
    format_: RawFormat, planes: list[tuple[int, int]]
) -> None:
    image = RawImage.padded(bytes(9), format_, 1920, 1080, stride=1984, rows=1088)
    assert list(image.planes) == planes
    assert (image.width, image.height, image.stride) == (1920, 1080, 0)
    whole = RawImage.padded(
        *(bytes(9), "i420", 4, 2), stride=4, rows=2, yuv_range="full", yuv_matrix="bt709"
    )
    assert (whole.yuv_range, whole.yuv_matrix) == ("full", "bt709")


def test_the_names_for_type_checkers_are_those_of_the_contract() -> None:
    assert list(get_args(YuvRange)) == list(YUV_RANGES)
    assert list(get_args(YuvMatrix)) == list(YUV_MATRICES)
    assert set(get_args(RawFormat)) == set(FORMATS) - {"jpeg", "png", "webp", "bmp"}
    assert list(get_args(Output)) == list(OUTPUTS)
    assert list(get_args(Policy)) == list(POLICIES)
    assert list(get_args(Resize)) == list(RESIZES)
    assert {status.value for status in Status} == {*STATUSES, "unavailable"}
