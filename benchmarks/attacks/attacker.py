"""An attack in a process of its own, which reports the answers that it gets."""

from __future__ import annotations

import multiprocessing
import os
import resource
import threading
import time
from multiprocessing.connection import Connection

from attacks.catalogue import ATTACKS
from attacks.target import Seen, Target

SPAWN = multiprocessing.get_context("spawn")
PREPARE_SECONDS = 120.0
END_SECONDS = 2.0
TELL_EVERY = 0.5
NICENESS = 10
"""The work of an attacker is not the daemon's, so it should take little of the board's time."""


def attack_once(parent: Connection, name: str, target: Target) -> None:
    """Prepare, wait for the end time of the attack, attack until then, and report the answers."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.nice(NICENESS)
    attack = next(each for each in ATTACKS if each.name == name)
    attack.prepare()
    parent.send(Seen())
    until: float = parent.recv()
    seen, over = Seen(), threading.Event()

    def report() -> None:
        while not over.wait(TELL_EVERY):
            parent.send(seen.copy())

    reporter = threading.Thread(target=report, daemon=True)
    reporter.start()
    try:
        attack.run(target, until, seen)
    finally:
        over.set()
        reporter.join()
        parent.send(seen)


class Attacker:
    """An attack; a context manager that ends it, and is entered once the attack is prepared.

    Raises TimeoutError if that takes too long, EOFError if its process ends.
    """

    def __init__(self, name: str, target: Target) -> None:
        self._pipe, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(target=attack_once, args=(theirs, name, target), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Attacker:
        if not self._pipe.poll(PREPARE_SECONDS):
            raise TimeoutError("the attack was not prepared in time")
        self._pipe.recv()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def attack_for(self, seconds: float) -> Seen:
        """Attack; returns the answers, or the last report if it did not end in time."""
        until = time.monotonic() + seconds
        self._pipe.send(until)
        seen = Seen()
        try:
            while (left := until + END_SECONDS - time.monotonic()) > 0 and self._pipe.poll(left):
                seen = self._pipe.recv()
        except (EOFError, OSError):
            if time.monotonic() < until:
                seen["the attacker itself ended early"] += 1
        self._process.kill()
        self._process.join()
        time.sleep(max(0.0, until - time.monotonic()))
        return seen
