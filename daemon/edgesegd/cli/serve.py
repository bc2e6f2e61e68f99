"""`edgesegd serve`: the daemon."""

from __future__ import annotations

import argparse
import asyncio
import os
from typing import TYPE_CHECKING

from edgesegd.board import allocator
from edgesegd.board.descriptors import raise_descriptor_limit
from edgesegd.cli import early_signals
from edgesegd.cli.options import add_options, effective_config
from edgesegd.config import Config
from edgesegd.core.errors import RuntimeMissing
from edgesegd.observability.logs import set_up_logging
from edgesegd.supervision.engine_child import EarlyEngine

if TYPE_CHECKING:
    from edgesegd.daemon import Daemon

MULTIPROCESS = ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir")
"""May be set for other programs in the same environment; the old name is used too."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "serve",
        help="serve a model over gRPC",
        description="Serve a segmentation model over gRPC until SIGTERM or Ctrl-C; a second signal "
        "ends the daemon at once.",
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve; returns the exit status."""
    allocator.use_one_arena()
    raise_descriptor_limit()
    config = effective_config(args).config
    set_up_logging(config.log_level, config.log_format)
    return asyncio.run(_serve(config))


async def _serve(config: Config) -> int:
    # gRPC's core writes its own lines to stderr, but the daemon's errors already say the same.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # Children are started by fork and exec, which need no fork handlers of gRPC. If a fork fails,
    # these handlers may block the daemon forever.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"
    # If set, prometheus_client keeps values in files, which some kinds of metrics do not support.
    for name in MULTIPROCESS:
        os.environ.pop(name, None)
    early = EarlyEngine()
    try:
        if not config.idle_unload:
            with early_signals.leaving_later():
                early_signals.CHILDREN += await early.start()
        return await _load_daemon()(config, announce=_print_at_once, early=early).run()
    finally:
        await early.close()


def _load_daemon() -> type[Daemon]:
    """Import the daemon here, so that the other commands need no gRPC and no prometheus_client."""
    try:
        from edgesegd.daemon import Daemon  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise RuntimeMissing(
            f"{error.name} is missing; install what the daemon needs: pip install 'edgeseg[daemon]'"
        ) from None
    return Daemon


def _print_at_once(line: str) -> None:
    print(line, flush=True)
