"""Gives random input to the daemon's ports and to what reads its messages, handles and files.

    fuzz.py [--target NAME] [--count N] [--seconds S] [--seed N] [--findings FOLDER]

Each case has a number, and is made again by `--target NAME --seed NUMBER --count 1`. Nothing may
raise anything but its documented error; the daemon must answer every frame, serve a good client
meanwhile, and hold no more memory and descriptors at the end. Findings are written as files; exit
status 1 if there are any.
"""

from __future__ import annotations

import argparse
import contextlib
import secrets
import signal
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from arguments import positive, whole_number
from fuzzing.campaign import Campaign
from fuzzing.messages import Messages
from fuzzing.ports import Ports
from fuzzing.regions import Regions
from fuzzing.state import State
from fuzzing.target import Target

TARGETS: dict[str, Callable[[], Target]] = {
    each.name: each for each in (Ports, Messages, State, Regions)
}
SHARES = {"ports": 0.005, "messages": 0.395, "state": 0.1, "regions": 0.5}
"""Of the count: a case of a port is a connection to a daemon, others are a call of a function."""
DEFAULT_COUNT = 10_000_000
FINDINGS = Path("fuzz-findings")


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument(
        "--target", action="append", choices=TARGETS, help="may be repeated (default: all)"
    )
    parser.add_argument(
        "--count",
        type=whole_number,
        help=f"cases of all targets together (default: {DEFAULT_COUNT:,})",
    )
    parser.add_argument(
        "--seconds", type=positive, help="of all targets together, each the same part of it"
    )
    parser.add_argument("--seed", type=int, help="number of the first case (default: any)")
    parser.add_argument("--findings", type=Path, default=FINDINGS, help="default: %(default)s")
    args = parser.parse_args()
    names = args.target or list(TARGETS)
    count = DEFAULT_COUNT if args.count is None and args.seconds is None else args.count
    seed = secrets.randbelow(1 << 40) if args.seed is None else args.seed
    print(f"seed {seed}", flush=True)
    found = 0
    for name in names:
        of_all = 1.0 if len(names) == 1 else SHARES[name] / sum(SHARES[each] for each in names)
        with contextlib.closing(TARGETS[name]()) as target:
            outcome = Campaign(
                target,
                seed=seed,
                count=None if count is None else max(1, round(count * of_all)),
                seconds=None if args.seconds is None else args.seconds / len(names),
                folder=args.findings,
            ).run()
        told = ", ".join(f"{number:,} {what}" for what, number in outcome.became.most_common())
        print(f"{name}: {outcome.cases:,} cases in {outcome.seconds:,.0f} s: {told}", flush=True)
        for path in outcome.findings:
            print(f"FOUND {path}: {path.read_text().strip().splitlines()[-1]}", flush=True)
        found += len(outcome.findings)
    return 1 if found else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
