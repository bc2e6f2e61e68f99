"""What anyone writes who calls the interpreter in process: the thing to be faster than."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgesegd.core.model.spec import ModelSpec, OutputKind
from edgesegd.engine.runtime import load_runtime


class NaivePipeline:
    """Pillow decode and resize, invoke, get_tensor, argmax."""

    def __init__(self, model: ModelSpec, threads: int) -> None:
        if model.output_kind is not OutputKind.LOGITS or model.mean is None or model.std is None:
            raise SystemExit("the naive pipeline is written for float models with logits")
        self._size = model.input_size
        self._mean = np.array(model.mean, np.float32)
        self._std = np.array(model.std, np.float32)
        runtime = load_runtime("auto")
        self.interpreter = runtime.interpreter(model_path=str(model.path), num_threads=threads)
        self.interpreter.allocate_tensors()
        self._input = self.interpreter.get_input_details()[0]["index"]
        self._output = self.interpreter.get_output_details()[0]["index"]

    def __call__(self, jpeg: bytes) -> npt.NDArray[np.intp]:
        """Class ids, H x W."""
        image = Image.open(io.BytesIO(jpeg)).convert("RGB")
        resized = image.resize(self._size, Image.Resampling.BILINEAR)
        tensor = (np.asarray(resized, np.float32) - self._mean) / self._std
        self.interpreter.set_tensor(self._input, tensor[np.newaxis])
        self.interpreter.invoke()
        labels: npt.NDArray[np.intp] = np.argmax(
            self.interpreter.get_tensor(self._output)[0], axis=-1
        )
        return labels
