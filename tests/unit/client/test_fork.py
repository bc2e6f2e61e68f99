"""Clients and fork, in processes of their own: gRPC may hang or crash them."""

import os
import subprocess
import sys

import pytest

from .scripted_daemon import GOOD, ScriptedDaemon

PRELUDE = f"""
import asyncio, gc, itertools, os, sys, threading, time, warnings
warnings.filterwarnings('ignore', '.*fork', DeprecationWarning)  # Python 3.12 on
import edgeseg_client
from edgeseg_client import AsyncClient, Client, ClientClosed, ForkedProcess

GOOD = {GOOD!r}
ADDRESS = sys.argv[1]

def forked(child):
    '''Runs `child` in a process forked from this; it ends as a program does.'''
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        child()
        sys.exit(0)
    end = time.monotonic() + 30
    while (ended := os.waitpid(pid, os.WNOHANG)) == (0, 0):
        if time.monotonic() > end:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            sys.exit("the child hangs")
        time.sleep(0.01)
    status = os.waitstatus_to_exitcode(ended[1])
    if status:
        sys.exit(f"the child ended with {{status}}")

def refused(call):
    try:
        call()
    except ForkedProcess as error:
        assert "after the fork" in str(error) and "post_fork" in str(error), error
    else:
        raise AssertionError("no error")

def works(client):
    assert client.segment(GOOD).model == "toy"
    assert [answer.ok for answer in client.stream([GOOD] * 3, policy="every")] == [True] * 3
"""


def run(program: str, daemon: ScriptedDaemon) -> None:
    """Runs a program, each process of which prints `done` at its end."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", PRELUDE + program, daemon.address],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "GRPC_VERBOSITY": "NONE"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert sorted(ended.stdout.split()) == ["child", "parent"]


def test_a_client_without_a_call_yet_works_after_the_fork_in_both_processes(
    daemon: ScriptedDaemon,
) -> None:
    run(
        """
client, closed = Client(ADDRESS), Client(ADDRESS)
closed.close()

def child():
    works(client)
    client.close()
    with Client(ADDRESS) as another:
        works(another)
    try:
        works(closed)
    except ClientClosed:
        print("child")

forked(child)
works(client)
client.close()
print("parent")
""",
        daemon,
    )


def test_clients_for_tls_without_a_call_yet_work_after_the_fork(daemon: ScriptedDaemon) -> None:
    """Credentials are made before the fork. The daemon has no TLS, so the calls fail."""
    run(
        """
import grpc
secure = Client(ADDRESS, credentials=grpc.ssl_channel_credentials(), retry_for=0)

def child():
    try:
        secure.info()
    except edgeseg_client.Unavailable:
        print("child")

forked(child)
with Client(ADDRESS) as client:
    works(client)
print("parent")
""",
        daemon,
    )


@pytest.mark.parametrize("closed", [False, True])
def test_after_a_fork_of_a_process_that_used_grpc_every_client_says_what_to_do(
    daemon: ScriptedDaemon, closed: bool
) -> None:
    run(
        f"""
client = Client(ADDRESS)
unused = Client(ADDRESS)
answers = client.stream(itertools.repeat(GOOD), policy="every")
assert next(answers).ok
if {closed}:
    client.close()

def child():
    global client, unused, answers
    refused(lambda: Client(ADDRESS))
    refused(lambda: AsyncClient(ADDRESS))
    refused(lambda: next(answers))
    for old in (client, unused):
        refused(old.info)
        refused(lambda: old.segment(GOOD))
        refused(lambda: old.frame_buffer(4, 4))
        refused(lambda: list(old.stream([GOOD])))
        old.close()
        old.close()
    client = unused = answers = old = None
    gc.collect()
    forked(lambda: refused(lambda: Client(ADDRESS)))
    print("child")

forked(child)
if {closed}:
    client = Client(ADDRESS)
else:
    assert all(next(answers).ok for _ in range(100))
works(client)
unused.close()
client.close()
print("parent")
""",
        daemon,
    )


def test_a_child_that_does_not_use_the_client_of_its_parent_ends(daemon: ScriptedDaemon) -> None:
    """For example a worker of a process that has a client."""
    run(
        """
client = Client(ADDRESS)
answers = client.stream(itertools.repeat(GOOD), policy="every")
assert next(answers).ok
forked(lambda: print("child"))
assert all(next(answers).ok for _ in range(100))
print("parent")
""",
        daemon,
    )


def test_after_a_fork_the_clients_for_asyncio_say_what_to_do(daemon: ScriptedDaemon) -> None:
    run(
        """
async def use(client):
    assert (await client.segment(GOOD)).model == "toy"
    return [answer.ok async for answer in client.stream([GOOD] * 3, policy="every")]

client = AsyncClient(ADDRESS)
loop = asyncio.new_event_loop()

def unused():
    assert asyncio.run(use(client)) == [True] * 3
    os._exit(0)  # at its exit Python would close the parent's loop

def child():
    global client
    loop = asyncio.new_event_loop()
    refused(lambda: loop.run_until_complete(client.info()))
    refused(lambda: loop.run_until_complete(client.segment(GOOD)))
    refused(lambda: loop.run_until_complete(client.frame_buffer(4, 4)))
    refused(lambda: loop.run_until_complete(anext(client.stream([GOOD]))))
    loop.run_until_complete(client.close())
    loop.close()
    client = None
    gc.collect()
    print("child", flush=True)
    os._exit(0)

forked(unused)
assert loop.run_until_complete(use(client)) == [True] * 3
forked(child)
assert loop.run_until_complete(use(client)) == [True] * 3
loop.run_until_complete(client.close())
loop.close()
print("parent")
""",
        daemon,
    )


def test_a_fork_while_other_threads_open_and_close_clients_does_not_hang(
    daemon: ScriptedDaemon,
) -> None:
    run(
        """
stop = threading.Event()

def busy():
    while not stop.is_set():
        with Client(ADDRESS) as client:
            works(client)

def child():
    refused(lambda: Client(ADDRESS))
    refused(kept.info)
    kept.close()

kept = Client(ADDRESS)
works(kept)
threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(20):
    forked(child)
forked(lambda: print("child"))
stop.set()
for thread in threads:
    thread.join()
works(kept)
kept.close()
print("parent")
""",
        daemon,
    )


def test_an_error_in_a_worker_of_multiprocessing_says_what_to_do(daemon: ScriptedDaemon) -> None:
    run(
        """
import multiprocessing

def work():
    refused(lambda: Client(ADDRESS))
    print("child", flush=True)

with Client(ADDRESS) as client:
    works(client)
    worker = multiprocessing.get_context("fork").Process(target=work)
    worker.start()
    worker.join(30)
    assert worker.exitcode == 0
    works(client)
print("parent")
""",
        daemon,
    )


def test_a_fork_in_a_source_ends_the_child_as_it_wants_and_the_stream_goes_on(
    daemon: ScriptedDaemon,
) -> None:
    run(
        """
def source(end):
    yield GOOD
    pid = os.fork()
    if pid == 0:
        end()
        return
    statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    yield GOOD

def fail():
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    raise ValueError("the child's own")

statuses = []
with Client(ADDRESS) as client:
    for end in (lambda: sys.exit(3), lambda: sys.exit(), lambda: None, fail):
        answers = list(client.stream(source(end), policy="every"))
        assert [answer.ok for answer in answers] == [True] * 2
assert statuses == [3, 0, 0, 1], statuses
print("child parent")
""",
        daemon,
    )


@pytest.mark.parametrize("support", ["", "0"])
def test_a_fork_with_fork_handlers_of_grpc_gives_a_warning(
    daemon: ScriptedDaemon, support: str
) -> None:
    """gRPC installs them when it is imported, which a program may do before the client."""
    program = """
import grpc, os, sys
from edgeseg_client import Client
with Client(sys.argv[1]) as client:
    client.info()
if os.fork() == 0:
    os._exit(0)
os.wait()
"""
    ended = subprocess.run(
        [sys.executable, "-c", program, daemon.address],
        env={
            **{name: value for name, value in os.environ.items() if "FORK" not in name},
            **({"GRPC_ENABLE_FORK_SUPPORT": support} if support else {}),
            "PYTHONPATH": os.pathsep.join(sys.path),
            "GRPC_VERBOSITY": "NONE",
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert ("import edgeseg_client first" in ended.stderr) == (not support)
