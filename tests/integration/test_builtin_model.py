"""The built-in model does what its card says, on scenes that it was not trained on."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgesegd.models.catalogue.store import BUILTIN, resolve_model
from scenes import CLASSES, draw_scene
from support.calls import every, frames, segment
from support.running_daemon import RunningDaemon

pytestmark = pytest.mark.runtime

HELD_OUT = range(500, 530)
"""Training begins at seed 1,000,000."""


@pytest.mark.slow
async def test_the_builtin_model_has_a_mean_iou_of_90_percent_on_held_out_scenes(
    daemon: RunningDaemon,
) -> None:
    scenes = [draw_scene(seed) for seed in HELD_OUT]
    files = []
    for scene in scenes:
        file = io.BytesIO()
        Image.fromarray(scene.image).save(file, "PNG")
        files.append(file.getvalue())
    answers = await segment(daemon.address, [every(), *frames(files)])
    assert len(answers) == len(scenes)
    confusion = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
    for number, scene in enumerate(scenes):
        result = answers[number].segmentation
        found = np.frombuffer(result.labels, np.uint8).reshape(result.height, result.width)
        size = (result.width, result.height)
        truth = np.asarray(Image.fromarray(scene.labels).resize(size, Image.Resampling.NEAREST))
        np.add.at(confusion, (truth.ravel(), found.ravel()), 1)
    together = np.diag(confusion)
    iou = together / (confusion.sum(axis=0) + confusion.sum(axis=1) - together)
    assert iou.mean() >= 0.9, dict(zip(CLASSES, iou.round(3).tolist(), strict=True))


def test_the_builtin_model_is_at_most_300_kb() -> None:
    assert resolve_model(BUILTIN, Path()).stat().st_size <= 300_000
