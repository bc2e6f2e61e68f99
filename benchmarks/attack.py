"""Attacks our own daemon in every way that we know, while another client sends valid requests.

Each attack has a fresh daemon with the default command line. The daemon and its engines have a
memory limit of 512 MB, if a control group can be created. All traffic is on the loopback interface
and bounded. Prints the front's memory, how the other client was served, and which bounds were
missed; if any was, the exit status is 1.
"""

from __future__ import annotations

import argparse
import sys

from attacks.catalogue import ATTACKS
from attacks.memory_limit import MemoryLimit
from attacks.target import Attack, Seen
from attacks.trial import MAX_KEPT_MB, MAX_PEAK_MB, MAX_WAIT, MIN_RATE, Outcome, try_attack
from inputs import load_inputs
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

MEMORY = 512 << 20
MAX_LISTED = 6
"""Kinds of answers that are printed, the most frequent ones."""
LOG_LINES = 5
WIDTH = 110


def allowed_memory(console: Console) -> int | None:
    """The limit, or None if none can be set, which is printed."""
    try:
        MemoryLimit(MEMORY).close()
    except OSError as error:
        console.print(
            f"[bold red]WITHOUT A MEMORY LIMIT: no control group can be made ({escape(str(error))})"
            "; as root, with cgroups mounted writable, daemons get 512 MB[/]"
        )
        return None
    return MEMORY


def in_words(seen: Seen) -> str:
    """The most frequent answers."""
    rest = sum(count for _, count in seen.most_common()[MAX_LISTED:])
    texts = [f"{count:,} times {what}" for what, count in seen.most_common(MAX_LISTED)]
    return "; ".join([*texts, *([f"{rest:,} others"] if rest else [])]) or "nothing"


def describe(console: Console, attack: Attack, outcome: Outcome) -> None:
    """What the table does not show."""
    missed = ", ".join(outcome.missed())
    console.print(f"[bold]{attack.name}[/]: {escape(missed) or 'within all bounds'}")
    console.print(f"  attacker: {escape(in_words(outcome.attacker))}")
    if outcome.good_client:
        console.print(f"  good client: {escape(in_words(outcome.good_client))}")
    for line in outcome.log[-LOG_LINES:]:
        console.print(f"  log: {escape(line)}", overflow="ellipsis", no_wrap=True)


def new_table(seconds: float) -> Table:
    """The table without rows."""
    table = Table(title=f"a daemon that is attacked for {seconds:g} s")
    table.add_column("attack", no_wrap=True)
    headings = ("peak MB", "10 s later", "rate", "wait s", "front", "engines lost")
    for heading in (*headings, "killed: no memory"):
        table.add_column(heading, justify="right")
    return table


def row(name: str, outcome: Outcome) -> list[str]:
    """The cells of one attack."""
    kept, lost, kills = outcome.kept_mb, outcome.engines_lost, outcome.out_of_memory
    return [
        name,
        f"{outcome.peak_mb:.0f}",
        "-" if kept is None else f"{kept:+.0f}",
        f"{outcome.rate:.2f}",
        f"{outcome.wait:.2f}",
        outcome.front,
        "?" if lost is None else str(lost),
        "?" if kills is None else str(kills),
    ]


def run(attacks: list[Attack], flags: list[str], seconds: float) -> bool:
    """Attack and print; returns whether all bounds are kept."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    memory = allowed_memory(console)
    inputs = load_inputs()
    table, missed = new_table(seconds), list[str]()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("")
        for number, attack in enumerate(attacks, 1):
            name = f"{number} of {len(attacks)}, {attack.name}: "
            progress.reset(task, description=name + "start")
            outcome = try_attack(
                attack,
                flags=flags,
                jpeg=inputs.jpeg,
                seconds=seconds,
                memory=memory,
                progress=lambda now, name=name: progress.update(task, description=name + now),  # type: ignore[misc]
            )
            describe(console, attack, outcome)
            table.add_row(*row(attack.name, outcome), style="red" if outcome.missed() else "")
            missed += [attack.name] if outcome.missed() else []
    console.print(table)
    print(
        f"bounds: peak at most {MAX_PEAK_MB:g} MB, 10 s later at most {MAX_KEPT_MB:+g}, the good "
        f"client's rate at least {MIN_RATE:g} of what it was, and at most {MAX_WAIT:g} s without "
        "an answer"
    )
    print(f"missed by: {', '.join(missed)}" if missed else "all bounds are kept")
    return not missed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [attack.name for attack in ATTACKS]
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help="these attacks")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each attack (default: 8)")
    parser.add_argument("--model", help="the daemon's model (default: builtin)")
    parser.add_argument("--list", action="store_true", help="name the attacks and end")
    args = parser.parse_args()
    if args.list:
        for attack in ATTACKS:
            print(f"{attack.name:18} {attack.what}")
        return
    chosen = [attack for attack in ATTACKS if args.only is None or attack.name in args.only]
    flags = [f"--model={args.model}"] if args.model else []
    sys.exit(0 if run(chosen, flags, args.seconds) else 1)


if __name__ == "__main__":
    main()
