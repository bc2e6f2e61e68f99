"""Published models: every id is that of a plain interpreter on the same tensor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgesegd.core.options import ResizePolicy, ResultOptions
from edgesegd.engine.runtimes.interpreter import load_on_cpu
from edgesegd.engine.runtimes.runtime import load_runtime
from edgesegd.imaging.geometry import fit
from edgesegd.imaging.mask import mask_reader, read_mask
from edgesegd.imaging.preprocess import Preprocessor
from edgesegd.models.reading import read_model

pytestmark = [pytest.mark.realmodel, pytest.mark.runtime]
RUNTIME = load_runtime("auto")
NEEDS_LITERT = {"selfiesegmentation_mlkit-256x256-2021_01_19-v1215.f16"}


@pytest.mark.parametrize(
    "name",
    [
        "deeplabv3_257_mv_gpu",
        "deeplabv3_mnv2_dm05_pascal_quant",
        "selfiesegmentation_mlkit-256x256-2021_01_19-v1215.f16",
    ],
)
def test_all_ids_of_a_published_model_are_those_of_a_plain_interpreter(
    shared_dir: Path, name: str
) -> None:
    if name in NEEDS_LITERT and RUNTIME.name != "ai-edge-litert":
        pytest.skip("this runtime does not have the model's custom operator")
    model = read_model(shared_dir / "models" / f"{name}.tflite")
    with Image.open(shared_dir / "images" / "cat_720p.jpg") as photo:
        pixels = np.asarray(photo.convert("RGB").resize(model.input_size))
    loaded = load_on_cpu(RUNTIME, model, 1)
    Preprocessor(model).to_tensor(pixels, loaded.input())
    tensor = loaded.input().copy()
    loaded.invoke()
    placed = fit(model.input_size, model.input_size, ResizePolicy.STRETCH)
    made = read_mask(model, mask_reader(model), loaded.output(), placed, ResultOptions())

    interpreter = RUNTIME.interpreter(
        model_content=model.path.read_bytes(), experimental_delegates=RUNTIME.cpu_delegates(1)
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], tensor)
    interpreter.invoke()
    output = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
    if output.ndim == 2:
        expected = output
    elif output.shape[-1] == 1:
        expected = output[..., 0] >= 0.5
    else:
        expected = output.argmax(axis=-1)
    np.testing.assert_array_equal(made.labels, expected.astype(np.uint8))
    assert len(np.unique(made.labels)) > 1
