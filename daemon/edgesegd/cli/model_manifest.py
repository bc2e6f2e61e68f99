"""`edgesegd models manifest`: makes a release of a folder of models."""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace
from pathlib import Path

from edgesegd.cli.exit_codes import OK
from edgesegd.cli.tables import print_text, printable
from edgesegd.core.errors import ConfigError
from edgesegd.files.regular import say_why
from edgesegd.files.replacing import replacing
from edgesegd.rollout.making import make_manifest, manifest_in
from edgesegd.rollout.manifest import MANIFEST, SIGNATURE, Manifest, read_manifest

PRIVATE_KEY, PUBLIC_KEY = "release-key.pem", "release-key.pub"


def make(args: Namespace) -> int:
    """Write the manifest; the exit status. Raises `StartupError` if there can be none."""
    folder: Path = args.folder
    data = make_manifest(folder, serial=args.serial, percent=args.percent, release=args.release)
    before, manifest = manifest_in(folder), read_manifest(data)
    path = folder / MANIFEST
    try:
        with replacing(path) as file:
            file.write(data)
        (folder / SIGNATURE).unlink(missing_ok=True)  # it was for another manifest
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {say_why(error)}") from None
    _say_what_is_in_it(path, manifest)
    _say_how_to_sign(folder)
    if before is not None and manifest.serial <= before.serial and manifest != before:
        print(
            f"edgesegd: boards that have {printable(before.release)}, serial {before.serial}, "
            "refuse this release; without --serial it gets the next one",
            file=sys.stderr,
        )
    return OK


def _say_what_is_in_it(path: Path, manifest: Manifest) -> None:
    models = ", ".join(f"{model.name} {model.version}" for model in manifest.models)
    print_text(
        f"wrote {path}: release {manifest.release}, serial {manifest.serial}, for "
        f"{manifest.percent:g} % of the boards: {models}"
    )


def _say_how_to_sign(folder: Path) -> None:
    manifest, signature = (shlex.quote(str(folder / name)) for name in (MANIFEST, SIGNATURE))
    lines = (
        f"make a key, once:   openssl genpkey -algorithm ed25519 -out {PRIVATE_KEY}",
        f"its public part:    openssl pkey -in {PRIVATE_KEY} -pubout -out {PUBLIC_KEY}",
        f"sign the manifest:  openssl pkeyutl -sign -rawin -inkey {PRIVATE_KEY} "
        f"-in {manifest} -out {signature}",
        f"on each board:      edgesegd models sync URL|DIR --key {PUBLIC_KEY}",
    )
    for line in lines:
        print(printable(line))  # in one line however long it is, for a shell
