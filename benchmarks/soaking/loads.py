"""Clients of a soak: streams over capacity, single images, shared memory, bad frames."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from edgeseg_client import AsyncClient, EdgesegClientError
from edgeseg_client.frame import ImageLike
from edgeseg_client.options import Policy
from edgesegd.bench.inputs import Inputs

FRAMES = 200
"""Of each stream."""
SHARING_ROUNDS = 5
NO_PICTURE = b"no picture"


@dataclass(slots=True)
class Seen:
    """What the clients sent and were answered; `answers` counts statuses and errors of calls."""

    sent: int = 0
    answered: int = 0
    answers: Counter[str] = field(default_factory=Counter)

    @property
    def unanswered(self) -> int:
        """Frames of streams that ended without an answer for them."""
        return self.sent - self.answered


async def streams(address: str, inputs: Inputs, policy: Policy, until: float, seen: Seen) -> None:
    """One client after another, each for a while."""
    while time.monotonic() < until:
        async with AsyncClient(address) as client:
            answered = 0
            async for answer in client.stream([inputs.jpeg] * FRAMES, policy=policy, size="model"):
                answered += 1
                seen.answers[f"{policy}: {answer.status}"] += 1
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
                seen.answers[f"shared memory: {answer.status}"] += 1
            seen.sent += len(frames)
            seen.answered += answered
            try:
                await client.segment(inputs.jpeg, size="frame", outputs=["labels", "rle"])
                seen.answers["single image: ok"] += 1
            except EdgesegClientError as error:
                seen.answers[f"single image: {type(error).__name__}"] += 1
