"""`edgesegd config`: the effective options, as a file that `--config` reads."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, fields

from edgesegd.cli.options import add_options, effective_config
from edgesegd.cli.tables import output_width, wrapped

COMMENT_WIDTH = 79
"""Columns of the descriptions in a file or a pipe."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "config",
        help="print the effective options as TOML",
        description="Print every option with its effective value and the source of that value. "
        "The output can be saved and used with `edgesegd serve --config`.",
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON: the value and the source of each option"
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the options; the exit status."""
    effective = effective_config(args)
    if args.json:
        values, sources = asdict(effective.config), effective.sources
        facts = {name: {"value": values[name], "source": sources[name]} for name in values}
        print(json.dumps(facts, indent=2))
        return 0
    width = output_width() or COMMENT_WIDTH
    for number, setting in enumerate(fields(effective.config)):
        value = getattr(effective.config, setting.name)
        # JSON is TOML here, except for surrogates, which TOML does not have, and a bare DEL.
        plain = list(value) if isinstance(value, tuple) else value
        shown = json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")
        if number:
            print()
        for line in wrapped(f"# {setting.metadata['help']}", width, "# "):
            print(line)
        print(f"{setting.name} = {shown}  # {effective.sources[setting.name]}")
    return 0
