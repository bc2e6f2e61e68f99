"""`edgesegd config`: the effective options, as a file that `--config` reads."""

from __future__ import annotations

import argparse
import json
from dataclasses import fields

from edgesegd.cli.options import add_options, effective_config


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "config",
        help="print the effective options as TOML",
        description="Print every option with its effective value and the source of that value. "
        "The output can be saved and used with `edgesegd serve --config`.",
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the options; the exit status."""
    effective = effective_config(args)
    for setting in fields(effective.config):
        value = getattr(effective.config, setting.name)
        # JSON is TOML here, except for surrogates, which TOML does not have, and a bare DEL.
        plain = list(value) if isinstance(value, tuple) else value
        shown = json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")
        print(f"# {setting.metadata['help']}")
        print(f"{setting.name} = {shown}  # {effective.sources[setting.name]}")
    return 0
