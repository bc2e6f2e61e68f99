"""The training from end to end: draw, train, convert, measure, write."""

import sys
from pathlib import Path

import keras
import tensorflow as tf

from card import Facts, Measurement, write_card, write_sidecar
from data import TRAINING_SEEDS, render_pool
from evaluate import confusion, iou
from export import count_macs, export
from learn import train
from network import SIDE, build
from scenes import CLASSES

_HELD_OUT = (((640, 480), 400), ((1280, 720), 100), ((480, 480), 100), ((480, 640), 100))
"""Sizes of measured scenes and how many of each, from seed 0 on."""


def make_model(
    *,
    scenes: int,
    steps: int,
    batch: int,
    seed: int,
    out: Path,
    cache: Path,
    measure_only: bool,
) -> None:
    """Writes `scenes.tflite`, `.md` and `.toml` to `out`; keeps rendered scenes in `cache`.

    With `measure_only` the `.tflite` stays as it is: it is measured, and described as what the
    other parameters say.
    """
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    model = build(len(CLASSES))
    file = out / "scenes.tflite"
    if not measure_only:
        train(model, render_pool(TRAINING_SEEDS, scenes, SIDE, cache), steps, batch, seed)
        out.mkdir(parents=True, exist_ok=True)
        export(model, file)
    facts = Facts(
        side=SIDE,
        parameters=sum(int(tf.size(weights)) for weights in model.trainable_weights),
        macs=count_macs(model),
        scenes=scenes,
        steps=steps,
        batch=batch,
        seed=seed,
        first_training_seed=TRAINING_SEEDS,
        measurements=tuple(_measure(file, size, count) for size, count in _HELD_OUT),
    )
    write_card(out / "scenes.md", file, facts)
    write_sidecar(out / "scenes.toml")


def _measure(file: Path, size: tuple[int, int], scenes: int) -> Measurement:
    counts = confusion(file, range(scenes), size, len(CLASSES))
    result = Measurement(size, scenes, tuple(iou(counts).tolist()))
    print(f"{size[0]} x {size[1]}: mean IoU {result.mean:.4f}", file=sys.stderr)
    return result
