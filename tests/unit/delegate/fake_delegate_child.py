"""What the tests of the fake delegate run in a process that may crash.

`fake_delegate_child.py '{"library": ..., "folder": ..., "ticks": ..., "cases": [...]}'` goes
through the cases, each with a name, a model, the delegate's options (null: none) and the seeds of
the scenes to segment. It writes a line of JSON per step, and each output to `folder` as
`NAME.FRAME.npy`; with `ticks` another thread says "tick" as long as it gets the interpreter lock.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgesegd.engine.runtimes.runtime import load_runtime

sys.path.append(str(Path(__file__).parents[3] / "training"))
from scenes import draw_scene

FAILURES = (OSError, AttributeError, ValueError, RuntimeError)
"""What a delegate's failures look like in Python."""

Interpreter = load_runtime("auto").interpreter
load_delegate = sys.modules[Interpreter.__module__].load_delegate


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def report(case: dict[str, Any], step: str, **more: object) -> None:
    say(json.dumps({"case": case["name"], "step": step, **more}))


draw = cache(draw_scene)


def scene(seed: int, details: dict[str, Any]) -> npt.NDArray[Any]:
    """A scene in the model's input size and type, made of every nth pixel."""
    image = draw(seed).image
    _, height, width, _ = details["shape"]
    rows = np.linspace(0, image.shape[0] - 1, height).astype(int)
    columns = np.linspace(0, image.shape[1] - 1, width).astype(int)
    pixels: npt.NDArray[np.uint8] = image[rows[:, None], columns][None]
    if details["dtype"] is np.uint8:
        return pixels
    centred: npt.NDArray[np.float32] = ((pixels - 127.5) / 127.5).astype(np.float32)
    return centred


def run(case: dict[str, Any], library: str, folder: Path) -> None:
    step = "create"
    try:
        delegates = [load_delegate(library, case["options"])] if case["options"] else []
        step = "prepare"
        interpreter = Interpreter(case["model"], experimental_delegates=delegates, num_threads=1)
        operators = [each["op_name"] for each in interpreter._get_ops_details()]
        report(case, step, delegated=operators.count("DELEGATE"))
        interpreter.allocate_tensors()
    except FAILURES as error:
        report(case, step, error=[type(error).__name__, str(error)])
        return
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    for frame, seed in enumerate(case["scenes"]):
        interpreter.set_tensor(taken["index"], scene(seed, taken))
        failure = None
        started = time.perf_counter()
        try:
            interpreter.invoke()
        except FAILURES as error:
            failure = [type(error).__name__, str(error)]
        report(case, "invoke", seconds=time.perf_counter() - started, error=failure)
        np.save(folder / f"{case['name']}.{frame}.npy", interpreter.get_tensor(given["index"]))
    del interpreter
    delegates.clear()
    report(case, "destroyed")


def tick() -> None:
    while True:
        time.sleep(0.005)
        say("tick")


def main(setup: dict[str, Any]) -> None:
    if setup["ticks"]:
        threading.Thread(target=tick, daemon=True).start()
    for case in setup["cases"]:
        run(case, setup["library"], Path(setup["folder"]))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
