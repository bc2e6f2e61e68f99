"""A command of another package, such as `edgeseg_mqtt`, which this package does not import."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Protocol

from edgeseg_client.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  # its only name


class Integration(Protocol):
    """Only `run` may import what is slow, or what only an extra brings."""

    @property
    def name(self) -> str:
        """The name of the command."""

    def add_parser(self, commands: Commands, daemon: argparse.ArgumentParser) -> None:
        """Adds the command's parser; `daemon` has the options that say which daemon."""

    def run(self, arguments: argparse.Namespace) -> ExitCode:
        """Runs the command; may raise `UsageError`, `EdgesegClientError` and `OSError`."""
