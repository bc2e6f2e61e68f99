"""The Debian package as `scripts/build-deb` makes it, and what it needs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from edgesegd import __version__

PROJECT = Path(__file__).parents[2]


def build_wheel(folder: Path) -> Path:
    """The wheel of this checkout."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
    subprocess.run([*command, folder, PROJECT], check=True)
    [wheel] = folder.glob("edgeseg-*.whl")
    return wheel


def build_package(
    wheel: Path, folder: Path, architecture: str, runtime: str, revision: int = 1
) -> Path:
    """A package in that folder."""
    command = [str(PROJECT / "scripts/build-deb"), "--tools", sys.prefix, "--wheel", str(wheel)]
    options = ["--runtime", runtime, "--revision", str(revision), "--out", str(folder)]
    subprocess.run([*command, *options, architecture], check=True)
    return folder / f"edgeseg_{__version__}-{revision}_{architecture}.deb"


def needed_packages() -> list[str]:
    """The packages of Debian that the package names."""
    control = (PROJECT / "deploy/debian/control").read_text(encoding="utf-8")
    field = re.search(r"^Depends:(.*(?:\n .*)*)", control, re.MULTILINE)
    assert field is not None
    names = {entry.split()[0] for entry in field[1].split(",")}
    return sorted(name for name in names if not name.startswith("$"))
