"""Cameras by the shipped client, in a process of their own.

`python real_cameras.py ADDRESS JPEG FPS PHASE…` opens a stream (LATEST) for each phase, one after
another, all of one client. ADDRESS may be several. It answers each line of its input, a number of
seconds, with what the cameras saw in that time and the CPU time of the process, as JSON; the first
when all streams are open.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from edgeseg_client import AsyncClient, Frame, FrameAnswer

STAGES = ("decode", "preprocess", "invoke", "labels", "encode")
"""The order of the seconds of each result: the stages of an engine."""


class Camera:
    """Sends a picture at moments that its phase gives, and records the answers."""

    def __init__(self, jpeg: bytes, fps: float, phase: float) -> None:
        self.opened = asyncio.Event()
        self._jpeg, self._fps, self._phase = jpeg, fps, phase
        self._first = 0
        self._frames: list[float] = []
        self._results: list[tuple[float, float]] = []
        self._stages: list[list[float]] = []

    async def run(self, client: AsyncClient) -> None:
        """Send and record, without end."""
        answers = client.stream(self._due_frames(), policy="latest", size="model")
        async for answer in answers:
            if answer.ok:
                self._record(answer)
            elif answer.failed:
                raise RuntimeError(f"a frame failed: {answer.status}: {answer.message}")
            self.opened.set()

    def _record(self, answer: FrameAnswer) -> None:
        self._results.append((time.monotonic(), self._due(answer.frame_id)))
        self._stages.append([getattr(answer.timing, stage) for stage in STAGES])

    def _due(self, number: int) -> float:
        return (number + self._phase) / self._fps

    async def _due_frames(self) -> AsyncIterator[Frame]:
        first = math.ceil(time.monotonic() * self._fps - self._phase)
        for number in itertools.count(first):
            await asyncio.sleep(max(0.0, self._due(number) - time.monotonic()))
            self._frames.append(self._due(number))
            yield Frame(self._jpeg, id=number)

    def seen(self, since: float, until: float) -> dict[str, object]:
        """What was due and answered in that time; what was before is forgotten."""
        latencies, ages, newest = list[float](), list[float](), -math.inf
        for when, due in self._results:
            if since <= when < until:
                latencies.append(when - due)
                if math.isfinite(newest):
                    ages.append(when - newest)
            newest = max(newest, due)
        frames = sum(since <= due < until for due in self._frames)
        stages = self._stages[-len(latencies) :] if latencies else []
        del self._results[:-1], self._frames[:], self._stages[:]
        return {"frames": frames, "latencies": latencies, "ages": ages, "stages": stages}


async def run(address: str, jpeg: bytes, fps: float, phases: list[float]) -> None:
    """Open the streams, and answer each line of the input."""
    cameras = [Camera(jpeg, fps, phase) for phase in phases]
    async with AsyncClient(address.split(",")) as client, asyncio.TaskGroup() as tasks:
        running = []
        for camera in cameras:  # in sequence, so that the boards get them in turn
            running.append(tasks.create_task(camera.run(client)))
            await camera.opened.wait()
        while line := await asyncio.to_thread(sys.stdin.readline):
            since, used = time.monotonic(), time.process_time()
            await asyncio.sleep(float(line))
            used = time.process_time() - used
            seen = [camera.seen(since, since + float(line)) for camera in cameras]
            print(json.dumps({"cpu": used, "cameras": seen}), flush=True)
        for task in running:
            task.cancel()


def main() -> None:
    """Run until the input ends."""
    address, jpeg, fps, *phases = sys.argv[1:]
    asyncio.run(run(address, Path(jpeg).read_bytes(), float(fps), list(map(float, phases))))


if __name__ == "__main__":
    main()
