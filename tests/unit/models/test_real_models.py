"""The published models, read as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgesegd.models.label_text import parse_labels
from edgesegd.models.reading import read_model
from edgesegd.models.spec import OutputKind

pytestmark = pytest.mark.realmodel

QUANTIZED = "deeplabv3_mnv2_dm05_pascal_quant"


@pytest.fixture(scope="module")
def models(shared_dir: Path) -> Path:
    return shared_dir / "models"


@pytest.fixture(scope="module")
def voc_names(models: Path) -> list[str]:
    return list(parse_labels((models / "pascal_voc_segmentation_labels.txt").read_text()))


def test_the_published_deeplab_is_read_with_its_preset(models: Path, voc_names: list[str]) -> None:
    spec = read_model(models / "deeplabv3_257_mv_gpu.tflite")
    assert spec.version == "68a539782c2c"
    assert (spec.input.shape, spec.input.dtype) == ((1, 257, 257, 3), "float32")
    assert (spec.output.shape, spec.output_kind) == ((1, 257, 257, 21), OutputKind.LOGITS)
    assert spec.mean == spec.std == (127.5, 127.5, 127.5)
    assert [each.name for each in spec.classes] == voc_names
    assert spec.classes[15].color == (192, 128, 128)
    assert spec.sources == {
        "normalization": "preset",
        "input": "file",
        "order": "default",
        "output": "file",
        "mask": "file",
        "kind": "file",
        "threshold": "default",
        "names": "preset",
        "palette": "default",
    }


@pytest.mark.parametrize(
    ("name", "custom_ops"), [(QUANTIZED, ()), (f"{QUANTIZED}_edgetpu", ("edgetpu-custom-op",))]
)
def test_the_published_quantized_deeplab_is_read_plain_and_compiled(
    models: Path, voc_names: list[str], name: str, custom_ops: tuple[str, ...]
) -> None:
    spec = read_model(models / f"{name}.tflite")
    assert (spec.input.dtype, spec.input.scale, spec.input.zero_point) == ("uint8", 1 / 128, 128)
    assert (spec.output.shape, spec.output.dtype) == ((1, 513, 513), "int64")
    assert spec.output_kind is OutputKind.LABELS
    assert spec.mean is None
    assert [each.name for each in spec.classes] == voc_names
    assert spec.custom_ops == custom_ops


def test_the_published_selfie_model_is_read_with_its_preset(models: Path) -> None:
    spec = read_model(
        models / "selfiesegmentation_mlkit-256x256-2021_01_19-v1215.f16.tflite", "selfie"
    )
    assert spec.name == "selfie"
    assert spec.output_kind is OutputKind.PROBABILITY
    assert (spec.mean, spec.std) == ((0.0,) * 3, (255.0,) * 3)
    assert [each.name for each in spec.classes] == ["background", "person"]
    assert spec.custom_ops == ("Convolution2DTransposeBias",)
