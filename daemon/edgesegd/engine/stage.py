"""Runs a stage of a frame, so that a fault of one frame does not affect others or the engine."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from edgesegd.core.errors import EdgesegError, InternalFault
from edgesegd.ipc.messages import FrameJob, Message, error_message

Before = TypeVar("Before")
After = TypeVar("After")
StageOutput = tuple[FrameJob, After | Message]
"""A frame with the value that a stage returned, or with the error message that is its answer."""


def run_stage(
    stage: Callable[[FrameJob, Before], After],
    output: StageOutput[Any],  # of Before, which mypy cannot infer where that is a union itself
) -> StageOutput[After]:
    """Run a stage on the `output` of the one before; an error message is passed on unchanged.

    If the stage fails, its own output is an error message.
    """
    job, value = output
    if isinstance(value, dict):
        return job, value
    try:
        return job, stage(job, value)
    except Exception as error:  # noqa: BLE001 # one frame's fault must not cost the engine
        return job, fault_message(error)


def fault_message(error: Exception) -> Message:
    """The answer to a frame that failed; a fault of the daemon itself is logged."""
    if isinstance(error, EdgesegError):
        return error_message(error)
    traceback.print_exception(error)
    return error_message(InternalFault())
