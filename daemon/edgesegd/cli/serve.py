"""`edgesegd serve`: the daemon."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os

from edgesegd import allocator
from edgesegd.cli.options import add_options, effective_config
from edgesegd.config import Config
from edgesegd.core.errors import RuntimeMissing

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
    config = effective_config(args).config
    logging.basicConfig(
        level=config.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # gRPC logs a traceback for each client that leaves in mid-message; our own errors are ours.
    logging.getLogger("grpc").setLevel(logging.CRITICAL)
    return asyncio.run(_serve(config))


async def _serve(config: Config) -> int:
    # gRPC's core writes lines of its own to stderr; what they say is in our errors.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
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
