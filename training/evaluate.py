"""Measures a .tflite file as the daemon runs it: IoU on scenes that training never saw."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from data import stretch
from scenes import draw_scene


def confusion(
    path: Path, seeds: range, size: tuple[int, int], classes: int
) -> npt.NDArray[np.int64]:
    """int64[C, C]: pixels by true class (rows) and predicted class, at the model's size."""
    interpreter = Interpreter(model_path=str(path), num_threads=2)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    side = int(source["shape"][1])
    counts = np.zeros(classes * classes, np.int64)
    for seed in seeds:
        scene = stretch(draw_scene(seed, size), side)
        values = (scene.image.astype(np.float32) - 127.5) / 127.5
        interpreter.set_tensor(source["index"], values[None])
        interpreter.invoke()
        found = interpreter.get_tensor(target["index"])[0].argmax(axis=-1)
        pairs = scene.labels.astype(np.int64) * classes + found
        counts += np.bincount(pairs.ravel(), minlength=classes * classes)
    return counts.reshape(classes, classes)


def iou(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """float64[C]: intersection over union of each class, from the pixels of all scenes."""
    common = np.diag(counts)
    return np.asarray(common / (counts.sum(0) + counts.sum(1) - common), np.float64)
