"""Does a delegate still agree with the CPU: one frame in many is run by both."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable

import numpy as np

from edgesegd.core.errors import CheckFailed, EngineDistrusted, EngineUnfit
from edgesegd.engine.guard.comparison import Masks, agreement, compare_values
from edgesegd.engine.runtimes.interpreter import LoadedModel
from edgesegd.imaging.labels import OutputTensor
from edgesegd.imaging.preprocess import GivenTensor, ModelInput, Preprocessor
from edgesegd.ipc.trial_messages import LARGEST_DEVIATION
from edgesegd.models.spec import ModelSpec

MIN_AGREEMENT = 0.95
"""Share of a frame's pixels; less than a probe asks, for quantized kernels that are right agree on
97 to 99 % of a crowded picture. Half of what one wrong pixel in ten costs."""
CONFIRMED, NEWEST = 2, 3
"""So many of the newest checks must find a delegate wrong: a single picture full of edges is no
reason to leave a good one."""
NICENESS = 10


class DriftCheck:
    """Compares every `every`th frame, the first included, with the CPU, in a thread of its own.

    After one that differs too much the next is compared too, until CONFIRMED of NEWEST do.

    The thread has the lowest priority that matters and one core; while it is busy no frame is
    taken, so on a slow board the checks are fewer. `load_reference` gives the model on the CPU.
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
        self._found: tuple[type[EngineUnfit], str] | None = None
        self._loaded: LoadedModel | None = None
        self._output: OutputTensor | None = None
        self._work = threading.Semaphore(0)
        threading.Thread(target=self._run, name="drift", daemon=True).start()

    def raise_if_found(self) -> None:
        """Raises EngineDistrusted once frames were wrong: nothing is to be delivered any more.

        Raises CheckFailed where that cannot be told any more.
        """
        if self._found is not None:
            kind, why = self._found
            raise kind(why)

    def look(self, pixels: ModelInput, output: OutputTensor) -> None:
        """A frame was run; it is checked if it is due and the thread is free.

        Not a tensor of a client's where the reference takes other numbers than the model.
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
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # a sandbox
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
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
                    self._judge(self._compare(self._output, loaded.output()))
                self._output = None
        except Exception as error:  # noqa: BLE001 # whatever it is
            traceback.print_exception(error)
            self._found = CheckFailed, f"the delegate cannot be checked any more: {error}"

    def _judge(self, difference: str) -> None:
        """Take the newest check into account; `difference` is empty where it found nothing."""
        self._differed.append(bool(difference))
        if not difference:
            return
        self._confirm = True
        if self._differed.count(True) >= CONFIRMED:
            self._found = EngineDistrusted, difference

    def _compare(self, output: OutputTensor, expected: OutputTensor) -> str:
        """What is wrong; empty where nothing is."""
        masks, right = Masks.of(self._model, output), Masks.of(self._reference, expected)
        share = agreement(masks, right)
        if share < MIN_AGREEMENT:
            return f"agrees with the CPU on {share:.1%} of pixels, {MIN_AGREEMENT:.0%} needed"
        deviation = compare_values(masks, right)["deviation"]
        if deviation is not None and deviation > LARGEST_DEVIATION:
            return f"values are off by {deviation:.2f} standard deviations"
        return ""


def take_the_same(model: ModelSpec, other: ModelSpec) -> bool:
    """Whether the same numbers mean the same picture to both."""
    mine, others = (
        (each.input.shape, each.input.dtype, each.input.scale, each.input.zero_point)
        for each in (model, other)
    )
    return mine == others and (model.mean, model.std) == (other.mean, other.std)
