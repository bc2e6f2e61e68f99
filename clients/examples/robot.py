"""Drives only while a fresh frame shows that nothing is in the way.

    python robot.py /dev/video0 --stop-for person --server board.lan:8460

Shows how to act on a class with bounded latency. A thread keeps the newest result; the loop that
drives runs at its own rate and never waits for a frame. So it stops for what it sees, and it stops
if the newest frame that was segmented is too old, whatever the reason: the camera, the network, the
daemon. All of them are tried again meanwhile. Replace `drive` by your motors.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from edgeseg_client import DEFAULT_ADDRESS, Client, EdgesegClientError, Frame, Result
from edgeseg_client.sources import Source, open_source

PERIOD = 0.05
"""Seconds between two decisions."""


class Eyes:
    """The newest result of a camera."""

    def __init__(self) -> None:
        self.newest: Result | None = None

    def watch(self, client: Client, camera: Source, arguments: argparse.Namespace) -> None:
        """Keep the newest result, until the camera ends; runs in a thread."""
        for answer in client.stream(
            timed(camera),
            policy="latest",
            max_age=arguments.max_age,
            classes=[arguments.stop_for],
        ):
            if answer.ok:
                self.newest = answer.result


def timed(camera: Source) -> Iterator[Frame]:
    """The frames of a camera, their ids the time of capture by a clock that nobody sets.

    It is never later than now, even if the other clock was set back since the capture.
    """
    for frame in camera:
        age = max(0, time.time_ns() - (frame.captured_unix_ns or 0))
        yield replace(frame, id=max(0, time.monotonic_ns() - age))


def drive(action: str, before: str) -> str:
    """Tell the motors what to do; here, print it when it changes."""
    if action != before:
        print(action, flush=True)
    return action


def decide(eyes: Eyes, watching: Future[None], arguments: argparse.Namespace) -> None:
    """Decide again and again, until the camera ends."""
    action = ""
    try:
        while not watching.done():
            seen = eyes.newest  # read once: the thread may replace it
            if seen is None or time.monotonic_ns() - seen.frame_id > arguments.max_age * 1e9:
                action = drive("stop: nothing fresh is seen", action)
            elif seen.share(arguments.stop_for) >= arguments.share:
                action = drive(f"stop: {arguments.stop_for}", action)
            else:
                action = drive("go", action)
            time.sleep(PERIOD)
    finally:
        drive("stop: the end", action)


def main() -> None:
    """Watch and drive."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", help="a camera, such as /dev/video0, or its address")
    parser.add_argument("--server", default=DEFAULT_ADDRESS, help="the daemon (%(default)s)")
    parser.add_argument("--stop-for", default="person", help="a class (%(default)s)")
    parser.add_argument("--share", type=float, default=0.02, help="of all pixels (%(default)s)")
    parser.add_argument("--max-age", type=float, default=0.3, help="seconds (%(default)s)")
    arguments = parser.parse_args()
    eyes = Eyes()
    try:
        # The client is closed first, and with it the stream that the thread waits for.
        with (
            ThreadPoolExecutor(1) as pool,
            open_source(arguments.source) as camera,
            Client(arguments.server, retry_for=math.inf) as client,
        ):
            watching = pool.submit(eyes.watch, client, camera, arguments)
            decide(eyes, watching, arguments)
            watching.result()  # raises what ended the stream
    except KeyboardInterrupt:
        sys.exit(130)
    except EdgesegClientError as error:
        sys.exit(f"robot: {error}")


if __name__ == "__main__":
    main()
