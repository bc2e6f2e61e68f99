"""The whole way of a frame gives what a plain interpreter gives on the same tensor."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.engine.runtimes.runtime import load_runtime
from edgesegd.models.reading import read_model
from support.calls import every, frames, segment
from support.drawing import fill, iou
from support.running_daemon import Launch, RunningDaemon

pytestmark = [pytest.mark.realmodel, pytest.mark.runtime]

Array = npt.NDArray[Any]


def float_pixels(pixels: Array) -> Array:
    return (pixels.astype(np.float32) - np.float32(127.5)) / np.float32(127.5)


def unit_pixels(pixels: Array) -> Array:
    return pixels.astype(np.float32) / np.float32(255)


def as_they_are(pixels: Array) -> Array:
    return pixels


def argmax(output: Array) -> Array:
    best: Array = np.argmax(output[0], axis=-1)
    return best


def squeeze(output: Array) -> Array:
    labels: Array = output[0]
    return labels


def at_least_half(output: Array) -> Array:
    foreground: Array = output[0, ..., 0] >= 0.5
    return foreground


PLAIN: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "deeplabv3_257_mv_gpu": (float_pixels, argmax),
    "deeplabv3_mnv2_dm05_pascal_quant": (as_they_are, squeeze),
    "selfiesegmentation_mlkit-256x256-2021_01_19-v1215.f16": (unit_pixels, at_least_half),
}
"""For each model: pixels to what the tensor holds, and the output to class ids."""

PICTURES = ("cat_720p.jpg", "pets.jpg", "grace_hopper.bmp", "dog_segmentation.bmp")


QUANTIZED_AGREEMENT = 0.97
"""What two sets of kernels agree on at least of a quantized model's labels, over all pictures.

Seen with tflite-runtime's own kernels against XNNPACK: 0.969 to 0.996 by picture, 0.987 over all.
XNNPACK there gives exactly what ai-edge-litert gives.
"""


def plain_labels(model: Path, pixels: Array, *, xnnpack: bool = False) -> Array:
    """The labels of a program that calls the interpreter as its documentation says."""
    to_tensor, to_labels = PLAIN[model.stem]
    runtime = load_runtime("auto")
    interpreter = runtime.interpreter(
        model_path=str(model),
        num_threads=1,
        experimental_delegates=runtime.cpu_delegates(1) if xnnpack else [],
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], to_tensor(pixels)[None])
    interpreter.invoke()
    return to_labels(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


def png(pixels: Image.Image) -> bytes:
    file = io.BytesIO()
    pixels.save(file, "PNG")
    return file.getvalue()


def raw_rgb(pixels: Image.Image) -> pb.Frame:
    return pb.Frame(
        data=pixels.tobytes(),
        format=pb.FRAME_FORMAT_RGB,
        width=pixels.width,
        height=pixels.height,
    )


@pytest.fixture(scope="module", params=PLAIN)
def model(request: pytest.FixtureRequest, shared_dir: Path) -> Path:
    path: Path = shared_dir / "models" / f"{request.param}.tflite"
    custom = "selfie" in path.stem
    if custom and load_runtime("auto").name == "tflite-runtime":
        pytest.skip("tflite-runtime 2.14 has no Convolution2DTransposeBias, which this model needs")
    return path


@pytest.fixture(scope="module")
def real_daemon(model: Path) -> Iterator[RunningDaemon]:
    running = RunningDaemon(f"--model={model}")
    yield running
    assert running.stop() == 0


def labels_of(response: pb.SegmentResponse) -> npt.NDArray[np.uint8]:
    result = response.segmentation
    return np.frombuffer(result.labels, np.uint8).reshape(result.height, result.width)


async def test_labels_of_a_frame_of_the_models_size_are_those_of_a_plain_interpreter(
    real_daemon: RunningDaemon, model: Path, shared_dir: Path
) -> None:
    """Sent at the model's own size, the tensor is the same, and so are all labels."""
    size = read_model(model).input_size
    resized = []
    for name in PICTURES:
        with Image.open(shared_dir / "images" / name) as picture:
            resized.append(picture.convert("RGB").resize(size))
    answers = await segment(real_daemon.address, [every(), *frames(map(png, resized))])
    assert len(answers) == len(PICTURES)
    # The daemon turns XNNPACK on for quantized models, which tflite-runtime leaves off.
    other_kernels = "quant" in model.stem and bool(load_runtime("auto").cpu_delegates(1))
    book_agreement = []
    for number, sent in enumerate(resized):
        found, by_the_book = labels_of(answers[number]), plain_labels(model, np.asarray(sent))
        assert len(np.unique(by_the_book)) > 1 or "selfie" in model.stem
        book_agreement.append((found == by_the_book).mean())
        if other_kernels:
            assert (found == plain_labels(model, np.asarray(sent), xnnpack=True)).all()
    needed = QUANTIZED_AGREEMENT if other_kernels else 1.0
    assert np.mean(book_agreement) >= needed, dict(zip(PICTURES, book_agreement, strict=True))


@pytest.mark.parametrize("mode", [pb.OUTPUT_SIZE_MODE_MODEL, pb.OUTPUT_SIZE_MODE_FRAME])
@pytest.mark.parametrize(("tolerance", "lowest"), [(0.0, 1.0), (None, 0.98)])
async def test_polygons_of_photographs_are_drawn_back(
    real_daemon: RunningDaemon,
    shared_dir: Path,
    mode: pb.OutputSizeMode.ValueType,
    tolerance: float | None,
    lowest: float,
) -> None:
    """Each class by itself, small ones too."""
    first = every(pb.OUTPUT_LABELS, pb.OUTPUT_POLYGONS, size=pb.OutputSize(mode=mode))
    first.options.segmentation.polygons.CopyFrom(pb.PolygonOptions(tolerance=tolerance))
    pictures = [(shared_dir / "images" / name).read_bytes() for name in PICTURES]
    answers = await segment(real_daemon.address, [first, *frames(pictures)])
    assert len(answers) == len(PICTURES)
    for answer in answers.values():
        labels = labels_of(answer)
        assert len(answer.segmentation.segments) == len(np.unique(labels))
        for found in answer.segmentation.segments:
            rings = [np.reshape(one.points, (-1, 2)) for one in found.polygons]
            assert iou(fill(rings, labels.shape), labels == found.class_id) >= lowest


async def test_deeplab_labels_the_dog_as_the_ground_truth_does(
    launch: Launch, shared_dir: Path
) -> None:
    """IoU of the dog against the ground truth through the whole RPC, its border ignored."""
    model = shared_dir / "models" / "deeplabv3_257_mv_gpu.tflite"
    running = launch(f"--model={model}")
    data = (shared_dir / "images" / "dog_segmentation.bmp").read_bytes()
    size = pb.OutputSize(mode=pb.OUTPUT_SIZE_MODE_FRAME)
    answers = await segment(running.address, [every(size=size), *frames([data])])
    assert running.stop() == 0
    found = labels_of(answers[0]) == 12
    with Image.open(shared_dir / "images" / "dog_segmentation_mask.bmp") as mask:
        truth = np.asarray(mask.convert("L") if mask.mode not in ("L", "P") else mask)
    dog, counted = truth == 0, truth != 2
    union = ((found | dog) & counted).sum()
    of_dog = ((found & dog) & counted).sum() / union
    assert of_dog >= 0.95, f"IoU {of_dog:.4f}"


LARGE_PICTURES = ("cat_1080p.jpg", "cat_720p.jpg", "pets.jpg", "grace_hopper.bmp")


async def test_what_is_seen_of_a_large_picture_keeps_the_labels_of_a_plain_resize(
    real_daemon: RunningDaemon, model: Path, shared_dir: Path
) -> None:
    """JPEGs at reduced scale, of 480 rows too, and raw pictures that are averaged, rows left out.

    Against the whole picture, decoded and resized in one go, as PNG of the model's size.
    """
    size = read_model(model).input_size
    sent: dict[str, pb.Frame] = {}
    plain: dict[str, pb.Frame] = {}
    for name in LARGE_PICTURES:
        with Image.open(shared_dir / "images" / name) as picture:
            whole = picture.convert("RGB")
        small = whole.resize((640, 480))
        for kind, pixels in (("large", whole), ("small", small)):
            jpeg = io.BytesIO()
            pixels.save(jpeg, "JPEG", quality=90)
            with Image.open(jpeg) as decoded:
                exact = decoded.convert("RGB")
            for way, frame in (("jpeg", pb.Frame(data=jpeg.getvalue())), ("raw", raw_rgb(exact))):
                sent[f"{name}, {kind}, {way}"] = frame
                reference = png(exact.resize(size, Image.Resampling.BILINEAR))
                plain[f"{name}, {kind}, {way}"] = pb.Frame(data=reference)
    both = [*sent.values(), *plain.values()]
    for number, frame in enumerate(both):
        frame.id = number
    requests = [pb.SegmentRequest(frame=frame) for frame in both]
    answers = await segment(real_daemon.address, [every(), *requests])
    kept = {
        name: float((labels_of(answers[at]) == labels_of(answers[at + len(sent)])).mean())
        for at, name in enumerate(sent)
    }
    assert len(kept) == 4 * len(LARGE_PICTURES)
    assert {name: share for name, share in kept.items() if share < 0.995} == {}
