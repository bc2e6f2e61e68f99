"""An attack on a daemon, while a good client sends frames."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass

from attacks.attacker import Attacker
from attacks.front import Front
from attacks.good_client import GoodClient
from attacks.memory_limit import MemoryLimit
from attacks.target import Attack, Seen, Target
from edgesegd.bench.launch import LaunchedDaemon

FIRST_ANSWER_SECONDS = 30.0
WARM_UP_SECONDS = 2.0
BEFORE_SECONDS = 5.0
AFTER_SECONDS = 10.0
MB = 1e6

MAX_PEAK_MB = 400.0
MAX_KEPT_MB = 20.0
MIN_RATE = 0.5
MAX_WAIT = 3.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The effects of an attack. None if the front had ended, or did not answer.

    `rate` is the good client's rate during the attack as a ratio to that before, `wait` its longest
    time without an answer in seconds, and `kept_mb` by how much the front's memory is larger than
    before, 10 s after the attack.
    """

    peak_mb: float
    kept_mb: float | None
    rate: float
    wait: float
    front: str
    engines_lost: int | None
    out_of_memory: int | None
    attacker: Seen
    good_client: Seen
    log: list[str]

    def missed(self) -> list[str]:
        """The bounds that were missed, as text."""
        bounds = (
            (self.front == "the same", f"the front ended ({self.front})"),
            (self.peak_mb <= MAX_PEAK_MB, f"peak {self.peak_mb:.0f} MB"),
            (
                self.kept_mb is None or self.kept_mb <= MAX_KEPT_MB,
                f"kept {self.kept_mb or 0:.0f} MB",
            ),
            (self.rate >= MIN_RATE, f"rate {self.rate:.2f}"),
            (self.wait <= MAX_WAIT, f"wait {self.wait:.1f} s"),
        )
        return [words for kept, words in bounds if not kept]


def try_attack(
    attack: Attack,
    *,
    flags: list[str],
    jpeg: bytes,
    seconds: float,
    memory: int | None,
    progress: Callable[[str], None],
) -> Outcome:
    """Start a daemon, with at most `memory` bytes if that is given, and attack it."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        limit = MemoryLimit(memory) if memory is not None else None
        if limit is not None:
            stack.callback(limit.close)
        path = f"{folder}/grpc.sock"
        with limit.for_children() if limit is not None else nullcontext():
            daemon = LaunchedDaemon(*flags, "--listen=[::1]:0", f"--listen=unix://{path}")
        stack.enter_context(daemon)
        target = Target(daemon.address, daemon.metrics_url.split("/")[2], path)
        other = next(line for line in daemon.output if line.startswith("listening on [::1]"))
        attacker = stack.enter_context(Attacker(attack.name, target))
        good = stack.enter_context(
            GoodClient(target, jpeg, address=other.split()[-1], local=attack.local)
        )
        good.wait_for_first(FIRST_ANSWER_SECONDS)
        time.sleep(WARM_UP_SECONDS)
        started = time.monotonic()
        progress("before the attack")
        time.sleep(BEFORE_SECONDS)
        return _measure(
            attacker=attacker,
            daemon=daemon,
            good=good,
            limit=limit,
            started=started,
            seconds=seconds,
            progress=progress,
        )


def _measure(
    *,
    attacker: Attacker,
    daemon: LaunchedDaemon,
    good: GoodClient,
    limit: MemoryLimit | None,
    started: float,
    seconds: float,
    progress: Callable[[str], None],
) -> Outcome:
    """Attack, and watch until 10 s later; no attack disturbed `good` since `started`."""
    with Front(daemon) as front:
        before, lost_before = front.resident, front.engines_lost()
        lines = len(daemon.output)
        begin = time.monotonic()
        usual = good.rate(started, begin)
        progress("attack")
        seen = attacker.attack_for(seconds)
        end = time.monotonic()
        progress("after the attack")
        time.sleep(AFTER_SECONDS)
        after, lost_after = front.resident, front.engines_lost()
        return Outcome(
            peak_mb=front.peak / MB,
            kept_mb=None if before is None or after is None else (after - before) / MB,
            rate=good.rate(begin, begin + seconds) / usual,
            wait=good.longest_wait(begin, end + AFTER_SECONDS),
            front=front.fate,
            engines_lost=None
            if lost_before is None or lost_after is None
            else lost_after - lost_before,
            out_of_memory=limit.kills if limit is not None else None,
            attacker=seen,
            good_client=good.failures,
            log=daemon.output[lines:],
        )
