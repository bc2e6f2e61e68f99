"""First starts, with no choice remembered: whether the default chooses well under any load.

Each start has its own data folder, and no load, one client or four, which try to connect before the
daemon is there, and send as soon as it is. After 20 s the median time of a frame is compared with
the best fixed setting under the same load, measured directly afterwards: each number of threads for
latency, and throughput. Prints each ratio and the choice.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from inputs import load_inputs
from load import Load, median

from edgesegd.bench.launch import LaunchedDaemon
from edgesegd.board.threads import count_cores

CLIENTS = (0, 1, 4)
OURS = "a first start"
SETTLE_SECONDS, TURNS = 2.0, 3
AIM = 1.05


def chosen(folder: Path) -> str:
    """The choice in the state file of a daemon."""
    files = list((folder / "state").glob("delegates-*.json"))
    if not files:
        return "nothing chosen yet"
    state = json.loads(files[0].read_text())
    ranking = [f"{each['delegate']['name']} x {each['threads']}" for each in state["ranking"]]
    return f"{', '.join(ranking)}; {state['disturbed'] or 'undisturbed'}"


def median_under(address: str, jpeg: Path, clients: int, seconds: float) -> float:
    """The median seconds of a frame while that many clients send; with none, of one client."""
    with Load("segment", address, jpeg, count=max(1, clients)) as load:
        load.latencies(SETTLE_SECONDS)
        return median(load.latencies(seconds))


@contextlib.contextmanager
def first_start(model: str, folder: str, jpeg: Path, clients: int, seconds: float) -> Iterator[str]:
    """The address of a daemon that has just started; that many clients sent before it was ready.

    They sent for `seconds` after that, and have ended.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    flags = (f"--model={model}", f"--data-dir={folder}", f"--listen={address}")
    with contextlib.ExitStack() as stack:
        # They try again until it serves.
        load = (
            Load("segment", address, jpeg, count=clients) if clients else contextlib.nullcontext()
        )
        with load as sending:
            stack.enter_context(LaunchedDaemon(*flags))
            if sending is None:
                time.sleep(seconds)
            else:
                sending.latencies(seconds)
        yield address


def compare(
    ours: str, others: dict[str, LaunchedDaemon], jpeg: Path, clients: int, seconds: float
) -> tuple[float, float, str]:
    """Median seconds of the default and of the best other setting, taken in turn, and its name."""
    addresses = {OURS: ours} | {name: daemon.address for name, daemon in others.items()}
    found: dict[str, list[float]] = {name: [] for name in addresses}
    for _ in range(TURNS):
        for name, address in addresses.items():
            found[name].append(median_under(address, jpeg, clients, seconds))
    medians = {name: statistics.median(values) for name, values in found.items()}
    best = min(others, key=lambda name: medians[name])
    return medians[OURS], medians[best], best


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=10, help="of each kind (default: 10)")
    parser.add_argument("--wait", type=float, default=20.0, help="seconds (default: 20)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each look (default: 2)")
    args = parser.parse_args()
    inputs = load_inputs()
    model = str(inputs.model.path)
    print(f"{inputs.names}; {args.starts} first starts of each kind")
    fixed = [f"--threads={count}" for count in range(1, count_cores() + 1)]
    settings = [("--optimize=latency", threads) for threads in fixed] + [("--optimize=throughput",)]
    with contextlib.ExitStack() as stack:
        jpeg = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "frame.jpg"
        jpeg.write_bytes(inputs.jpeg)
        others = {
            " ".join(flags): stack.enter_context(
                LaunchedDaemon(f"--model={model}", "--delegate=cpu", *flags)
            )
            for flags in settings
        }
        for clients in CLIENTS:
            ratios = []
            for _ in range(args.starts):
                with (
                    tempfile.TemporaryDirectory() as folder,
                    first_start(model, folder, jpeg, clients, args.wait) as address,
                ):
                    ours, theirs, best = compare(address, others, jpeg, clients, args.seconds)
                    choice = chosen(Path(folder))
                ratios.append(ours / theirs)
                print(
                    f"{clients} clients: {ours * 1e3:.1f} ms, {theirs * 1e3:.1f} with {best}: "
                    f"{ratios[-1]:.2f} ({choice})",
                    flush=True,
                )
            print(
                f"{clients} clients: p50 / best fixed setting: {statistics.median(ratios):.2f} "
                f"({min(ratios):.2f} to {max(ratios):.2f}), aim {AIM} or less"
            )


if __name__ == "__main__":
    main()
