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
from edgesegd.core.model.reading import read_model
from edgesegd.engine.runtime import load_runtime
from support.calls import every, frames, segment
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
    """What anyone gets who calls the interpreter by the book."""
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
    iou = ((found & dog) & counted).sum() / union
    assert iou >= 0.95, f"IoU {iou:.4f}"


async def test_a_jpeg_at_reduced_scale_agrees_with_a_full_decode(
    launch: Launch, shared_dir: Path
) -> None:
    """Of 480 rows even 240 are decoded, fewer than the model's 257."""
    model = shared_dir / "models" / "deeplabv3_257_mv_gpu.tflite"
    running = launch(f"--model={model}")
    data = [(shared_dir / "images" / name).read_bytes() for name in ("cat_720p.jpg", "pets.jpg")]
    for name in ("cat_1080p.jpg", "pets.jpg", "grace_hopper.bmp"):
        with Image.open(shared_dir / "images" / name) as picture:
            small = io.BytesIO()
            picture.convert("RGB").resize((640, 480)).save(small, "JPEG", quality=90)
        data.append(small.getvalue())
    full = []
    for file in data:
        with Image.open(io.BytesIO(file)) as picture:
            full.append(png(picture.convert("RGB")))
    answers = await segment(running.address, [every(), *frames(data + full)])
    assert running.stop() == 0
    for number in range(len(data)):
        agreement = (labels_of(answers[number]) == labels_of(answers[number + len(data)])).mean()
        assert agreement >= 0.995, f"{agreement:.5f}"


async def test_a_large_frame_agrees_with_one_that_is_resized_in_one_go(shared_dir: Path) -> None:
    """Pictures are averaged over whole pixels first, and of raw ones rows are left out."""
    model = shared_dir / "models" / "deeplabv3_257_mv_gpu.tflite"
    size = read_model(model).input_size
    large, raw, resized = [], [], []
    for name in ("cat_1080p.jpg", "cat_720p.jpg", "grace_hopper.bmp"):
        with Image.open(shared_dir / "images" / name) as picture:
            pixels = picture.convert("RGB")
        large.append(pb.Frame(data=png(pixels)))
        raw.append(raw_rgb(pixels))
        resized.append(pb.Frame(data=png(pixels.resize(size, Image.Resampling.BILINEAR))))
    sent = [*large, *raw, *resized]
    for number, frame in enumerate(sent):
        frame.id = number
    with RunningDaemon(f"--model={model}") as running:
        requests = [pb.SegmentRequest(frame=frame) for frame in sent]
        answers = await segment(running.address, [every(), *requests])
    for number in range(len(sent)):
        reference = answers[number % len(large) + 2 * len(large)]
        agreement = (labels_of(answers[number]) == labels_of(reference)).mean()
        assert agreement >= 0.995, f"{number}: {agreement:.5f}"
