"""The naive pipeline, which calls the interpreter in the process: the daemon should be faster."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgesegd.engine.runtimes.runtime import load_runtime
from edgesegd.models.content import read_content
from edgesegd.models.spec import ModelSpec, OutputKind


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
        self.interpreter.allocate_tensors()
        self._input = self.interpreter.get_input_details()[0]["index"]
        self._output = self.interpreter.get_output_details()[model.output_position]["index"]

    def __call__(self, jpeg: bytes) -> npt.NDArray[Any]:
        """Class ids, H x W."""
        image = Image.open(io.BytesIO(jpeg)).convert("RGB")
        # The large picture is freed here. If it were freed with the output, that would be more than
        # glibc keeps: each frame would get all its memory from the kernel again, and take a third
        # longer.
        image = image.resize(self._model.input_size, Image.Resampling.BILINEAR)
        self.interpreter.set_tensor(self._input, self._to_tensor(image)[np.newaxis])
        self.interpreter.invoke()
        output = self.interpreter.get_tensor(self._output)[0]
        match self._model.output_kind:
            case OutputKind.LABELS:
                labels: npt.NDArray[Any] = output
            case OutputKind.PROBABILITY:
                labels = output >= self._model.threshold
            case _:
                labels = np.argmax(output, axis=-1)
        return labels

    def _to_tensor(self, image: Image.Image) -> npt.NDArray[Any]:
        model = self._model
        if model.mean is None or model.std is None:
            pixels = np.asarray(image)
            return pixels if model.input.dtype == "uint8" else (pixels - 128.0).astype(np.int8)
        mean, std = np.array(model.mean, np.float32), np.array(model.std, np.float32)
        real: npt.NDArray[Any] = (np.asarray(image, np.float32) - mean) / std
        if model.input.scale == 0:
            return real
        stored = np.rint(real / model.input.scale + model.input.zero_point)
        limits = np.iinfo(model.input.dtype)
        return stored.clip(limits.min, limits.max).astype(model.input.dtype)
