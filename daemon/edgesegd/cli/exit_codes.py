"""The exit status for each error; listed in docs/running.md."""

from __future__ import annotations

from edgesegd.core import errors

OK = 0
FAILED = 1
NOT_IN_STAGE = 16
"""A release of models is for other boards yet."""
INTERRUPTED = 130
BROKEN_PIPE = 141

EXIT_CODES: dict[type[errors.StartupError], int] = {
    errors.ConfigError: 3,
    errors.CannotListen: 4,
    errors.ModelMissing: 5,
    errors.ModelInvalid: 6,
    errors.ModelUnsupported: 7,
    errors.RuntimeMissing: 8,
    errors.EngineStartFailed: 9,
    errors.DeviceInUse: 13,
    errors.DownloadFailed: 10,
    errors.DelegateFailed: 11,
    errors.DelegateMissing: 12,
    errors.SandboxMissing: 14,
    errors.ReleaseRefused: 15,
    errors.ReleaseFailed: 17,
    errors.ReleaseBusy: 18,
}


def exit_code(error: errors.StartupError) -> int:
    """The exit status for an error: that of its class, or of the one that it is a kind of."""
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)
