"""Tries cases of one target, counts what became of them, and keeps those with a fault."""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fuzzing.target import Target

MAX_FINDINGS = 20
"""After so many the target is not tried any more."""


@dataclass
class Outcome:
    """How many cases were tried, what became of them, and where the findings are."""

    cases: int = 0
    seconds: float = 0.0
    became: Counter[str] = field(default_factory=Counter)
    findings: list[Path] = field(default_factory=list)


class Campaign:
    """Tries the cases from number `seed` on, until there were `count`, or for `seconds`.

    Case N is always the same. The text and the input of a finding are written into `folder`.
    """

    def __init__(
        self,
        target: Target,
        *,
        seed: int,
        count: int | None = None,
        seconds: float | None = None,
        folder: Path,
    ) -> None:
        self._target = target
        self._seed = seed
        self._count = count
        self._seconds = seconds
        self._folder = folder
        self._outcome = Outcome()
        self._lock = threading.Lock()
        self._interrupted = False
        self._begun = time.monotonic()

    def run(self) -> Outcome:
        """Try them, several at a time if the target takes them so.

        After a KeyboardInterrupt no other case is begun, and those that were begun are over.
        """
        others = [
            threading.Thread(target=self._try_cases) for _ in range(self._target.at_a_time - 1)
        ]
        for thread in others:
            thread.start()
        try:
            self._try_cases()
        except KeyboardInterrupt:
            self._interrupted = True
            raise
        finally:
            for thread in others:
                thread.join()
        outcome = self._outcome
        last = self._seed + outcome.cases - 1
        for place, text in enumerate(self._target.faults_at_the_end()):
            what = f"after the cases {self._seed} to {last}: {text}"
            self._keep(f"end-{place}", what, b"")
        outcome.seconds = time.monotonic() - self._begun
        return outcome

    def _try_cases(self) -> None:
        while (number := self._next()) is not None:
            dice = random.Random(number)  # noqa: S311 # no secret, but a case to be made again
            try:
                became = self._target.try_case(dice)
            except Exception:  # noqa: BLE001 # whatever it is, it is what is looked for
                self._keep(str(number), traceback.format_exc(), self._target.material)
            else:
                with self._lock:
                    self._outcome.became[became] += 1

    def _next(self) -> int | None:
        """The number of the next case; None if there is none."""
        with self._lock:
            tried, found = self._outcome.cases, len(self._outcome.findings)
            seconds = time.monotonic() - self._begun
            too_late = self._seconds is not None and seconds >= self._seconds
            enough = tried == self._count or found >= MAX_FINDINGS
            if self._interrupted or too_late or enough:
                return None
            self._outcome.cases += 1
            return self._seed + tried

    def _keep(self, name: str, text: str, material: bytes) -> None:
        """Write a finding."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{self._target.name}-{name}.txt"
        path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
        if material:
            path.with_suffix(".bin").write_bytes(material)
        with self._lock:
            self._outcome.became["FAULT"] += 1
            self._outcome.findings.append(path)
