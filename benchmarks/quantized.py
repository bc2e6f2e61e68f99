"""A quantized model in tflite-runtime, as the daemon runs it, compared with ai-edge-litert.

Two environments take turns in one run: .venv and .venv-tflite, which `make test` sets up. Prints
the ratio of median invokes, and for comparison that of tflite-runtime's own kernels.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODEL = "models/deeplabv3_mnv2_dm05_pascal_quant.tflite"
WAYS = {
    "ai-edge-litert": (".venv", "daemon"),
    "tflite-runtime": (".venv-tflite", "daemon"),
    "tflite-runtime's own kernels": (".venv-tflite", "plain"),
}


def measure(model: Path, way: str, threads: int, invokes: int) -> None:
    """Print the median seconds of an invoke in this environment."""
    import time  # noqa: PLC0415 # of the child only

    from edgesegd.engine.runtimes.interpreter import load_on_cpu  # noqa: PLC0415
    from edgesegd.engine.runtimes.runtime import load_runtime  # noqa: PLC0415
    from edgesegd.models.reading import read_model  # noqa: PLC0415

    runtime = load_runtime("auto")
    if way == "daemon":
        interpreter = load_on_cpu(runtime, read_model(model), threads).interpreter
    else:
        interpreter = runtime.interpreter(model_path=str(model), num_threads=threads)
        interpreter.allocate_tensors()
    interpreter.invoke()
    seconds = []
    for _ in range(invokes):
        started = time.perf_counter()
        interpreter.invoke()
        seconds.append(time.perf_counter() - started)
    print(statistics.median(seconds))


def run_in(environment: str, *arguments: str) -> float:
    """The result of a child in another environment."""
    python = ROOT / environment / "bin" / "python"
    if not python.exists():
        raise SystemExit(f"{environment} is missing; `make test` sets it up")
    done = subprocess.run(
        [python, __file__, "--child", *arguments], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default: 5)")
    parser.add_argument("--threads", type=int, default=1, help="threads (default: 1)")
    parser.add_argument("--invokes", type=int, default=10, help="invokes a round (default: 10)")
    parser.add_argument("--child", metavar="WAY", help=argparse.SUPPRESS)
    args = parser.parse_args()
    model = Path(os.environ.get("EDGESEG_SHARED", ROOT.parent / "shared")) / MODEL
    if not model.is_file():
        sys.exit(f"no {model}: set EDGESEG_SHARED to the folder that has {MODEL}")
    if args.child:
        measure(model, args.child, args.threads, args.invokes)
        return
    counts = (f"--threads={args.threads}", f"--invokes={args.invokes}")
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(args.rounds):
        for name, (environment, way) in WAYS.items():
            seconds[name].append(run_in(environment, way, *counts))
    print(f"{model.name}; {args.threads} thread(s); {args.rounds} rounds of {args.invokes} invokes")
    litert = seconds["ai-edge-litert"]
    for name, values in seconds.items():
        ratios = sorted(one / two for one, two in zip(values, litert, strict=True))
        print(
            f"{name}: {statistics.median(values) * 1e3:.1f} ms, {statistics.median(ratios):.2f} "
            f"times ai-edge-litert ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


if __name__ == "__main__":
    main()
