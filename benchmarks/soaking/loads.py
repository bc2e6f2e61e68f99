"""Clients of a soak: streams over capacity, single images, shared memory, bad frames.

Faults of the daemon cost none of them a frame, for it sends them to another engine.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from edgeseg_client import AsyncClient, EdgesegClientError, Status
from edgeseg_client.frame import ImageLike
from edgeseg_client.options import Policy
from edgesegd.bench.inputs import Inputs

FRAMES = 200
"""Of each stream."""
SHARING_ROUNDS = 5
NO_PICTURE = b"no picture"
EXPECTED: dict[Policy, tuple[Status, ...]] = {
    "every": (Status.OK,),
    "latest": (Status.OK, Status.SUPERSEDED),
}


@dataclass(slots=True)
class Seen:
    """What the clients sent and were answered.

    `answers` counts statuses and errors of calls; `lost` are those of them that a frame should not
    have had.
    """

    sent: int = 0
    answered: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)

    @property
    def unanswered(self) -> int:
        """Frames of streams that ended without an answer for them."""
        return self.sent - self.answered

    def add(self, what: str, became: str, *expected: str) -> None:
        """Count an answer."""
        counted = [self.answers] if became in expected else [self.answers, self.lost]
        for each in counted:
            each[f"{what}: {became}"] += 1


async def streams(address: str, inputs: Inputs, policy: Policy, until: float, seen: Seen) -> None:
    """One client after another, each for a while."""
    while time.monotonic() < until:
        async with AsyncClient(address) as client:
            answered = 0
            async for answer in client.stream([inputs.jpeg] * FRAMES, policy=policy, size="model"):
                answered += 1
                seen.add(policy, answer.status, *EXPECTED[policy])
            seen.sent += FRAMES
            seen.answered += answered


async def sharers(address: str, inputs: Inputs, until: float, seen: Seen) -> None:
    """Clients that lease memory, use it and leave; one of their frames is bad."""
    frames: list[ImageLike] = [inputs.raw_frame(), NO_PICTURE, inputs.jpeg] * SHARING_ROUNDS
    while time.monotonic() < until:
        async with AsyncClient(address, shared_memory=True) as client:
            answered = 0
            async for answer in client.stream(frames, policy="every"):
                answered += 1
                bad = frames[answer.frame_id] is NO_PICTURE
                seen.add("shared memory", answer.status, Status.INVALID if bad else Status.OK)
            seen.sent += len(frames)
            seen.answered += answered
            try:
                await client.segment(inputs.jpeg, size="frame", outputs=["labels", "rle"])
                seen.add("single image", Status.OK, Status.OK)
            except EdgesegClientError as error:
                seen.add("single image", type(error).__name__, Status.OK)
