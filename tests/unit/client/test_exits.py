"""Exits and interrupts that the caller's code raises: they end the call, but not the client."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from edgeseg_client import AsyncClient, Client, ClientClosed, ImageLike
from edgeseg_client.loop_thread import LoopThread

from .scripted_daemon import GOOD, ScriptedDaemon


class PowerLost(BaseException):
    """An exit that the caller's code defines."""


EXITS: list[BaseException] = [
    SystemExit(3),
    KeyboardInterrupt(),
    GeneratorExit(),
    asyncio.CancelledError(),
    PowerLost(),
]


def named(error: BaseException) -> str:
    return type(error).__name__


@pytest.fixture(params=EXITS, ids=named)
def exit_(request: pytest.FixtureRequest) -> BaseException:
    error: BaseException = request.param
    return error


class Unreadable(os.PathLike[str]):
    """A path whose conversion to text raises."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __fspath__(self) -> str:
        raise self._error


def two_frames_then(error: BaseException) -> Iterator[bytes]:
    yield GOOD
    yield GOOD
    raise error


async def two_frames_later(error: BaseException) -> AsyncIterator[bytes]:
    for frame in two_frames_then(error):
        await asyncio.sleep(0)
        yield frame


async def one_frame_and(frame: os.PathLike[str]) -> AsyncIterator[ImageLike]:
    yield GOOD
    yield frame


def test_an_exit_of_the_source_comes_after_its_frames_and_the_next_call_works(
    client: Client, exit_: BaseException
) -> None:
    answers = client.stream(two_frames_then(exit_), policy="every")

    assert next(answers).ok
    assert next(answers).ok
    with pytest.raises(type(exit_)) as caught:
        next(answers)
    assert caught.value is exit_
    assert client.segment(GOOD).model == "toy"


def test_an_exit_of_an_asynchronous_source_comes_after_its_frames_and_the_next_call_works(
    client: Client, exit_: BaseException
) -> None:
    answers = client.stream(two_frames_later(exit_), policy="every")

    assert next(answers).ok
    assert next(answers).ok
    with pytest.raises(type(exit_)) as caught:
        next(answers)
    assert caught.value is exit_
    assert client.segment(GOOD).model == "toy"


def test_an_exit_while_a_frame_is_taken_ends_the_stream_and_the_next_call_works(
    client: Client, exit_: BaseException
) -> None:
    pictures: list[ImageLike] = [GOOD, Unreadable(exit_)]
    for frames in (pictures, one_frame_and(Unreadable(exit_))):
        answers = client.stream(frames, policy="every")
        assert next(answers).ok
        with pytest.raises(type(exit_)) as caught:
            next(answers)
        assert caught.value is exit_
    assert client.segment(GOOD).model == "toy"


def test_an_exit_while_one_image_is_read_ends_its_call_and_the_next_works(
    client: Client, exit_: BaseException
) -> None:
    with pytest.raises(type(exit_)) as caught:
        client.segment(Unreadable(exit_))
    assert caught.value is exit_
    assert client.segment(GOOD).model == "toy"


async def test_with_asyncio_an_exit_of_the_source_is_raised_where_the_caller_iterates(
    async_client: AsyncClient, exit_: BaseException
) -> None:
    for frames in (two_frames_then(exit_), two_frames_later(exit_)):
        answers = async_client.stream(frames, policy="every")
        assert (await anext(answers)).ok
        assert (await anext(answers)).ok
        caught: BaseException | None = None
        try:
            await anext(answers)
        except BaseException as error:  # noqa: BLE001  # pytest.raises would let some of them by
            caught = error
        assert caught is exit_
    assert (await async_client.segment(GOOD)).model == "toy"


def test_a_program_whose_camera_exits_ends_with_its_status(daemon: ScriptedDaemon) -> None:
    program = f"""
import edgeseg_client
def camera():
    yield {GOOD!r}
    exit(7)
with edgeseg_client.Client({daemon.address!r}) as client:
    for answer in client.stream(camera(), policy="every"):
        print(answer.ok)
"""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, "True\n", "")


@pytest.mark.parametrize(
    ("frame", "printed"), [("time.sleep(0.3)", "whole\n"), ("threading.Event().wait()", "")]
)
def test_a_program_ends_when_its_source_is_done_with_a_frame_or_blocks_for_ever(
    daemon: ScriptedDaemon, frame: str, printed: str
) -> None:
    program = f"""
import threading, time
import edgeseg_client
within = threading.Event()
def camera():
    yield {GOOD!r}
    within.set()
    {frame}
    print("whole", flush=True)
    yield {GOOD!r}
with edgeseg_client.Client({daemon.address!r}) as client:
    for answer in client.stream(camera(), policy="latest"):
        within.wait()
        break
"""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, printed, "")


async def answered() -> str:
    return "answered"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_exit_that_ends_the_loop_raises_client_closed_for_its_callers() -> None:
    """The client lets no exit reach the loop; if one did, no caller may hang."""
    started = threading.Event()
    waiting: list[BaseException] = []

    async def hang() -> None:
        started.set()
        await asyncio.Event().wait()

    def leave(error: BaseException) -> None:
        raise error

    async def start(error: BaseException) -> None:
        asyncio.get_running_loop().call_soon(leave, error)

    def wait() -> None:
        try:
            loop.run(hang(), set())
        except ClientClosed as error:
            waiting.append(error)

    for error in (SystemExit(3), KeyboardInterrupt()):
        loop = LoopThread()
        caller = threading.Thread(target=wait)
        caller.start()
        assert started.wait(60)
        with contextlib.suppress(ClientClosed):
            loop.run(start(error), set())
        caller.join(60)
        assert not caller.is_alive()
        with pytest.raises(ClientClosed):
            loop.run(answered(), set())
        loop.stop()
        started.clear()
    assert len(waiting) == 2


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """SIGINT raises KeyboardInterrupt, also if the tests are a shell's background job."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_an_interrupt_ends_a_caller_whose_source_blocks(client: Client) -> None:
    """The client then waits only for the caller's source, not for the daemon."""
    release = threading.Event()

    def source() -> Iterator[bytes]:
        yield GOOD
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        release.wait()

    with pytest.raises(KeyboardInterrupt):
        list(client.stream(source(), policy="every"))
    release.set()
    assert client.segment(GOOD).model == "toy"


def test_a_program_that_does_not_close_its_client_ends_without_output(
    daemon: ScriptedDaemon,
) -> None:
    """The event loop ends at Python's exit, when no thread can be started any more."""
    program = f"""
from edgeseg_client import Client
client = Client({daemon.address!r})
assert client.segment({GOOD!r}).model == "toy"
"""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "GRPC_VERBOSITY": "NONE"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
