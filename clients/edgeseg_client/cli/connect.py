"""Makes the client and the options that the arguments describe."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TypeVar

import grpc

from edgeseg_client.aio import AsyncClient
from edgeseg_client.blocking import Client
from edgeseg_client.options import Options

AnyClient = TypeVar("AnyClient", Client, AsyncClient)


def open_client(arguments: Namespace, kind: type[AnyClient]) -> AnyClient:
    """A client for `--server`; raises `OSError` if the file of certificates cannot be read."""
    credentials = None
    if arguments.ca:
        credentials = grpc.ssl_channel_credentials(Path(arguments.ca).read_bytes())
    return kind(
        arguments.server,
        token=arguments.token,
        credentials=credentials,
        retry_for=arguments.wait,
    )


def read_options(arguments: Namespace) -> Options:
    """The options of segmentation."""
    return Options(
        outputs=("labels",),
        size=arguments.size,
        resize=arguments.resize,
        classes=arguments.classes,
        model=arguments.model,
        max_age=arguments.max_age,
    )
