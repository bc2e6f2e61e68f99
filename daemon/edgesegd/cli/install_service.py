"""`edgesegd install-service` and `uninstall-service`: the daemon as a service of systemd."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import edgesegd
from edgesegd.cli import marked_files
from edgesegd.cli.exit_codes import OK
from edgesegd.cli.service_placement import Placement, of_machine, of_user
from edgesegd.cli.service_steps import systemd_version
from edgesegd.cli.shipped_files import BACK_OFF, UNIT
from edgesegd.core.errors import ConfigError

SHIPPED_COMMAND = "/opt/edgeseg/bin/edgesegd"
PACKAGED = f"/usr/lib/systemd/system/{UNIT}"
"""The unit of the Debian package, which one in /etc would hide."""
FIRST_WITH_BACK_OFF = 254


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both commands."""
    install = commands.add_parser(
        "install-service",
        help="install the daemon of this environment as a service of systemd",
        description="Write the unit of systemd for the daemon of this environment, its user and "
        "the rules for devices, then enable and start it. A file that someone has changed is "
        "replaced only with --force, and then kept as FILE.bak.",
    )
    install.add_argument(
        "--model", metavar="MODEL", help="write this model as an option to the file of options"
    )
    install.add_argument("--force", action="store_true", help="replace files that were changed")
    remove = commands.add_parser(
        "uninstall-service",
        help="stop the service, and remove what install-service wrote",
        description="Stop and disable the service, and remove the files that install-service "
        "wrote. Files that were changed since, the user and the data folder stay.",
    )
    for parser, run in ((install, run_install), (remove, run_remove)):
        parser.add_argument(
            "--user",
            action="store_true",
            help="the service of the user who runs this, without root; it has no user of its own, "
            "no rules for devices, and may do all that its user may",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done, and do nothing"
        )
        parser.add_argument(
            "--root",
            default="/",
            metavar="FOLDER",
            help="root of another system, such as an image; then no command of systemd is run",
        )
        parser.set_defaults(run=run)


def run_install(args: argparse.Namespace) -> int:
    """Install; the exit status. Raises ConfigError if nothing can be installed."""
    root = Path(args.root)
    here = root == Path("/")
    placement = _placement(args)
    command = _command()
    if not args.user and _below(root, PACKAGED).exists():
        raise ConfigError(
            f"{_below(root, PACKAGED)}: the Debian package has installed the service already; "
            f"write options to {placement.options} and run: systemctl restart {UNIT}"
        )
    if here:
        package = Path(edgesegd.__file__).resolve()
        refuse_hidden((sys.prefix, sys.base_prefix, package), placement.hidden)
        if (path := _path_of(args.model)).startswith("/"):
            _refuse_hidden_model(Path(path).resolve(), placement)
    texts = dict(_texts(placement, command, args.model))
    try:
        changed = [
            str(_below(root, path))
            for path in texts
            if _below(root, path).exists() and not marked_files.is_ours(_below(root, path))
        ]
        if changed and not args.force:
            raise ConfigError(
                f"{', '.join(changed)}: not written by install-service, or changed since; --force "
                "keeps the old file as FILE.bak and writes a new one"
            )
        for path, text in texts.items():
            place = _below(root, path)
            done = "would write" if args.dry_run else marked_files.write(place, text)
            print(f"{done} {place}")
    except OSError as error:
        raise _cannot("write", error, args) from None
    steps = (*placement.before, *placement.systemd.load())
    status = placement.systemd.run(steps, here=here, dry=args.dry_run)
    for note in placement.notes:
        print(f"note: {note}")
    return status


def run_remove(args: argparse.Namespace) -> int:
    """Uninstall; the exit status. Raises ConfigError if files cannot be removed."""
    root = Path(args.root)
    here = root == Path("/")
    placement = _placement(args)
    systemd = placement.systemd
    places = [_below(root, each) for each in (*placement.files, placement.options)]
    present = [place for place in places if place.exists()]
    if not present:
        print("no service is installed")
        return OK
    status = OK
    if _below(root, placement.service).exists():
        status = systemd.run(systemd.stop(), here=here, dry=args.dry_run)
    try:
        for place in present:
            if not marked_files.is_ours(place):
                print(f"left {place}, which install-service did not write, or which was changed")
            elif args.dry_run:
                print(f"would remove {place}")
            else:
                place.unlink()
                print(f"removed {place}")
    except OSError as error:
        raise _cannot("remove", error, args) from None
    return status or systemd.run(systemd.reload(), here=here, dry=args.dry_run)


def refuse_hidden(paths: Iterable[str | Path], hidden: Iterable[str]) -> None:
    """Raise ConfigError if the service cannot see one of the paths of its environment."""
    for path in paths:
        if _is_hidden(path, hidden):
            raise ConfigError(
                f"this environment uses {path}, which is hidden from the service; make one that "
                "does not: /usr/bin/python3 -m venv /opt/edgeseg"
            )


def _is_hidden(path: str | Path, hidden: Iterable[str]) -> bool:
    return any(Path(path).is_relative_to(folder) for folder in hidden)


def _refuse_hidden_model(path: Path, placement: Placement) -> None:
    """Raise ConfigError if the service cannot see the file of its model."""
    if _is_hidden(path, placement.hidden):
        raise ConfigError(
            f"the model {path} is hidden from the service; copy it, and its .toml, to a folder "
            f"that is not in {', '.join(placement.hidden)}"
        )


def _path_of(model: str | None) -> str:
    """The path in "PATH" or "NAME=PATH"; empty if the model is given by its name alone."""
    name, equals, source = (model or "").partition("=")
    path = source if equals and "/" not in name else model or ""
    return path if "/" in path else ""


def _placement(args: argparse.Namespace) -> Placement:
    """Where the service is installed; raises ConfigError."""
    if not args.user:
        return of_machine()
    if os.geteuid() == 0 and Path(args.root) == Path("/"):
        raise ConfigError(
            "--user installs a service of the user who runs it, and this is root; run it as the "
            "user, without sudo"
        )
    return of_user(os.environ)


def _command() -> str:
    """What starts the daemon of this environment, for an ExecStart=."""
    script = Path(sys.executable).with_name("edgesegd")
    words = [str(script)] if script.is_file() else [sys.executable, "-m", "edgesegd"]
    if any(set(word) & set(" \t\"'\\%$;") for word in words):
        raise ConfigError(f"{words[0]} has characters that have a meaning in a unit of systemd")
    return " ".join(words)


def _texts(placement: Placement, command: str, model: str | None) -> Iterator[tuple[str, str]]:
    """Each file to write, by its path on the machine."""
    for path, file in placement.files.items():
        if file == BACK_OFF and systemd_version() < FIRST_WITH_BACK_OFF:
            continue
        text = file.path.read_text(encoding="utf-8")
        for shipped, replacement in {SHIPPED_COMMAND: command, **placement.replaced}.items():
            text = text.replace(shipped, replacement)
        yield path, text
    if model is not None:
        options = placement.options
        if not model or not model.isprintable() or set(model) & set("\"'\\"):
            raise ConfigError(f"{model!r} cannot be written to {options}")
        if path := _path_of(model):
            if not path.startswith("/"):
                raise ConfigError(f"{path} must begin with a slash, for the service runs elsewhere")
            _refuse_hidden_model(Path(os.path.normpath(path)), placement)
        yield options, f'EDGESEG_MODEL="{model}"\n'


def _below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _cannot(what: str, error: OSError, args: argparse.Namespace) -> ConfigError:
    advice = "" if args.user else "run this as root, add --user for a service of your own, or "
    return ConfigError(
        f"cannot {what} {error.filename}: {error.strerror}; {advice}name another --root"
    )
