"""`edgesegd files`: files for the system that come with the daemon, and where they belong."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import edgesegd
from edgesegd.cli.tables import Table, print_table
from edgesegd.core.errors import ConfigError

FOLDER = "systemd"
"""In the installed package, or in a checkout beside the folder of the package."""
UNIT = "edgesegd.service"
DROP_INS = f"/etc/systemd/system/{UNIT}.d"


@dataclass(frozen=True, slots=True)
class ShippedFile:
    """A file by its name in FOLDER, what it is for, and where the system looks for it."""

    name: str
    purpose: str
    belongs_at: str

    @property
    def path(self) -> Path:
        """Where it is on this machine."""
        return shipped_folder() / self.name


SERVICE = ShippedFile(UNIT, "the service", f"/etc/systemd/system/{UNIT}")
USER_SERVICE = ShippedFile(
    f"user/{UNIT}", "the service of one user", f"~/.config/systemd/user/{UNIT}"
)
USERS = ShippedFile(
    "edgeseg.sysusers.conf", "its user, and the groups of devices", "/etc/sysusers.d/edgeseg.conf"
)
RULES = ShippedFile(
    "60-edgeseg-coral.rules",
    "gives a Coral to the groups plugdev and apex",
    "/etc/udev/rules.d/60-edgeseg-coral.rules",
)
BACK_OFF = ShippedFile(
    "drop-ins/back-off.conf", "growing pauses before restarts", f"{DROP_INS}/back-off.conf"
)
GENERATOR = ShippedFile(
    "edgesegd-generator",
    "lets engines have namespaces where the kernel has no Landlock",
    "/etc/systemd/system-generators/edgesegd-generator",
)
FILES = (
    SERVICE,
    USER_SERVICE,
    USERS,
    RULES,
    BACK_OFF,
    GENERATOR,
    ShippedFile("drop-ins/coral-usb.conf", "for a Coral USB", f"{DROP_INS}/coral-usb.conf"),
    ShippedFile("drop-ins/coral-pcie.conf", "for a Coral on PCIe", f"{DROP_INS}/coral-pcie.conf"),
    ShippedFile("drop-ins/gpu.conf", "for a GPU", f"{DROP_INS}/gpu.conf"),
    ShippedFile("drop-ins/camera.conf", "for --view with a camera", f"{DROP_INS}/camera.conf"),
    ShippedFile(
        "on-demand/edgesegd-proxy.socket",
        "starts the service on demand",
        "/etc/systemd/system/edgesegd-proxy.socket",
    ),
    ShippedFile(
        "on-demand/edgesegd-proxy.service",
        "passes connections to it",
        "/etc/systemd/system/edgesegd-proxy.service",
    ),
    ShippedFile(
        "drop-ins/on-demand.conf", "stops it when it is not used", f"{DROP_INS}/on-demand.conf"
    ),
    ShippedFile(
        "releases/edgesegd-models.service",
        "installs releases of models",
        "/etc/systemd/system/edgesegd-models.service",
    ),
    ShippedFile(
        "releases/edgesegd-models.timer",
        "does so each hour",
        "/etc/systemd/system/edgesegd-models.timer",
    ),
)


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "files",
        help="list the files for systemd and udev that come with the daemon",
        description="List the files for systemd and udev that come with the daemon, and where the "
        "system looks for them. `edgesegd install-service` copies those of the service.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List the files; the exit status. Raises ConfigError if they are not there."""
    if args.json:
        print(json.dumps(list(_facts()), indent=2))
        return 0
    rows = [tuple(facts.values()) for facts in _facts()]
    print_table(Table(("file", "for", "belongs at"), rows, frozenset({"for"})))
    return 0


def shipped_folder() -> Path:
    """Where the files are; raises ConfigError if this installation has none."""
    package = Path(edgesegd.__file__).resolve().parent
    for folder in (package / FOLDER, package.parents[1] / FOLDER):
        if (folder / UNIT).is_file():
            return folder
    raise ConfigError(f"{package} came without its folder {FOLDER}; install the daemon again")


def _facts() -> Iterator[dict[str, str]]:
    for file in FILES:
        yield {"file": str(file.path), "for": file.purpose, "belongs_at": file.belongs_at}
