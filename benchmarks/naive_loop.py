"""A loop that calls the interpreter itself: `python naive_loop.py MODEL JPEG THREADS`.

It uses only Pillow, numpy and the runtime, in a process of its own. Each line of its input is a
number of frames. It prints a JSON object: the seconds of that many frames, and of as many invokes
alone.
"""

import io
import json
import sys
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image


def main() -> None:
    """Answer each line of the input."""
    model, jpeg_path, threads = sys.argv[1:]
    with open(jpeg_path, "rb") as file:  # noqa: PTH123 # as most people write it
        jpeg = file.read()
    interpreter = Interpreter(model_path=model, num_threads=int(threads))
    interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    _, height, width, _ = inputs["shape"]

    def segment() -> object:
        image = Image.open(io.BytesIO(jpeg)).convert("RGB")
        image = image.resize((width, height), Image.Resampling.BILINEAR)
        pixels = (np.asarray(image, np.float32) - 127.5) / 127.5
        interpreter.set_tensor(inputs["index"], pixels[np.newaxis])
        interpreter.invoke()
        return np.argmax(interpreter.get_tensor(outputs["index"])[0], axis=-1)

    for line in sys.stdin:
        found: dict[str, list[float]] = {"naive": [], "invoke": []}
        for name, action in (("naive", segment), ("invoke", interpreter.invoke)):
            for _ in range(int(line)):
                started = time.perf_counter()
                action()
                found[name].append(time.perf_counter() - started)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
