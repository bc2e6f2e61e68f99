"""Labels from a model's small scores compared with its whole graph: invoke and labels together.

Prints the ratio at the model's size, and how many of the labels are the same.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import statistics
import time

import numpy as np
from inputs import load_inputs
from PIL import Image

from edgesegd.core.options import ResizePolicy
from edgesegd.engine.runtimes.interpreter import load_on_cpu
from edgesegd.engine.runtimes.runtime import load_runtime
from edgesegd.imaging.codec import Picture
from edgesegd.imaging.geometry import fit
from edgesegd.imaging.labels import Labels
from edgesegd.imaging.mask import mask_reader
from edgesegd.imaging.preprocess import Preprocessor, resize_picture
from edgesegd.models.spec import ModelSpec


class FramePipeline:
    """A way from pixels to labels."""

    def __init__(self, model: ModelSpec, jpeg: bytes) -> None:
        runtime = load_runtime("auto")
        self._loaded = load_on_cpu(runtime, model, runtime.default_threads())
        self._reader = mask_reader(model)
        with Image.open(io.BytesIO(jpeg)) as image:
            picture = Picture(image.convert("RGB"), image.size)
        placed = fit(picture.size, model.input_size, ResizePolicy.STRETCH)
        Preprocessor(model).to_tensor(resize_picture(picture, placed), self._loaded.input())

    def labels(self) -> Labels:
        """Invoke, and the labels at the model's size."""
        self._loaded.invoke()
        return self._reader.own_labels(self._loaded.output())

    def seconds(self, count: int) -> float:
        """The median of `count` times."""
        spent = []
        for _ in range(count):
            started = time.perf_counter()
            self.labels()
            spent.append(time.perf_counter() - started)
        return statistics.median(spent)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12, help="rounds (default: 12)")
    parser.add_argument("--frames", type=int, default=25, help="frames a round (default: 25)")
    args = parser.parse_args()
    inputs = load_inputs()
    if inputs.model.upsampling is None:
        raise SystemExit("this model's graph has no end to leave out")
    small = FramePipeline(inputs.model, inputs.jpeg)
    whole = FramePipeline(dataclasses.replace(inputs.model, upsampling=None), inputs.jpeg)
    same = np.mean(small.labels() == whole.labels())
    found = sorted(
        small.seconds(args.frames) / whole.seconds(args.frames) for _ in range(args.rounds)
    )
    print(f"{inputs.names}; {same:.2%} of the labels are the same")
    print(
        f"invoke and labels, small scores / whole graph: {statistics.median(found):.2f} "
        f"({found[0]:.2f} to {found[-1]:.2f})"
    )


if __name__ == "__main__":
    main()
