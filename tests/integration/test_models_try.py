"""`edgesegd models try`: a model, a picture, and what is found in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgesegd.cli.exit_codes import EXIT_CODES
from edgesegd.core.errors import ConfigError, ModelInvalid
from scenes import draw_scene

pytestmark = pytest.mark.runtime
CASES = Path(__file__).parents[1] / "data" / "cases" / "models"


def edgesegd_try(folder: Path, model: str, image: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgesegd", "models", "try", model, image, "--out", "found"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def picture_size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


@pytest.fixture
def scene(tmp_path: Path) -> str:
    Image.fromarray(draw_scene(1).image).save(tmp_path / "scene.png")
    return "scene.png"


def test_a_model_that_is_tried_writes_its_overlay_and_says_what_it_found(
    tmp_path: Path, scene: str
) -> None:
    tried = edgesegd_try(tmp_path, "builtin", scene)
    assert tried.returncode == 0, tried.stderr
    assert "each value is: one score per class (logits" in tried.stdout
    assert "scene.png.overlay.png" in tried.stdout
    size = picture_size(tmp_path / "scene.png")
    with Image.open(tmp_path / "found" / "scene.png.labels.png") as labels:
        assert labels.size == size
        assert len(np.unique(np.asarray(labels))) > 1
    assert picture_size(tmp_path / "found" / "scene.png.overlay.png") >= size


def test_a_model_that_is_asked_about_is_not_tried(tmp_path: Path, scene: str) -> None:
    tried = edgesegd_try(tmp_path, str(CASES / "logit_plain.tflite"), scene)
    assert tried.returncode == EXIT_CODES[ModelInvalid]
    assert 'output.kind = "probability" or "logit"' in tried.stderr


def test_a_picture_that_does_not_exist_is_named(tmp_path: Path) -> None:
    tried = edgesegd_try(tmp_path, "builtin", "none.jpg")
    assert tried.returncode == EXIT_CODES[ConfigError]
    assert "none.jpg is not a picture" in tried.stderr
