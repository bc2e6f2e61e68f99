"""Says which packages have known weaknesses: `audit.py TOOLS ENVIRONMENT LIST…`.

TOOLS is the environment of release-tools.txt, ENVIRONMENT one whose packages are looked up, and
each LIST a file of requirements with versions. The exit status is 1 if a package has a known
weakness. Where the service that lists them cannot be reached, a line says so, and the status is
0: all else can be checked on a machine without it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

LIMIT_SECONDS = 60.0
ANSWER_SECONDS = 5


class NotReached(Exception):
    """The service cannot be reached; the text says how that was seen."""


def main(tools: str, environment: str, *lists: str) -> int:
    """Look all up; returns the exit status."""
    tool = str(Path(tools) / "bin" / "pip-audit")
    [site] = Path(environment).glob("lib/python3*/site-packages")
    sources = [["--path", str(site), "--skip-editable"]]
    exactly = ["--disable-pip", "--no-deps", "--require-hashes", "--requirement"]
    sources += [[*exactly, each] for each in lists]
    looked_up, found = 0, []
    try:
        for source in sources:
            packages, weaknesses = look_up(tool, source)
            looked_up += packages
            found += weaknesses
    except NotReached as error:
        print(
            "SKIPPED: the dependencies were NOT looked up in the list of known weaknesses, or not"
            f" all, for the service that has it cannot be reached here: {error}"
        )
    else:
        print(f"{looked_up} packages were looked up in the list of known weaknesses")
    print("".join(f"{each}\n" for each in found), end="")
    return 1 if found else 0


def look_up(tool: str, arguments: Sequence[str]) -> tuple[int, list[str]]:
    """How many packages the service knows, and a line for each weakness; raises NotReached."""
    command = [tool, "--progress-spinner=off", f"--timeout={ANSWER_SECONDS}", "--format=json"]
    try:
        done = subprocess.run(
            [*command, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise NotReached(f"no answer in {LIMIT_SECONDS:g} s") from None
    if not done.stdout.strip():
        raise NotReached((done.stderr.strip().splitlines() or ["it says nothing"])[-1])
    asked = json.loads(done.stdout)["dependencies"]
    packages = [each for each in asked if "vulns" in each]
    if not packages:  # a mirror of an index, for example, which has packages but no such list
        raise NotReached(f"what answers knows none of {len(asked)} packages")
    return len(packages), list(_weaknesses(packages))


def _weaknesses(packages: Sequence[dict[str, Any]]) -> Iterator[str]:
    for package in packages:
        for weakness in package["vulns"]:
            mended = ", ".join(weakness["fix_versions"]) or "no version yet"
            yield f"{package['name']} {package['version']}: {weakness['id']}, mended in {mended}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
