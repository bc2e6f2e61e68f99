"""A model that XNNPACK refuses as a whole, and that the built-in kernels run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from support.graph_writer import GraphWriter


def refused_by_xnnpack(path: Path, size: int = 16) -> Path:
    """Write it: an int8 convolution whose output scale is over 256 times finer than its input's.

    XNNPACK requires a requantization scale below 256 (`xnn_create_convolution2d_nhwc_qs8`).
    """
    graph = GraphWriter((1, size, size, 3), "int8", scale=1.0, zero_point=-128)
    weights = np.random.default_rng(0).integers(-5, 6, (4, 1, 1, 3))
    kernel = graph.constant(weights, "int8", scale=1.0)
    bias = graph.constant(np.zeros(4), "int32", scale=1.0)
    scores = graph.add(
        "CONV_2D", [graph.image, kernel, bias], (1, size, size, 4), "int8", scale=0.002
    )
    path.write_bytes(graph.write(scores))
    return path
