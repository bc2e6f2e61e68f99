"""Does a batch cost less than its frames one by one? Prints invoke of N / (N x invoke of 1)."""

from __future__ import annotations

import argparse
import statistics
import time

from inputs import load_inputs

from edgesegd.engine.runtimes.runtime import Runtime, load_runtime
from edgesegd.models.content import content_to_run
from edgesegd.models.spec import ModelSpec

ROUNDS, INVOKES = 7, 15


class Batch:
    """A model whose input has room for `count` frames."""

    def __init__(self, runtime: Runtime, model: ModelSpec, threads: int, count: int) -> None:
        self._interpreter = runtime.interpreter(
            model_content=content_to_run(model), num_threads=threads
        )
        index = self._interpreter.get_input_details()[0]["index"]
        self._interpreter.resize_tensor_input(index, (count, *model.input.shape[1:]))
        self._interpreter.allocate_tensors()

    def seconds(self) -> float:
        """The median of some invokes."""
        spent = []
        for _ in range(INVOKES):
            started = time.perf_counter()
            self._interpreter.invoke()
            spent.append(time.perf_counter() - started)
        return statistics.median(spent)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2, 4], help="sizes (2 4)")
    args = parser.parse_args()
    inputs, runtime = load_inputs(), load_runtime("auto")
    threads = runtime.default_threads()
    print(f"{inputs.model.name}; {runtime}, {threads} threads")
    single = Batch(runtime, inputs.model, threads, 1)
    for size in args.sizes:
        batch = Batch(runtime, inputs.model, threads, size)
        found = sorted(batch.seconds() / (size * single.seconds()) for _ in range(ROUNDS))
        print(
            f"batch of {size} / {size} single frames: {statistics.median(found):.2f} "
            f"({found[0]:.2f} to {found[-1]:.2f})"
        )


if __name__ == "__main__":
    main()
