"""`edgesegd serve`: the daemon."""

from __future__ import annotations

import argparse
import asyncio
import os

from edgesegd.board import allocator
from edgesegd.board.descriptors import raise_descriptor_limit
from edgesegd.cli.options import add_options, effective_config
from edgesegd.config import Config
from edgesegd.core.errors import RuntimeMissing
from edgesegd.observability.logs import set_up_logging

MULTIPROCESS = ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir")
"""Set for other programs of the same environment; the old name counts too."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "serve",
        help="serve a model over gRPC",
        description="Serve a segmentation model over gRPC until SIGTERM or Ctrl-C; a second one "
        "ends at once.",
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve; the exit status."""
    allocator.use_one_arena()
    raise_descriptor_limit()
    config = effective_config(args).config
    set_up_logging(config.log_level)
    return asyncio.run(_serve(config))


async def _serve(config: Config) -> int:
    # gRPC's core writes lines of its own to stderr; what they say is in our errors.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # Children are started by a fork and an exec, which need nothing of gRPC. Where no process is
    # to be had, its handlers around the fork were seen to stop the daemon for good.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"
    # With one prometheus_client keeps its numbers in files, which it cannot for all kinds of ours.
    for name in MULTIPROCESS:
        os.environ.pop(name, None)
    # Imported here, so that the other commands need neither gRPC nor prometheus_client.
    try:
        from edgesegd.daemon import Daemon  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise RuntimeMissing(
            f"{error.name} is missing; install what the daemon needs: pip install 'edgeseg[daemon]'"
        ) from None

    return await Daemon(config, announce=lambda line: print(line, flush=True)).run()
