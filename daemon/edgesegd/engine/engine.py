"""A model loaded for one delegate, with all that the stages of its frames need."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from edgesegd.core.errors import DelegateFailed, InvokeFailed
from edgesegd.delegates.spec import DelegateSpec
from edgesegd.engine.guard.drift import DriftCheck
from edgesegd.engine.guard.output_guard import CheckedOutput, OutputGuard, TrustedOutput
from edgesegd.engine.guard.watchdog import InvokeWatchdog
from edgesegd.engine.reuse import KeptFrames
from edgesegd.engine.runtimes.interpreter import load_on_cpu
from edgesegd.engine.runtimes.load import load_model
from edgesegd.engine.runtimes.runtime import Runtime
from edgesegd.engine.runtimes.whole_output import WholeOutput
from edgesegd.imaging.encode import Encoder
from edgesegd.imaging.mask import mask_reader
from edgesegd.imaging.preprocess import Preprocessor
from edgesegd.ipc.messages import EngineReady
from edgesegd.models.spec import ModelSpec


class Engine:
    """One interpreter of one model, and what its frames are decoded, checked and encoded with.

    The interpreter must run in the thread that created the engine, because some drivers require it.

    A delegate's output for every `check_every`th frame is compared with the CPU's output with the
    model `reference`; with 0 or None, never. For streams that reuse results, at most `reuse_bytes`
    of frames and results are kept.
    """

    def __init__(
        self,
        model: ModelSpec,
        runtime: Runtime,
        delegate: DelegateSpec,
        *,
        threads: int,
        max_pixels: int,
        decode_seconds: float,
        max_result: int,
        reference: ModelSpec | None = None,
        check_every: int = 0,
        reuse_bytes: int = 0,
    ) -> None:
        self.model = model
        self._runtime = runtime
        self._threads = threads or runtime.default_threads()
        self.max_pixels = max_pixels
        self.decode_seconds = decode_seconds
        self.max_result = max_result
        self._delegate = delegate
        self.loaded = load_model(runtime, model, delegate, self._threads)
        self.preprocessor = Preprocessor(model)
        self.reader = mask_reader(model)
        self.encoder = Encoder(model)
        self.whole_output = WholeOutput(runtime, model)
        self.watchdog: AbstractContextManager[None] = nullcontext()
        self.guard = self._make_guard(reference, check_every)
        self.kept = KeptFrames(reuse_bytes)

    def describe(self) -> EngineReady:
        """Describe what was loaded."""
        return EngineReady(
            runtime=str(self._runtime),
            delegate=self._delegate.name,
            delegated=self.loaded.delegated,
            operators=self.loaded.operators,
            adapter=self.loaded.adapter,
            fallback=self.loaded.fallback,
            threads=self._threads,
        )

    def warm_up(self) -> float:
        """Run the model on zeros; returns how many seconds that took.

        From then on a watchdog limits a delegate's invokes to many times as long. Raises
        DelegateFailed if the invoke fails.
        """
        self.loaded.input()[:] = 0
        started = time.monotonic()
        try:
            self.loaded.invoke()
        except InvokeFailed as error:
            raise DelegateFailed(f"{self._delegate.name} fails: {error}") from error
        seconds = time.monotonic() - started
        # A board on which an invoke is slow also decodes slowly.
        self.decode_seconds = max(self.decode_seconds, seconds)
        if not self._delegate.is_cpu:
            self.watchdog = InvokeWatchdog(usual=seconds)
        return seconds

    def _make_guard(self, reference: ModelSpec | None, check_every: int) -> OutputGuard:
        if self._delegate.is_cpu:
            return TrustedOutput()
        if reference is None or check_every == 0:
            return CheckedOutput(self.model, None)
        load = partial(load_on_cpu, self._runtime, reference, 1)
        return CheckedOutput(self.model, DriftCheck(self.model, reference, load, every=check_every))
