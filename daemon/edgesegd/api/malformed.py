"""The error for bytes that are not a valid message."""

from __future__ import annotations

from edgesegd.core.errors import ClientError, InvalidFrame, Unimplemented

GZIP = b"\x1f\x8b"
"""First bytes of gzip, with which no message begins. gRPC does not decompress messages here,
because a small one may expand to a very large one."""


def malformed(raw: bytes, kind: str, error: object) -> ClientError:
    """The error for bytes that are not a message of that kind."""
    if raw.startswith(GZIP):
        return Unimplemented(
            "compressed messages (gzip) are refused; send them without compression, or start the "
            "daemon with --compression=accept"
        )
    return InvalidFrame(f"the message is not a valid {kind}: {error}")
