"""The naive pipeline, which calls the interpreter in the process: the daemon should be faster."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgesegd.core.options import NO_CLASS
from edgesegd.engine.runtimes.interpreter import allocate
from edgesegd.engine.runtimes.runtime import load_runtime
from edgesegd.models.content import read_content
from edgesegd.models.pixel_map import ChannelOrder, Layout
from edgesegd.models.spec import ModelSpec, OutputKind

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Pillow's modes for the channels of an input."""


class NaivePipeline:
    """Pillow decode and resize, invoke, get_tensor, argmax."""

    def __init__(self, model: ModelSpec, threads: int, runtime: str = "auto") -> None:
        self._model = model
        installed = load_runtime(runtime)
        self.interpreter = installed.interpreter(
            model_content=read_content(model),
            num_threads=threads,
            experimental_delegates=installed.cpu_delegates(threads),
        )
        allocate(self.interpreter, replace(model, upsampling=None))  # it runs the whole graph
        self._input = self.interpreter.get_input_details()[0]["index"]
        self._output = self.interpreter.get_output_details()[model.output_position]["index"]

    def __call__(self, jpeg: bytes) -> npt.NDArray[Any]:
        """Class ids, H x W."""
        image = Image.open(io.BytesIO(jpeg)).convert("RGB")
        # The large picture is freed here. If it were freed with the output, that would be more than
        # glibc keeps: each frame would get all its memory from the kernel again, and take a third
        # longer.
        image = image.resize(self._model.input_size, Image.Resampling.BILINEAR)
        tensor = self._to_tensor(self._pixels(image))
        if self._model.input_map.layout is Layout.CHANNELS_FIRST:
            tensor = np.moveaxis(tensor, -1, 0)
        self.interpreter.set_tensor(self._input, tensor.reshape(self._model.input.shape))
        self.interpreter.invoke()
        output = self._model.output_map.view(self.interpreter.get_tensor(self._output))
        match self._model.output_kind:
            case OutputKind.LABELS:
                labels: npt.NDArray[Any] = output[..., 0]
            case OutputKind.PROBABILITY:
                labels = output[..., 0] >= self._model.threshold * self._model.unit
            case OutputKind.LOGIT:
                labels = 1 / (1 + np.exp(-output[..., 0])) >= self._model.threshold
            case OutputKind.MULTILABEL:
                reached = output.max(axis=-1) >= self._model.threshold * self._model.unit
                labels = np.where(reached, np.argmax(output, axis=-1), NO_CLASS)
            case _:
                labels = np.argmax(output, axis=-1)
        return labels

    def _pixels(self, image: Image.Image) -> npt.NDArray[Any]:
        pixels = np.atleast_3d(np.asarray(image.convert(MODES[self._model.input_map.channels])))
        return pixels if self._model.order is ChannelOrder.RGB else pixels[..., ::-1]

    def _to_tensor(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        model = self._model
        if model.mean is None or model.std is None:
            return pixels if model.input.dtype == "uint8" else (pixels - 128.0).astype(np.int8)
        mean, std = np.array(model.mean, np.float32), np.array(model.std, np.float32)
        real: npt.NDArray[Any] = (pixels.astype(np.float32) - mean) / std
        if model.input.dtype == "float32":
            return real
        stored = np.rint(real / (model.input.scale or 1.0) + model.input.zero_point)
        limits = np.iinfo(model.input.dtype)
        return stored.clip(limits.min, limits.max).astype(model.input.dtype)
