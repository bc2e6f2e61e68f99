"""Makes the client and the options that the arguments describe."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import TypeVar

import grpc

from edgeseg_client.aio import AsyncClient
from edgeseg_client.blocking import Client
from edgeseg_client.channel import tls_credentials
from edgeseg_client.cli.exit_codes import UsageError
from edgeseg_client.info import ModelInfo
from edgeseg_client.options import Options

AnyClient = TypeVar("AnyClient", Client, AsyncClient)


def open_client(
    arguments: Namespace, kind: type[AnyClient], *, retry_for: float | None = None
) -> AnyClient:
    """A client for `--server` that tries again for `retry_for` seconds, by default `--wait`.

    Raises `OSError` if a file of certificates cannot be read, and `UsageError` for arguments that
    do not go together.
    """
    return kind(
        arguments.server,
        token=arguments.token,
        credentials=_credentials(arguments),
        insecure=arguments.insecure,
        retry_for=arguments.wait if retry_for is None else retry_for,
    )


def _credentials(arguments: Namespace) -> grpc.ChannelCredentials | None:
    for file in filter(None, (arguments.ca, arguments.cert, arguments.key)):
        try:
            is_pem = b"-----BEGIN" in Path(file).read_bytes()
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror}") from None
        if not is_pem:
            raise UsageError(f"{file} is not in PEM format")
    if arguments.cert is None and arguments.key is None:
        return tls_credentials(arguments.ca) if arguments.ca else None
    if arguments.cert is None:
        raise UsageError("--key needs --cert")
    if arguments.ca is None:
        raise UsageError("--cert needs --ca, the certificates by which the daemon is known")
    return tls_credentials(arguments.ca, cert=arguments.cert, key=arguments.key)


def read_options(arguments: Namespace) -> Options:
    """The options of segmentation, without the outputs."""
    return Options(
        size=arguments.size or "frame",
        resize=arguments.resize,
        classes=arguments.classes,
        model=arguments.model,
        max_age=arguments.max_age,
    )


def require_masks_of_the_frame(arguments: Namespace) -> None:
    """Raises `UsageError` if masks are not of the whole frame, so that they cannot be drawn."""
    if arguments.size == "model" and arguments.resize != "stretch":
        raise UsageError(
            f"with --resize {arguments.resize} masks of --size model do not cover the picture;"
            " leave --size out, or write --size frame"
        )


def print_note(model: ModelInfo) -> None:
    """Prints what the users of a model should know, such as that it knows no photographs."""
    if model.note:
        print(f"edgeseg: the model {model.name}: {model.note}", file=sys.stderr)
