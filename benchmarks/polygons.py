"""Time and size of polygons: of a real model's mask and of a street, beside invoke and run lengths.

The ratios are to one invoke of the model, and to the run lengths of the same mask.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Callable

import numpy as np
from inputs import load_inputs
from PIL import Image
from street import street_labels

from edgesegd.core.options import Output, PolygonOptions, ResizePolicy, ResultOptions
from edgesegd.core.result import SegmentResult
from edgesegd.engine.runtimes.interpreter import load_on_cpu
from edgesegd.engine.runtimes.runtime import load_runtime
from edgesegd.imaging.codec import Picture
from edgesegd.imaging.encode import find_segments
from edgesegd.imaging.geometry import fit
from edgesegd.imaging.labels import Labels
from edgesegd.imaging.mask import Mask, mask_reader
from edgesegd.imaging.preprocess import Preprocessor, resize_picture
from edgesegd.models.spec import ModelSpec

RUN_LENGTHS = ResultOptions(frozenset({Output.RLE}))
WAYS = {
    "polygons": ResultOptions(frozenset({Output.POLYGONS})),
    "exact": ResultOptions(frozenset({Output.POLYGONS}), polygons=PolygonOptions(tolerance=0)),
}


def model_and_mask(model: ModelSpec, jpeg: bytes) -> tuple[Callable[[], None], Labels]:
    """The model's invoke on the picture, and the mask that it gives."""
    runtime = load_runtime("auto")
    loaded = load_on_cpu(runtime, model, runtime.default_threads())
    with Image.open(io.BytesIO(jpeg)) as image:
        picture = Picture(image.convert("RGB"), image.size)
    placed = fit(picture.size, model.input_size, ResizePolicy.STRETCH)
    Preprocessor(model).to_tensor(resize_picture(picture, placed), loaded.input())
    loaded.invoke()
    return loaded.invoke, mask_reader(model).own_labels(loaded.output())


def seconds(run: Callable[[], object]) -> float:
    """How long one run takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def segments(labels: Labels, options: ResultOptions) -> tuple[SegmentResult, ...]:
    """The classes of a mask with these outputs."""
    return find_segments(Mask(labels, None), options)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="rounds (default: 100)")
    rounds = range(parser.parse_args().rounds)
    inputs = load_inputs()
    invoke, real = model_and_mask(inputs.model, inputs.jpeg)
    masks = {f"{inputs.names}, {real.shape[1]}x{real.shape[0]}": real}
    for width, height in ((257, 257), (512, 512), (1280, 720)):
        masks[f"street, {width}x{height}"] = street_labels(width, height)
    for name, labels in masks.items():
        print(f"{name}, {len(np.unique(labels))} labels")
        for way, options in WAYS.items():
            took: list[tuple[float, float, float]] = [
                (
                    seconds(lambda: segments(labels, options)),  # noqa: B023 # called at once
                    seconds(lambda: segments(labels, RUN_LENGTHS)),  # noqa: B023
                    seconds(invoke),
                )
                for _ in rounds
            ]
            mine, run_lengths, invoked = (
                statistics.median(each) for each in zip(*took, strict=True)
            )
            blobs = [one.outlines for one in segments(labels, options) if one.outlines is not None]
            print(
                f"  {way}: {mine * 1e3:.2f} ms, {mine / invoked:.2f} invokes, "
                f"{mine / run_lengths:.1f} times the run lengths; "
                f"{sum(len(one.holes) for one in blobs)} outlines, "
                f"{sum(len(one.points) for one in blobs) // 8} points"
            )


if __name__ == "__main__":
    main()
