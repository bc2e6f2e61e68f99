"""The engine's process, spoken to as the front does: one socket, one arena, lines of JSON."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from edgesegd.core.errors import Expired, InternalFault, InvalidFrame, InvalidOptions, ModelMissing
from edgesegd.core.frame import FrameFormat, FrameSpec
from edgesegd.core.options import Output, ResultOptions, SizeMode
from edgesegd.core.result import FrameResult
from edgesegd.delegates.spec import DelegateSpec
from edgesegd.ipc.arena import Arena
from edgesegd.ipc.messages import (
    WARM_UP,
    WARM_UPS,
    EngineReady,
    EngineSetup,
    FrameJob,
    Message,
    WarmedUp,
    from_line,
    to_line,
)
from edgesegd.ipc.open_files import send_files
from edgesegd.ipc.results import read_result
from edgesegd.models.spec import ModelSpec
from edgesegd.models.spec_message import to_message
from support.model_specs import model_spec
from support.pictures import file_of, gradient

pytestmark = pytest.mark.runtime

SLOTS, SLOT_SIZE = 2, 100_000
PICTURE = file_of(gradient(320, 200), "PNG")


class RunningEngine:
    """An engine and the front's ends of its socket and its arena."""

    def __init__(self, model: ModelSpec, *, overlap: bool = True) -> None:
        self.arena = Arena.create(slots=SLOTS, slot_size=SLOT_SIZE)
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(60)
        self.descriptors, receiving = socket.socketpair(type=socket.SOCK_DGRAM)
        with theirs, receiving:
            fds = (theirs.fileno(), receiving.fileno())
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edgesegd.engine", *map(str, fds)],
                pass_fds=fds,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        send_files(self.descriptors, [self.arena.fd])
        self._lines = self.socket.makefile("rwb")
        setup = EngineSetup(
            model=to_message(model),
            runtime="auto",
            delegate=DelegateSpec(),
            threads=1,
            max_pixels=1_000_000,
            decode_seconds=60.0,
            slots=SLOTS,
            slot_size=SLOT_SIZE,
            overlap=overlap,
        )
        try:
            self.first = self.ask(setup.to_message())
            self.warm = [] if "error" in self.first else self.ask_all([WARM_UP] * WARM_UPS)
        except BaseException:
            self.clean_up()
            raise

    def ask(self, message: Message) -> Message:
        return self.ask_all([message])[0]

    def ask_all(self, messages: list[Message]) -> list[Message]:
        """What it answers to messages that are sent together."""
        self._lines.write(b"".join(map(to_line, messages)))
        self._lines.flush()
        return [from_line(self._lines.readline()) for _ in messages]

    def segment(
        self,
        data: bytes = PICTURE,
        slot: int = 0,
        frame: FrameSpec = FrameSpec(FrameFormat.PNG),  # noqa: B008 # frozen
        deadline: float | None = None,
        **options: Any,  # noqa: ANN401 # as ResultOptions
    ) -> FrameResult:
        with self.arena.slot(slot) as view:
            view[: len(data)] = data
            job = FrameJob(slot, len(data), deadline, frame, ResultOptions(**options))
            return read_result(self.ask(job.to_message()), view)

    def hang_up(self) -> int:
        """Close the socket, as the front does to end the engine; returns its exit status."""
        self._lines.close()
        self.socket.close()
        self.descriptors.close()
        return self.process.wait(timeout=60)

    def clean_up(self) -> None:
        try:
            self.hang_up()
        finally:
            self.process.kill()
            self.process.wait()
            self.arena.close()


@contextmanager
def running(model: ModelSpec, *, overlap: bool = True) -> Iterator[RunningEngine]:
    engine = RunningEngine(model, overlap=overlap)
    try:
        yield engine
    finally:
        engine.clean_up()


@pytest.fixture(scope="module", params=[True, False], ids=["overlapped", "in turn"])
def engine(model: ModelSpec, request: pytest.FixtureRequest) -> Iterator[RunningEngine]:
    with running(model, overlap=request.param) as engine:
        yield engine


def test_an_engine_process_first_reports_what_it_loaded(engine: RunningEngine) -> None:
    ready = EngineReady.from_message(engine.first)
    assert ready.runtime.split()[0] in ("ai-edge-litert", "tflite-runtime")
    assert (ready.delegate, ready.threads) == ("cpu", 1)
    assert all(WarmedUp.from_message(each).seconds > 0 for each in engine.warm)
    assert len(engine.warm) == WARM_UPS


def test_frames_and_results_of_an_engine_process_travel_in_any_slot(
    engine: RunningEngine, model: ModelSpec
) -> None:
    results = [engine.segment(slot=slot) for slot in (0, 1, 0)]
    width, height = model.output_size
    for result in results:
        assert len(result.planes[Output.LABELS]) == width * height
        assert result.planes == results[0].planes


def test_raw_pixels_are_read_in_place_though_the_result_overwrites_them(
    engine: RunningEngine,
) -> None:
    gray = FrameSpec(FrameFormat.GRAY8, 320, 200, 320)
    data = gradient(320, 200).convert("L").tobytes()
    once = engine.segment(data, frame=gray, size=SizeMode.FRAME)
    assert once.planes == engine.segment(data, frame=gray, size=SizeMode.FRAME).planes


def test_an_engine_process_answers_a_bad_frame_and_segments_the_next(engine: RunningEngine) -> None:
    good = engine.segment().planes
    with pytest.raises(InvalidFrame, match="damaged"):
        engine.segment(PICTURE[:300])
    assert engine.segment().planes == good
    with pytest.raises(Expired):
        engine.segment(deadline=0.0)
    assert engine.segment().planes == good
    with pytest.raises(InvalidOptions, match="more than the 100,000"):
        engine.segment(size=SizeMode.CUSTOM, width=1000, height=1000)
    assert engine.segment().planes == good


@pytest.mark.parametrize("bad", [0, 1])
def test_two_frames_at_a_time_are_answered_in_their_order(engine: RunningEngine, bad: int) -> None:
    """Though one takes its whole way and the other ends early on it."""
    for _ in range(20):
        jobs = []
        for slot in (0, 1):
            data = PICTURE[:300] if slot == bad else PICTURE
            with engine.arena.slot(slot) as view:
                view[: len(data)] = data
            job = FrameJob(slot, len(data), None, FrameSpec(FrameFormat.PNG), ResultOptions())
            jobs.append(job.to_message())
        answers = engine.ask_all(jobs)
        assert ["error" in answer for answer in answers] == [bad == 0, bad == 1]


def test_an_internal_fault_of_an_engine_process_costs_one_frame_and_shows_no_details(
    engine: RunningEngine,
) -> None:
    """A raw frame that the front would never let pass."""
    with pytest.raises(InternalFault) as caught:
        engine.segment(b"short", frame=FrameSpec(FrameFormat.RGB, 100, 100, 300))
    assert str(caught.value) == "a fault of the daemon; its log says more"
    assert engine.segment().planes


def test_an_engine_process_ignores_ctrl_c(engine: RunningEngine) -> None:
    os.kill(engine.process.pid, signal.SIGINT)
    assert engine.segment().planes


def test_an_engine_process_exits_with_0_when_the_front_closes_its_socket(model: ModelSpec) -> None:
    with running(model) as engine:
        assert engine.hang_up() == 0


def test_an_engine_process_reports_that_its_model_is_missing() -> None:
    with running(model_spec()) as engine:
        with pytest.raises(ModelMissing, match=r"/nowhere/rooms\.tflite"):
            EngineReady.from_message(engine.first)
        assert engine.hang_up() == 0


def test_it_ends_where_the_process_that_started_it_is_gone_already(model: ModelSpec) -> None:
    """Even if another process holds the socket open."""
    del model
    ours, theirs = socket.socketpair()
    with ours, theirs:
        number = theirs.fileno()
        command = f"{sys.executable} -m edgesegd.engine {number} {number} {number} & echo $!"
        shell = subprocess.run(
            ["/bin/sh", "-c", command], pass_fds=[number], stdout=subprocess.PIPE, check=True
        )
        # Its output ends with it: the shell has ended before.
        assert shell.stdout.strip().isdigit()
