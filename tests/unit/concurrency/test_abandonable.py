"""A function that blocks holds up nobody who does not wait for it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from edgesegd.concurrency.abandonable import run_abandonable


async def test_the_result_or_the_error_is_that_of_the_function() -> None:
    assert await run_abandonable(threading.get_ident) != threading.get_ident()
    with pytest.raises(ValueError, match="invalid literal"):
        await run_abandonable(lambda: int("x"))


async def test_a_function_that_ends_after_it_was_abandoned_disturbs_nothing() -> None:
    go_on, ended = threading.Event(), threading.Event()

    def block() -> None:
        go_on.wait()
        ended.set()

    task = asyncio.create_task(run_abandonable(block))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    assert await asyncio.to_thread(ended.wait, 10)
    assert await run_abandonable(lambda: 5) == 5


def test_the_process_ends_while_a_function_blocks() -> None:
    code = """
import asyncio, threading
from edgesegd.concurrency.abandonable import run_abandonable
async def main():
    try:
        async with asyncio.timeout(0.1):
            await run_abandonable(threading.Event().wait)
    except TimeoutError:
        print("abandoned")
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "abandoned\n", "")
