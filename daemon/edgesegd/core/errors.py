"""The errors that the daemon raises, grouped by whose fault they are.

`str(error)` is a message for the person who can correct the error. `api.status` maps errors to gRPC
statuses, `api.v1.status` to statuses of frames, and `cli.exit_codes` to exit statuses.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class InvalidReason(StrEnum):
    """What is wrong with an invalid frame; the values are labels of metrics."""

    EMPTY = "empty"
    """There is no frame, or it has no bytes."""
    TOO_LARGE = "too_large"
    """It has more bytes or pixels than are allowed."""
    FORMAT = "format"
    """It is not of a format that is decoded, or not of the one that it is sent as."""
    DESCRIPTION = "description"
    """Its size, strides, planes or tensors do not fit together, or not its bytes."""
    DAMAGED = "damaged"
    """A part of the file is missing or wrong."""
    UNSUPPORTED = "unsupported"
    """It is a file of a kind that no decoder here reads."""
    TOO_COSTLY = "too_costly"
    """Decoding it takes too long, or would."""
    SHARED_MEMORY = "shared_memory"
    """Its place in shared memory is not there, or is too small."""
    OPTIONS = "options"
    """The options are invalid, not the frame."""
    UNKNOWN_MODEL = "unknown_model"
    """It is for a model that is not served."""
    OTHER = "other"
    """None of these."""


class EdgesegError(Exception):
    """Base class of all errors that the daemon raises on purpose.

    `outcome` is the label that metrics give to frames that failed with it.
    """

    outcome = "internal"

    def without_history(self) -> Self:
        """Return this error without traceback, context and cause, which would keep the frame."""
        self.__traceback__ = self.__context__ = self.__cause__ = None
        return self


class ClientError(EdgesegError):
    """The client sent an invalid request; `reason` is the label that metrics give to its frame."""

    outcome = "invalid"
    reason = InvalidReason.OTHER


class InvalidFrame(ClientError):
    """The frame does not match its description, or cannot be decoded."""

    def __init__(self, message: str, reason: InvalidReason = InvalidReason.OTHER) -> None:
        super().__init__(message)
        self.reason = reason


class InvalidOptions(ClientError):
    """The options are invalid, contradict each other, or do not fit the model."""

    reason = InvalidReason.OPTIONS


class Unimplemented(ClientError):
    """The protocol has it, but this daemon does not support it."""

    outcome = "unimplemented"


class UnknownModel(ClientError):
    """No model of that name is served."""

    reason = InvalidReason.UNKNOWN_MODEL


class UnknownRegion(ClientError):
    """No region of shared memory is registered under that name."""

    reason = InvalidReason.SHARED_MEMORY


class RegionExists(ClientError):
    """A region of shared memory is already registered under that name."""


class AccessRefused(EdgesegError):
    """The client may not make the call, whatever is in it."""


class Unauthenticated(AccessRefused):
    """The client has no token, or none that is valid."""

    outcome = "unauthenticated"


class Forbidden(AccessRefused):
    """The client's token is not for this."""

    outcome = "forbidden"


class NotAnswered(EdgesegError):
    """The frame was valid, but gets no result."""


class Superseded(NotAnswered):
    """A newer frame of the same stream arrived while this one waited."""

    outcome = "superseded"


class Expired(NotAnswered):
    """The frame became too old, or its deadline passed, before the model ran."""

    outcome = "expired"


class DeadlineOver(Expired):
    """The frame expired, and the call's own deadline has passed, so no client waits any more."""


class Overloaded(NotAnswered):
    """There is no room now; the client may try again after `retry_after` seconds."""

    outcome = "overloaded"

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class EngineFailed(NotAnswered):
    """Engines crashed, hung or failed with this frame, so it must not be sent again."""

    outcome = "engine_failed"


class NoEngine(NotAnswered):
    """No engine is ready now; the client may send the frame again."""

    outcome = "unavailable"


class EngineUnfit(EdgesegError):
    """An engine reports that it must be replaced; `cause` is the label of the reason in metrics.

    Clients never get this error: the next engine runs the frame again.
    """

    cause = ""


class InvokeFailed(EngineUnfit):
    """An invoke failed; the interpreter may hold stale data."""

    cause = "invoke"


class CheckFailed(EngineUnfit):
    """The delegate's masks can no longer be compared with the CPU's."""

    cause = "check"


class EngineDistrusted(EngineUnfit):
    """The delegate's masks differ from the CPU's."""

    cause = "drift"


class OutputNotFinite(EngineDistrusted):
    """The output has values that are NaN or infinite."""

    cause = "nan"


class OutputConstant(EngineDistrusted):
    """All values of the output are the same."""

    cause = "constant"


class InternalFault(NotAnswered):
    """A fault of the daemon itself; the log has its traceback."""

    def __init__(self, message: str = "a fault of the daemon; its log says more") -> None:
        super().__init__(message)


class Draining(NotAnswered):
    """The daemon is stopping, or a stream has lasted long enough: no more work is taken."""

    outcome = "unavailable"


class StartupError(EdgesegError):
    """The daemon, or a model, cannot start; the operator can correct the cause."""


class ConfigError(StartupError):
    """A key, a value, a variable or a flag is wrong."""


class CannotListen(StartupError):
    """An address cannot be used: it is taken, malformed, or no daemon listens there."""


class AddressMissing(CannotListen):
    """An address is not one of this machine, or its name is not known here; it may be later."""


class ModelMissing(StartupError):
    """There is no such model or file."""


class ModelInvalid(StartupError):
    """The file is damaged, or not a single-image segmentation model."""


class ModelUnsupported(StartupError):
    """The runtime lacks something that the model needs, such as a custom operator."""


class DelegateFailed(StartupError):
    """A delegate cannot be loaded, or does not run the model."""


class DelegateMissing(StartupError):
    """None of a delegate's libraries is on this machine."""


class RuntimeMissing(StartupError):
    """No TFLite runtime can be imported."""


class EngineStartFailed(StartupError):
    """The engine process ended, or stopped answering, before it was ready."""


class SandboxMissing(StartupError):
    """A part of the engines' sandbox is required, and this system does not have it."""


class DeviceInUse(StartupError):
    """The device is in use by an engine that serves, and stays so."""


class DownloadFailed(StartupError):
    """A model could not be downloaded or stored, or is not the expected file."""


class ReleaseRefused(StartupError):
    """A release of models is not signed, not well-formed, or older than the installed one."""


class ReleaseBusy(StartupError):
    """Another process installs a release of models in the same folder."""


class ReleaseFailed(StartupError):
    """A release of models did not serve, so what served before goes on."""
