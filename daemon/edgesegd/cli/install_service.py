"""`edgesegd install-service` and `uninstall-service`: the daemon as a service of systemd."""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import edgesegd
from edgesegd.cli import marked_files
from edgesegd.cli.exit_codes import FAILED, OK
from edgesegd.cli.shipped_files import BACK_OFF, RULES, SERVICE, UNIT, USERS, ShippedFile
from edgesegd.core.errors import ConfigError

OPTIONS_FILE = "/etc/default/edgesegd"
SHIPPED_COMMAND = "/opt/edgeseg/bin/edgesegd"
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 # not written to
"""What ProtectHome= and PrivateTmp= of the unit hide from it."""
RUNS = Path("/run/systemd/system")
"""Is there if systemd runs this machine; source: sd_booted(3)."""
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
        "--model", metavar="MODEL", help=f"write this model as an option to {OPTIONS_FILE}"
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
    command = _command()
    if here:
        refuse_hidden([sys.prefix, sys.base_prefix, Path(edgesegd.__file__).resolve()])
    texts = dict(_texts(command, args.model))
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
        raise _cannot("write", error) from None
    return _run_all(
        (
            ("systemd-sysusers", USERS.belongs_at),
            ("udevadm", "control", "--reload"),
            ("systemctl", "daemon-reload"),
            ("systemctl", "enable", UNIT),
            ("systemctl", "restart", UNIT),
        ),
        here=here,
        dry=args.dry_run,
    )


def run_remove(args: argparse.Namespace) -> int:
    """Uninstall; the exit status. Raises ConfigError if files cannot be removed."""
    root = Path(args.root)
    here = root == Path("/")
    places = [_below(root, each) for each in (*_belongings(), OPTIONS_FILE)]
    present = [place for place in places if place.exists()]
    if not present:
        print("no service is installed")
        return OK
    status = OK
    if _below(root, SERVICE.belongs_at).exists():
        stop = (("systemctl", "disable", "--now", UNIT),)
        status = _run_all(stop, here=here, dry=args.dry_run)
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
        raise _cannot("remove", error) from None
    return status or _run_all((("systemctl", "daemon-reload"),), here=here, dry=args.dry_run)


def refuse_hidden(paths: Iterable[str | Path]) -> None:
    """Raise ConfigError if the service cannot see one of the paths of its environment."""
    for path in map(Path, paths):
        if any(path.is_relative_to(folder) for folder in HIDDEN):
            raise ConfigError(
                f"this environment uses {path}, which is hidden from the service; make one that "
                "does not: /usr/bin/python3 -m venv /opt/edgeseg"
            )


def _command() -> str:
    """What starts the daemon of this environment, for an ExecStart=."""
    script = Path(sys.executable).with_name("edgesegd")
    words = [str(script)] if script.is_file() else [sys.executable, "-m", "edgesegd"]
    if any(set(word) & set(" \t\"'\\%$;") for word in words):
        raise ConfigError(f"{words[0]} has characters that have a meaning in a unit of systemd")
    return " ".join(words)


def _texts(command: str, model: str | None) -> Iterator[tuple[str, str]]:
    """Each file to write, by its path on the machine."""
    for file in _belongings().values():
        text = file.path.read_text(encoding="utf-8")
        if file is SERVICE:
            text = text.replace(SHIPPED_COMMAND, command)
        if file is not BACK_OFF or _systemd_version() >= FIRST_WITH_BACK_OFF:
            yield file.belongs_at, text
    if model is not None:
        if not model or not model.isprintable() or set(model) & set("\"'\\"):
            raise ConfigError(f"{model!r} cannot be written to {OPTIONS_FILE}")
        if "/" in model and not model.rpartition("=")[2].startswith("/"):
            raise ConfigError(f"{model} must begin with a slash, for the service runs elsewhere")
        yield OPTIONS_FILE, f'EDGESEG_MODEL="{model}"\n'


def _belongings() -> dict[str, ShippedFile]:
    return {file.belongs_at: file for file in (SERVICE, USERS, RULES, BACK_OFF)}


def _below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _systemd_version() -> int:
    """Of this machine; 0 if it has none."""
    try:
        printed = subprocess.run(
            ["systemctl", "--version"],  # noqa: S607 # as the user's PATH has it
            capture_output=True,
            text=True,
            check=False,
        ).stdout
    except OSError:
        return 0
    words = printed.split()
    return int(words[1]) if words[1:] and words[1].isdecimal() else 0


def _run_all(commands: Sequence[Sequence[str]], *, here: bool, dry: bool) -> int:
    """Run commands until one fails; says each. Only where systemd runs this machine."""
    why_not = ""
    if not here:
        why_not = "not run, because --root is another system"
    elif not RUNS.is_dir():
        why_not = "not run, because systemd does not run this machine"
    elif dry:
        why_not = "would run"
    for command in commands:
        shown = shlex.join(command)
        if why_not:
            print(f"{why_not}: {shown}")
            continue
        if shutil.which(command[0]) is None:
            print(f"not run, because {command[0]} is missing: {shown}")
            continue
        print(f"running {shown}", flush=True)
        if status := subprocess.run(command, check=False).returncode:
            print(f"edgesegd: {shown} ended with status {status}", file=sys.stderr)
            return FAILED
    return OK


def _cannot(what: str, error: OSError) -> ConfigError:
    return ConfigError(
        f"cannot {what} {error.filename}: {error.strerror}; run this as root, or name another "
        "--root"
    )
