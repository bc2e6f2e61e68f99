"""A daemon that is watched: its front, a good client, and what it holds when all others left."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from attacks.front import Front
from attacks.good_client import GoodClient
from attacks.target import Target as Addresses
from inputs import remember_choice

from edgesegd.bench.inputs import Inputs
from edgesegd.bench.launch import LaunchedDaemon
from edgesegd.bench.memory import resident

FIRST_ANSWER_SECONDS = 60.0
MAX_WAIT_SECONDS = 10.0
"""How long the good client may be without an answer; its frames take turns with those of others."""
GIVE_BACK_SECONDS = 30.0
"""How long descriptors and memory may take to be given back after the last case."""
MAX_KEPT_MB = 30.0
MAX_KEPT_DESCRIPTORS = 2
"""The metrics server may be answering."""
LOOK_SECONDS = 0.2
MB = 1e6
MAX_LOG_LINES, LINES_BEFORE = 300, 20
SIGNS_OF_A_FAULT = ("Traceback", "fault of the daemon", "CRITICAL")


class WatchedDaemon:
    """A daemon for `inputs`, its `addresses`, and its sockets for memory and for orders."""

    def __init__(self, inputs: Inputs, jpeg: bytes) -> None:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            path = f"{folder}/grpc.sock"
            flags = remember_choice(inputs, Path(folder))
            self._daemon = stack.enter_context(
                LaunchedDaemon(*flags, "--listen=[::1]:0", f"--listen=unix://{path}")
            )
            listening = "listening on [::1]"
            other = next(line for line in self._daemon.output if line.startswith(listening))
            metrics = self._daemon.metrics_url.split("/")[2]
            self.addresses = Addresses(self._daemon.address, metrics, path)
            self.memory_socket, self.control_socket = f"{path}.memory", f"{folder}/control.sock"
            # From another address than the cases, which the daemon may cut off.
            self._good = stack.enter_context(
                GoodClient(self.addresses, jpeg, address=other.split()[-1], local=False)
            )
            self._good.wait_for_first(FIRST_ANSWER_SECONDS)
            self._front = stack.enter_context(Front(self._daemon))
            self._begun = time.monotonic()
            self._lines = len(self._daemon.output)
            self._lost = self._front.engines_lost()
            self._stack = stack.pop_all()
        self._resident, self._descriptors = self._holds()

    @property
    def fate(self) -> str:
        """Whether its front still runs, or what ended it."""
        return self._front.fate

    def warmed_up(self) -> None:
        """What it holds from now on is compared with what it holds now."""
        self._resident, self._descriptors = self._holds()

    def faults(self) -> Iterator[str]:
        """What is wrong with it, now that nobody else is connected."""
        if self.fate != "the same":
            yield "\n".join(
                (f"the front ended: {self.fate}", *self._daemon.output[-MAX_LOG_LINES:])
            )
            return
        yield from self._not_given_back()
        wait = self._good.longest_wait(self._begun, time.monotonic())
        if wait > MAX_WAIT_SECONDS:
            yield f"the good client was {wait:.1f} s without an answer"
        if self._good.failures:
            yield f"the good client failed: {dict(self._good.failures)}"
        if (lost := self._front.engines_lost()) != self._lost:
            yield f"engines were lost: {lost}, {self._lost} before"
        log = self._daemon.output[self._lines :]
        for number, line in enumerate(log):
            if any(sign in line for sign in SIGNS_OF_A_FAULT):
                around = log[max(0, number - LINES_BEFORE) : number + MAX_LOG_LINES]
                yield "\n".join(("its log has a fault:", *around))
                break

    def close(self) -> None:
        """End it and the good client."""
        self._stack.close()

    def _not_given_back(self) -> Iterator[str]:
        until = time.monotonic() + GIVE_BACK_SECONDS
        while True:
            memory, descriptors = self._holds()
            kept = (memory - self._resident) / MB
            more = descriptors - self._descriptors
            if kept <= MAX_KEPT_MB and more <= MAX_KEPT_DESCRIPTORS:
                return
            if time.monotonic() > until:
                yield f"the front holds {kept:.0f} MB and {more} descriptors more than before"
                return
            time.sleep(LOOK_SECONDS)

    def _holds(self) -> tuple[int, int]:
        """Bytes and descriptors of the front."""
        pid = self._daemon.process.pid
        return resident(pid), len(list(Path(f"/proc/{pid}/fd").iterdir()))
