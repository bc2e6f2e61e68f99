"""The inputs of the benchmarks: the real DeepLab and photographs if there are any, else our own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from edgesegd.bench.inputs import Inputs, drawn_inputs, pictured_inputs
from edgesegd.models.catalogue.store import resolve_model
from edgesegd.models.reading import read_model

REAL_MODEL = "models/deeplabv3_257_mv_gpu.tflite"
REAL_PICTURE = "images/cat_720p.jpg"
LARGE_PICTURE = "images/cat_1080p.jpg"


def load_inputs() -> Inputs:
    """DeepLab v3 and photographs from EDGESEG_SHARED (or ../shared), else the built-in model."""
    shared = Path(os.environ.get("EDGESEG_SHARED", Path(__file__).parents[2] / "shared"))
    model, picture = shared / REAL_MODEL, shared / REAL_PICTURE
    if model.is_file() and picture.is_file():
        return pictured_inputs(read_model(model), picture, shared / LARGE_PICTURE)
    print(f"no {REAL_MODEL} in {shared}: the built-in model and a drawn scene stand in")
    return drawn_inputs(read_model(resolve_model("builtin", Path())))


def remember_choice(inputs: Inputs, folder: Path) -> list[str]:
    """Flags of a daemon that has made its first start, so that nothing is probed meanwhile."""
    flags = [f"--model={inputs.model.path}", f"--data-dir={folder}"]
    command = [sys.executable, "-m", "edgesegd", "probe", "--remember", *flags]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return flags
