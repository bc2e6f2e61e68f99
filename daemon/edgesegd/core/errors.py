"""Everything that can go wrong, by whose fault it is.

`str(error)` is a sentence for the person at fault. Its gRPC status stands in `api.status`, that of
a frame in `api.v1.status`, how it ends the process in `cli.exit_codes`.
"""

from __future__ import annotations

from typing import Self


class EdgesegError(Exception):
    """Base of all errors that this project raises on purpose.

    `outcome` is what metrics call that of a frame that met it.
    """

    outcome = "internal"

    def without_history(self) -> Self:
        """Itself, without what raised it and why: that would keep the frame alive with it."""
        self.__traceback__ = self.__context__ = self.__cause__ = None
        return self


class ClientError(EdgesegError):
    """The client asked for something that cannot be had."""

    outcome = "invalid"


class InvalidFrame(ClientError):
    """The frame is not what it says, or cannot be decoded."""


class InvalidOptions(ClientError):
    """The options contradict each other or the model."""


class Unimplemented(ClientError):
    """In the contract, not served by this daemon."""

    outcome = "unimplemented"


class UnknownModel(ClientError):
    """No model of that name is served."""


class UnknownRegion(ClientError):
    """No region of shared memory of that name is registered."""


class RegionExists(ClientError):
    """Another region of shared memory has that name."""


class NotAnswered(EdgesegError):
    """The frame was fine, but gets no result."""


class Superseded(NotAnswered):
    """A newer frame of the same stream came while this one waited."""

    outcome = "superseded"


class Expired(NotAnswered):
    """Too old, or past its deadline, before it was invoked."""

    outcome = "expired"


class DeadlineOver(Expired):
    """Expired, and the deadline that gRPC has of the call is over: nobody waits any more."""


class Overloaded(NotAnswered):
    """The queue is full.

    `retry_after` is when trying again makes sense, in seconds.
    """

    outcome = "overloaded"

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class EngineFailed(NotAnswered):
    """Engines crashed, hung or failed with this frame in them: it is not to be sent again."""

    outcome = "engine_failed"


class NoEngine(NotAnswered):
    """No engine is ready now; the frame may be sent again."""

    outcome = "unavailable"


class EngineUnfit(EdgesegError):
    """An engine says that it must be replaced; `cause` is what metrics call the reason.

    Never told to a client: the frame is run again by the next engine.
    """

    cause = ""


class InvokeFailed(EngineUnfit):
    """An invoke failed; the interpreter may hold stale data."""

    cause = "invoke"


class CheckFailed(EngineUnfit):
    """The delegate's masks cannot be compared with the CPU's any more."""

    cause = "check"


class EngineDistrusted(EngineUnfit):
    """The delegate's masks are not the CPU's."""

    cause = "drift"


class OutputNotFinite(EngineDistrusted):
    """The output holds values that are no numbers."""

    cause = "nan"


class OutputConstant(EngineDistrusted):
    """The output is the same everywhere, in every class."""

    cause = "constant"


class InternalFault(NotAnswered):
    """A fault of the daemon itself; the log has its traceback."""

    def __init__(self, message: str = "a fault of the daemon; its log says more") -> None:
        super().__init__(message)


class Draining(NotAnswered):
    """The daemon is stopping and takes no more work."""

    outcome = "unavailable"


class StartupError(EdgesegError):
    """The daemon cannot start; the operator can mend it."""


class ConfigError(StartupError):
    """A key, a value, a variable or a flag is wrong."""


class CannotListen(StartupError):
    """An address is in use, not ours or malformed."""


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
    """The engine process ended, or fell silent, before it was ready."""


class DeviceInUse(StartupError):
    """An engine that serves has the device, and goes on to have it."""


class DownloadFailed(StartupError):
    """A model could not be fetched, or is not the file it should be."""
