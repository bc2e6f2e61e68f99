"""Options: what they give, and the clear errors for those that contradict."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import grpc
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from edgeseg.v1 import segmentation_pb2 as pb
from scenes import CLASSES
from support.calls import every, frames, segment, stub
from support.drawing import Ring, area, fill, iou
from support.running_daemon import RunningDaemon

BAD_OPTIONS = {
    "unknown model": (
        pb.SegmentationOptions(model="mona-lisa"),
        grpc.StatusCode.NOT_FOUND,
        "no model 'mona-lisa'",
    ),
    "size without numbers": (
        pb.SegmentationOptions(size=pb.OutputSize(mode=pb.OUTPUT_SIZE_MODE_CUSTOM)),
        grpc.StatusCode.INVALID_ARGUMENT,
        "no pixels",
    ),
    "numbers without custom size": (
        pb.SegmentationOptions(
            size=pb.OutputSize(mode=pb.OUTPUT_SIZE_MODE_FRAME, width=5, height=5)
        ),
        grpc.StatusCode.INVALID_ARGUMENT,
        "contradict",
    ),
    "size over the limit": (
        pb.SegmentationOptions(size=pb.OutputSize(width=100_000, height=100_000)),
        grpc.StatusCode.INVALID_ARGUMENT,
        "more than the 4,000,000",
    ),
    "a mere line": (
        pb.SegmentationOptions(size=pb.OutputSize(width=65_536, height=1)),
        grpc.StatusCode.INVALID_ARGUMENT,
        "no side may have more than 65,535",
    ),
    "planes over the limit": (
        pb.SegmentationOptions(
            size=pb.OutputSize(width=2000, height=1100),
            outputs=[pb.OUTPUT_LABELS, pb.OUTPUT_CONFIDENCE_MAP],
        ),
        grpc.StatusCode.INVALID_ARGUMENT,
        "4,400,000 bytes, more than the 4,000,000",
    ),
    "unknown output": (
        pb.SegmentationOptions(outputs=[77]),  # type: ignore[list-item]
        grpc.StatusCode.INVALID_ARGUMENT,
        "unknown output 77",
    ),
    "unknown resize policy": (
        pb.SegmentationOptions(resize=9),  # type: ignore[arg-type]
        grpc.StatusCode.INVALID_ARGUMENT,
        "unknown resize policy",
    ),
    "unknown class": (
        pb.SegmentationOptions(classes=[200]),
        grpc.StatusCode.INVALID_ARGUMENT,
        "class 200 is unknown",
    ),
}


@pytest.mark.parametrize("name", BAD_OPTIONS)
async def test_bad_options_end_the_stream_at_once(
    daemon: RunningDaemon, jpeg: bytes, name: str
) -> None:
    options, code, reason = BAD_OPTIONS[name]
    first = pb.SegmentRequest(options=pb.StreamOptions(segmentation=options))
    async with stub(daemon.address) as service:
        call = service.Segment()
        await call.write(first)
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await call.read()
    assert (failure.value.code(), reason in (failure.value.details() or "")) == (code, True)
    assert (await segment(daemon.address, frames([jpeg])))[0].status == pb.FRAME_STATUS_OK


async def test_an_unknown_queue_policy_is_refused(daemon: RunningDaemon) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="unknown queue policy 8"):
        await segment(
            daemon.address,
            [pb.SegmentRequest(options=pb.StreamOptions(policy=8))],  # type: ignore[arg-type]
        )


async def test_options_later_end_the_stream_after_the_frames_are_answered(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    answers = []
    async with stub(daemon.address) as service:
        requests = [every(), *frames([jpeg, jpeg]), every()]
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            async for response in service.Segment(iter(requests)):
                answers.append(response)  # noqa: PERF401 # what came before the error counts
    assert failure.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "first message" in (failure.value.details() or "")
    assert [answer.status for answer in answers] == [pb.FRAME_STATUS_OK] * 2


async def test_a_stream_that_ends_without_a_message_is_invalid(daemon: RunningDaemon) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await segment(daemon.address, [])
    assert failure.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "before its first frame" in (failure.value.details() or "")


def rings(found: pb.Segment) -> list[Ring]:
    return [np.reshape(one.points, (-1, 2)) for one in found.polygons]


@pytest.mark.parametrize(("tolerance", "lowest"), [(0.0, 1.0), (None, 0.98)])
async def test_polygons_of_a_stream_are_drawn_back(
    daemon: RunningDaemon, jpeg: bytes, tolerance: float | None, lowest: float
) -> None:
    first = every(pb.OUTPUT_LABELS, pb.OUTPUT_POLYGONS)
    first.options.segmentation.polygons.CopyFrom(pb.PolygonOptions(tolerance=tolerance))
    first.options.segmentation.size.mode = pb.OUTPUT_SIZE_MODE_FRAME
    answers = await segment(daemon.address, [first, *frames([jpeg, jpeg])])
    assert [answers[n].status for n in (0, 1)] == [pb.FRAME_STATUS_OK] * 2
    labels = pixels(answers[1].segmentation)
    found = answers[1].segmentation.segments
    assert [each.class_id for each in found] == sorted(np.unique(labels).tolist())
    for each in found:
        member = labels == each.class_id
        assert [one.hole for one in each.polygons] == [area(ring) < 0 for ring in rings(each)]
        assert iou(fill(rings(each), labels.shape), member) >= lowest


async def test_the_smallest_area_of_polygons_leaves_the_others_out(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    outputs = [pb.OUTPUT_POLYGONS]
    every_part = await ask(daemon, jpeg, outputs=outputs)
    options = pb.PolygonOptions(min_area=500)
    large = await ask(daemon, jpeg, outputs=outputs, polygons=options)
    assert len(large.segments) == len(every_part.segments)
    areas = [area(ring) for found in large.segments for ring in rings(found)]
    assert min(map(abs, areas)) > 400
    assert len(areas) < sum(len(found.polygons) for found in every_part.segments)


async def test_polygons_of_unwanted_classes_are_left_out(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    outputs = [pb.OUTPUT_LABELS, pb.OUTPUT_POLYGONS]
    wanted = int(pixels(await ask(daemon, jpeg)).max())
    options = pb.PolygonOptions(tolerance=0)
    result = await ask(daemon, jpeg, outputs=outputs, classes=[wanted], polygons=options)
    [found] = result.segments
    labels = pixels(result)
    assert (fill(rings(found), labels.shape) == (labels == wanted)).all()


async def test_a_frame_whose_outlines_are_too_long_is_invalid_and_the_daemon_goes_on(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    """What is level in the picture is 65,535 pixels long in this mask."""
    first = every(pb.OUTPUT_POLYGONS)
    first.options.segmentation.size.MergeFrom(pb.OutputSize(width=65_535, height=60))
    answers = await segment(daemon.address, [first, *frames([jpeg])])
    assert answers[0].status == pb.FRAME_STATUS_INVALID
    assert "points on edges of pixels, more than the 262,144" in answers[0].message
    assert (await ask(daemon, jpeg, outputs=[pb.OUTPUT_POLYGONS])).segments[0].polygons


async def ask(daemon: RunningDaemon, data: bytes, **options: object) -> pb.Segmentation:
    async with stub(daemon.address) as service:
        response = await service.SegmentImage(
            pb.SegmentImageRequest(
                frame=pb.Frame(data=data),
                options=pb.SegmentationOptions(**options),  # type: ignore[arg-type]
            )
        )
    return response.segmentation


def pixels(result: pb.Segmentation) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.frombuffer(result.labels, np.uint8).reshape(result.height, result.width)


async def test_all_outputs_of_a_frame_agree(daemon: RunningDaemon, jpeg: bytes) -> None:
    outputs = [
        pb.OUTPUT_LABELS,
        pb.OUTPUT_LABELS_PNG,
        pb.OUTPUT_RLE,
        pb.OUTPUT_RLE_COMPRESSED,
        pb.OUTPUT_STATISTICS,
        pb.OUTPUT_CONFIDENCE,
        pb.OUTPUT_CONFIDENCE_MAP,
    ]
    size = pb.OutputSize(mode=pb.OUTPUT_SIZE_MODE_FRAME)
    result = await ask(daemon, jpeg, outputs=outputs, size=size)
    labels = pixels(result)
    assert labels.shape == (480, 640) == (result.frame_height, result.frame_width)
    assert len(result.segments) >= 3
    with Image.open(io.BytesIO(result.labels_png)) as png:
        assert png.mode == "P"
        assert (np.asarray(png) == labels).all()
    confidence = np.frombuffer(result.confidence_map, np.uint8).reshape(labels.shape)
    assert [found.class_id for found in result.segments] == sorted(np.unique(labels).tolist())
    for found in result.segments:
        member = labels == found.class_id
        rows, columns = np.nonzero(member)
        assert found.class_name == CLASSES[found.class_id]
        assert found.area == member.sum()
        box = found.box
        assert (box.x, box.y) == (columns.min(), rows.min())
        assert (box.x + box.width, box.y + box.height) == (columns.max() + 1, rows.max() + 1)
        rle = coco.frPyObjects({"size": [480, 640], "counts": list(found.rle.counts)}, 480, 640)
        assert (coco.decode(rle) == member).all()
        assert found.rle.compressed.encode() == rle["counts"]
        assert found.mean_confidence == pytest.approx(confidence[member].mean() / 255, abs=0.01)


async def test_a_result_has_only_the_outputs_that_were_asked_for(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    result = await ask(daemon, jpeg, outputs=[pb.OUTPUT_STATISTICS])
    assert result.labels == result.labels_png == result.confidence_map == b""
    assert result.segments[0].area > 0
    assert not result.segments[0].HasField("mean_confidence")
    assert not result.segments[0].HasField("rle")


async def test_pixels_of_unwanted_classes_have_no_class(daemon: RunningDaemon, jpeg: bytes) -> None:
    labels = pixels(await ask(daemon, jpeg))
    wanted = int(labels.max())
    only = pixels(await ask(daemon, jpeg, classes=[wanted]))
    assert (only == np.where(labels == wanted, labels, 255)).all()


async def test_labels_come_at_a_custom_size(daemon: RunningDaemon, jpeg: bytes) -> None:
    result = await ask(daemon, jpeg, size=pb.OutputSize(width=31, height=17))
    assert pixels(result).shape == (17, 31)


def tall(jpeg: bytes) -> bytes:
    """The scene on a tall grey frame, a third of it above and a third below."""
    with Image.open(io.BytesIO(jpeg)) as scene:
        frame = Image.new("RGB", (scene.width, 3 * scene.height), (128, 128, 128))
        frame.paste(scene, (0, scene.height))
    file = io.BytesIO()
    frame.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("shape", [(65_535, 60), (60, 65_535)])
async def test_a_mask_with_the_longest_side_costs_little_memory(
    daemon: RunningDaemon, jpeg: bytes, shape: tuple[int, int]
) -> None:
    before = peak_memory(daemon.engine_pid)
    result = await ask(
        daemon,
        jpeg,
        size=pb.OutputSize(width=shape[0], height=shape[1]),
        outputs=[pb.OUTPUT_LABELS, pb.OUTPUT_STATISTICS],
    )
    assert (result.width, result.height) == shape
    assert sum(found.area for found in result.segments) == shape[0] * shape[1]
    assert peak_memory(daemon.engine_pid) - before < 100_000_000


def peak_memory(pid: int | None) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


async def test_letterbox_labels_the_whole_frame_and_not_the_padding(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    policy = pb.RESIZE_POLICY_LETTERBOX
    own = pixels(await ask(daemon, tall(jpeg), resize=policy))
    size = pb.OutputSize(mode=pb.OUTPUT_SIZE_MODE_FRAME)
    whole = pixels(await ask(daemon, tall(jpeg), resize=policy, size=size))
    assert (own[:, 0] == 255).all()
    assert (own[:, -1] == 255).all()
    assert (own[:, own.shape[1] // 2] != 255).all()
    assert whole.shape == (1440, 640)
    assert (whole != 255).all()


async def test_crop_labels_only_the_middle_of_the_frame(daemon: RunningDaemon, jpeg: bytes) -> None:
    policy = pb.RESIZE_POLICY_CROP
    own = pixels(await ask(daemon, tall(jpeg), resize=policy))
    size = pb.OutputSize(mode=pb.OUTPUT_SIZE_MODE_FRAME)
    whole = pixels(await ask(daemon, tall(jpeg), resize=policy, size=size))
    assert (own != 255).all()
    assert (whole[:399] == 255).all()
    assert (whole[1041:] == 255).all()
    assert (whole[401:1039] != 255).all()


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_labels_follow_the_exif_orientation(
    daemon: RunningDaemon, jpeg: bytes, orientation: int
) -> None:
    turned = lying(jpeg, orientation)
    size = pb.OutputSize(mode=pb.OUTPUT_SIZE_MODE_FRAME)
    upright = pixels(await ask(daemon, lying(jpeg, 1), size=size))
    labels = pixels(await ask(daemon, turned, size=size))
    assert labels.shape == upright.shape == (480, 640)
    assert (labels == upright).mean() > 0.99


STORED_AS: dict[int, Callable[[Image.Image], Image.Image]] = {
    1: lambda image: image,
    2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda image: image.transpose(Image.Transpose.ROTATE_180),
    4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
    6: lambda image: image.transpose(Image.Transpose.ROTATE_90),
    7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
    8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
}


def lying(jpeg: bytes, orientation: int) -> bytes:
    """The picture as a camera held in that orientation stores it."""
    with Image.open(io.BytesIO(jpeg)) as image:
        stored = STORED_AS[orientation](image)
        exif = image.getexif()
        exif[0x0112] = orientation
        file = io.BytesIO()
        stored.save(file, "JPEG", quality=95, exif=exif)
    return file.getvalue()


async def test_raw_formats_of_a_picture_give_the_same_labels(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    with Image.open(io.BytesIO(jpeg)) as image:
        rgb = np.asarray(image.convert("RGB"))
    height, width = rgb.shape[:2]
    padded = np.zeros((height, width * 3 + 13), np.uint8)
    padded[:, : width * 3] = rgb.reshape(height, -1)
    rgba = np.dstack([rgb, np.full((height, width), 77, np.uint8)])
    sent = {
        0: pb.Frame(format=pb.FRAME_FORMAT_RGB, data=rgb.tobytes()),
        1: pb.Frame(format=pb.FRAME_FORMAT_BGR, data=rgb[..., ::-1].tobytes()),
        2: pb.Frame(format=pb.FRAME_FORMAT_RGBA, data=rgba.tobytes()),
        3: pb.Frame(format=pb.FRAME_FORMAT_RGB, stride=padded.shape[1], data=padded.tobytes()),
    }
    requests = [every()]
    for number, frame in sent.items():
        frame.id, frame.width, frame.height = number, width, height
        requests.append(pb.SegmentRequest(frame=frame))
    answers = await segment(daemon.address, requests)
    assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}
    assert len({answer.segmentation.labels for answer in answers.values()}) == 1


async def test_a_gray_frame_gives_the_labels_of_its_rgb_picture(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    with Image.open(io.BytesIO(jpeg)) as image:
        gray = image.convert("L")
    file = io.BytesIO()
    gray.convert("RGB").save(file, "PNG")
    frame = pb.Frame(id=1, format=pb.FRAME_FORMAT_GRAY8, width=640, height=480, data=gray.tobytes())
    answers = await segment(
        daemon.address, [every(), *frames([file.getvalue()]), pb.SegmentRequest(frame=frame)]
    )
    assert answers[0].segmentation.labels == answers[1].segmentation.labels != b""
