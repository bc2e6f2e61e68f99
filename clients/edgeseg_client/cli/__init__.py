"""The command `edgeseg`."""

from edgeseg_client.cli.command import main

__all__ = ["main"]
