"""`edgesegd models try`: serves a model for a moment, and writes what it finds in a picture."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from pathlib import Path

from edgesegd.cli.model_info import facts_as_lines
from edgesegd.cli.options import add_options
from edgesegd.cli.tables import print_text
from edgesegd.config import Config
from edgesegd.core.errors import ConfigError
from edgesegd.models.catalogue.repository import parse_source


def add_parser(actions: _SubParsersAction[ArgumentParser]) -> None:
    """Add the action."""
    parser = actions.add_parser(
        "try",
        help="run a model on a picture, and write the overlay",
        description="Serve a model for a moment and segment a picture with it, as a daemon and a "
        "client do. Prints what the model's values are taken for and what was found, and writes "
        "IMAGE.overlay.png and IMAGE.labels.png: look at them before the model is used.",
    )
    parser.add_argument("model", metavar="NAME|PATH", help="the model")
    parser.add_argument("image", metavar="IMAGE", type=Path, help="a picture")
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        default=Path("tried"),
        help="folder for the overlay and the labels (default: tried)",
    )
    add_options(
        parser, {"data_dir", "runtime", "threads", "delegate"}, defaults={"delegate": "cpu"}
    )


def try_model(args: Namespace, config: Config, model: str) -> int:
    """Try it; returns the exit status of the client.

    Raises StartupError if the model cannot be served, or if there is no such picture.
    """
    from edgesegd.bench.launch import LaunchedDaemon  # noqa: PLC0415 - only this command starts one

    spec = parse_source(model, Path(config.data_dir)).read().served
    if not args.image.is_file():
        raise ConfigError(f"{args.image} is not a picture: there is no such file")
    for line in facts_as_lines(spec):
        print_text(line, "  ")
    sys.stdout.flush()  # the client prints too
    flags = [f"--{name}={getattr(config, name)}" for name in ("delegate", "runtime")]
    flags += [f"--threads={config.threads}"] if config.threads else []
    flags += [f"--data-dir={config.data_dir}", f"--model={model}", "--control=none"]
    with LaunchedDaemon(*flags) as daemon:
        command = ["segment", str(args.image), f"--server={daemon.address}", f"--out={args.out}"]
        client = subprocess.run(
            [sys.executable, "-m", "edgeseg_client", *command],
            check=False,
            stdin=subprocess.DEVNULL,
            env={key: text for key, text in os.environ.items() if key != "EDGESEG_TOKEN"},
        )
    return client.returncode
