"""The options of `Config` as flags."""

from __future__ import annotations

import argparse
import os
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

from edgesegd.config import ENV_PREFIX, Config, Effective, Value, load_config, parse


def add_options(parser: argparse.ArgumentParser) -> None:
    """One flag for each option, and `--config`."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML file with any of the options below"
    )
    kinds = get_type_hints(Config)
    for setting in fields(Config):
        kind = kinds[setting.name]
        repeated = kind not in (str, int, float)
        default = setting.default
        shown = f" (default: {_shown(default)})" if default else ""
        parser.add_argument(
            "--" + setting.name.replace("_", "-"),
            dest=setting.name,
            action="append" if repeated else "store",
            choices=setting.metadata.get("choices"),
            metavar=None
            if setting.metadata.get("choices")
            else setting.metadata.get("metavar", _metavar(kind)),
            help=f"{setting.metadata['help']}{shown} [{ENV_PREFIX}{setting.name.upper()}]",
        )


def effective_config(args: argparse.Namespace) -> Effective:
    """The configuration that flags, environment and file give; raises ConfigError."""
    kinds = get_type_hints(Config)
    flags: dict[str, Value] = {}
    for setting in fields(Config):
        given = getattr(args, setting.name)
        if isinstance(given, list):
            flags[setting.name] = tuple(given)
        elif given is not None:
            flag = "--" + setting.name.replace("_", "-")
            flags[setting.name] = parse(flag, given, kinds[setting.name])
    file = args.config
    if file is None and (named := os.environ.get(ENV_PREFIX + "CONFIG")):
        file = Path(named)
    return load_config(flags, os.environ, file)


def _shown(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _metavar(kind: type) -> str:
    return {int: "N", float: "SECONDS", str: "VALUE"}.get(kind, "ADDRESS")
