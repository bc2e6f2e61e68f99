"""Checks whether a delegate still agrees with the CPU: both run some of the frames."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable

import numpy as np

from edgesegd.board.system import IS_LINUX
from edgesegd.core.delegate_check import DelegateCheck
from edgesegd.core.errors import CheckFailed, EngineDistrusted, EngineUnfit
from edgesegd.engine.guard.comparison import Masks, agreement, compare_values
from edgesegd.engine.runtimes.interpreter import LoadedModel
from edgesegd.imaging.labels import OutputTensor
from edgesegd.imaging.preprocess import GivenTensor, ModelInput, Preprocessor
from edgesegd.ipc.checks import MAX_CHECKS
from edgesegd.ipc.trial_messages import MAX_DEVIATION
from edgesegd.models.spec import ModelSpec

MIN_AGREEMENT = 0.95
"""Share of a frame's pixels that must have the CPU's class. A probe requires more, but on a crowded
picture quantized kernels that are right agree on only 97 to 99 %."""
CONFIRMED, NEWEST = 2, 3
"""CONFIRMED of the NEWEST checks must find a delegate wrong: a single picture with many edges is
not reason enough to replace it."""
NICENESS = 10


class DriftCheck:
    """Compares every `every`th frame with the CPU, beginning with the first, in a separate thread.

    After a frame that differs too much, the next one is compared too. When CONFIRMED of the NEWEST
    checks differ, the delegate counts as wrong.

    The thread has a low priority and uses one core. While it is busy it takes no other frame, so
    there are fewer checks on a slow board. `load_reference` loads the model on the CPU.
    """

    def __init__(
        self,
        model: ModelSpec,
        reference: ModelSpec,
        load_reference: Callable[[], LoadedModel],
        *,
        every: int,
    ) -> None:
        self._model = model
        self._reference = reference
        self._load_reference = load_reference
        self._preprocessor = Preprocessor(reference)
        self._same_input = take_the_same(model, reference)
        self._every = every
        self._until_next = 0
        self._confirm = False
        self._differed: deque[bool] = deque(maxlen=NEWEST)
        self._made: deque[DelegateCheck] = deque(maxlen=MAX_CHECKS)
        self._found: tuple[type[EngineUnfit], str] | None = None
        self._loaded: LoadedModel | None = None
        self._output: OutputTensor | None = None
        self._work = threading.Semaphore(0)
        threading.Thread(target=self._run, name="drift", daemon=True).start()

    def raise_if_found(self) -> None:
        """Raise EngineDistrusted once the delegate counts as wrong: no result may be sent then.

        Raises CheckFailed if frames cannot be checked any more.
        """
        if self._found is not None:
            kind, why = self._found
            raise kind(why)

    def take_checks(self) -> list[DelegateCheck]:
        """The checks that ended since this was called before; of more than MAX_CHECKS, the newest.

        Once the delegate counts as wrong, the check that found it is among them.
        """
        return [self._made.popleft() for _ in range(len(self._made))]

    def inspect(self, pixels: ModelInput, output: OutputTensor) -> None:
        """Check a frame that was invoked, if a check is due and the thread is free.

        A client's tensor is not checked if the reference needs a different input than the model.
        """
        if isinstance(pixels, GivenTensor) and not self._same_input:
            return
        self._until_next -= 1
        due = self._until_next < 0 or self._confirm
        if not due or self._loaded is None or self._output is not None:
            return
        self._until_next, self._confirm = self._every - 1, False
        self._preprocessor.to_tensor(pixels, self._loaded.input())
        self._output = np.array(output)
        self._work.release()

    def _run(self) -> None:
        if IS_LINUX:
            with contextlib.suppress(OSError):  # a sandbox
                os.setpriority(os.PRIO_PROCESS, 0, NICENESS)  # of this thread, on Linux
        try:
            loaded = self._load_reference()
        except Exception as error:  # noqa: BLE001 # the CPU cannot run the model, or has no memory
            why = str(error) or type(error).__name__
            print(f"the delegate is not checked: {why}", file=sys.stderr, flush=True)  # noqa: T201 # the front logs it
            return
        self._loaded = loaded
        try:
            while self._found is None:
                self._work.acquire()
                if self._output is not None:
                    loaded.invoke()
                    self._judge(*self._compare(self._output, loaded.output()))
                self._output = None
        except Exception as error:  # noqa: BLE001 # whatever it is
            traceback.print_exception(error)
            self._found = CheckFailed, f"the delegate cannot be checked any more: {error}"

    def _judge(self, share: float, difference: str) -> None:
        """Count the newest check; `share` is the agreement, `difference` empty if it is right."""
        self._made.append(DelegateCheck(share, agrees=not difference))
        self._differed.append(bool(difference))
        if not difference:
            return
        self._confirm = True
        if self._differed.count(True) >= CONFIRMED:
            self._found = EngineDistrusted, difference

    def _compare(self, output: OutputTensor, expected: OutputTensor) -> tuple[float, str]:
        """The share of pixels on which the outputs agree, and how they differ, in words.

        These are empty if the difference is small enough.
        """
        masks = Masks.of(self._model, output[None])
        right = Masks.of(self._reference, expected[None])
        share = agreement(masks, right)
        if share < MIN_AGREEMENT:
            return (
                share,
                f"agrees with the CPU on {share:.1%} of pixels, {MIN_AGREEMENT:.0%} needed",
            )
        deviation = compare_values(masks, right)["deviation"]
        if deviation is not None and deviation > MAX_DEVIATION:
            return share, f"values are off by {deviation:.2f} standard deviations"
        return share, ""


def take_the_same(model: ModelSpec, other: ModelSpec) -> bool:
    """Whether both models read the same picture from the same input tensor."""
    mine, others = (
        (each.input.shape, each.input.dtype, each.input.scale, each.input.zero_point)
        for each in (model, other)
    )
    return mine == others and (model.mean, model.std) == (other.mean, other.std)
