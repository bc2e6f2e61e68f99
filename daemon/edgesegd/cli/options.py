"""The options of `Config` as flags, the same for all commands."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Mapping
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

from edgesegd.config import ENV_PREFIX, SCALARS, Config, Effective, Value, load_config, parse
from edgesegd.core.errors import ConfigError

ALL = tuple(setting.name for setting in fields(Config))


def add_options(
    parser: argparse.ArgumentParser,
    names: Collection[str] = ALL,
    *,
    defaults: Mapping[str, Value] | None = None,
) -> None:
    """Add a flag for each option in `names`, and `--config`.

    `defaults` are those in which the command differs from `Config`.
    """
    own = dict(defaults or {})
    parser.set_defaults(option_defaults=own)
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"TOML file with any of the daemon's options [{ENV_PREFIX}CONFIG]",
    )
    kinds = get_type_hints(Config)
    for setting in fields(Config):
        if setting.name not in names:
            continue
        kind = kinds[setting.name]
        repeated = kind not in SCALARS
        nothing = "true" if kind is bool else setting.metadata.get("nothing")
        default = own.get(setting.name, setting.default)
        shown = f" (default: {_shown(default)})" if default else ""
        parser.add_argument(
            "--" + setting.name.replace("_", "-"),
            dest=setting.name,
            action=("append" if nothing is None else "extend") if repeated else "store",
            nargs=None if nothing is None else "*" if repeated else "?",
            const=None if repeated else nothing,
            choices=setting.metadata.get("choices"),
            metavar=None
            if setting.metadata.get("choices")
            else setting.metadata.get("metavar", _metavar(kind)),
            help=f"{setting.metadata['help']}{shown} [{ENV_PREFIX}{setting.name.upper()}]",
        )


def effective_config(args: argparse.Namespace) -> Effective:
    """The configuration from flags, environment and file; raises ConfigError.

    Options for which a command has no flag come from environment and file. Variables that are
    ignored are listed on stderr.
    """
    kinds = get_type_hints(Config)
    flags: dict[str, Value] = {}
    for setting in fields(Config):
        given = getattr(args, setting.name, None)
        if isinstance(given, list):
            flags[setting.name] = tuple(given) or (setting.metadata["nothing"],)
        elif given is not None and kinds[setting.name] not in SCALARS:
            flags[setting.name] = (given,)
        elif given is not None:
            flag = "--" + setting.name.replace("_", "-")
            flags[setting.name] = parse(flag, given, kinds[setting.name])
    effective = load_config(flags, os.environ, _config_file(args), args.option_defaults)
    if effective.ignored:
        names = ", ".join(effective.ignored)
        print(f"edgesegd: ignoring variables that are not options: {names}", file=sys.stderr)
    return effective


def only_model(config: Config) -> str:
    """The model for a command that works on one; raises ConfigError if several are named."""
    names = config.named_models or (config.default_model,)
    if len(names) > 1:
        raise ConfigError(
            f"this command works on one model; choose one with --model: {', '.join(names)}"
        )
    return names[0]


def _config_file(args: argparse.Namespace) -> Path | None:
    """The file that the flag or the variable names; None if neither does."""
    if args.config is None and (named := os.environ.get(ENV_PREFIX + "CONFIG")):
        return Path(named)
    file: Path | None = args.config
    return file


def _shown(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _metavar(kind: type) -> str:
    return {int: "N", float: "SECONDS", str: "VALUE", bool: "true|false"}.get(kind, "ADDRESS")
