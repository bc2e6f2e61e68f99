"""Where the files of the service belong: those of the machine, or of one user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgesegd.cli.service_steps import SYSTEMD, Step, Systemd, user_systemd
from edgesegd.cli.shipped_files import (
    BACK_OFF,
    GENERATOR,
    RULES,
    SERVICE,
    UNIT,
    USER_SERVICE,
    USERS,
    ShippedFile,
)
from edgesegd.core.errors import ConfigError
from edgesegd.models.catalogue.store import default_data_dir

HIDDEN_FROM_MACHINE = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 # not written to
"""What ProtectHome= and PrivateTmp= of the machine's unit hide from it."""
UDEVD = Path("/run/udev/control")
"""Is there if udevd runs, which it does not in most containers."""
USER_NOTES = (
    "it runs while you are logged in; from the boot on after: loginctl enable-linger",
    "a service of a user sees your files and devices as you do, and nothing gives it more: for a "
    "Coral or a GPU, root must add you to a group (`edgesegd files` lists the rules of udev)",
)


@dataclass(frozen=True, slots=True)
class Placement:
    """The files of the service by their paths on the machine, and the service manager for them.

    `service` is the path of the unit, `options` that of the file with the options. `replaced` are
    texts of shipped files, and what is to be in their places. An environment below one of `hidden`
    cannot be used. The steps `before` come before the unit is loaded; `notes` are said at the end.
    """

    service: str
    options: str
    files: Mapping[str, ShippedFile]
    systemd: Systemd
    replaced: Mapping[str, str]
    hidden: tuple[str, ...] = ()
    before: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()


def of_machine() -> Placement:
    """The service of the machine, with a user of its own."""
    files = {file.belongs_at: file for file in (SERVICE, USERS, RULES, BACK_OFF, GENERATOR)}
    return Placement(
        service=SERVICE.belongs_at,
        options="/etc/default/edgesegd",
        files=files,
        systemd=SYSTEMD,
        replaced={},
        hidden=HIDDEN_FROM_MACHINE,
        before=(
            Step(("systemd-sysusers", USERS.belongs_at)),
            Step(
                ("udevadm", "control", "--reload"),
                needs=UDEVD,
                without_it="udevd does not run here",
                may_fail=True,
            ),
        ),
    )


def of_user(environ: Mapping[str, str]) -> Placement:
    """The service of the user whose environment this is; raises ConfigError without a home."""
    units = config_home(environ) / "systemd" / "user"
    service = str(units / UNIT)
    data_dir = default_data_dir(environ)
    if not data_dir.is_absolute() or set(str(data_dir)) & set(" \t\"'\\%$"):
        raise ConfigError(f"the data folder {data_dir} cannot be written into a unit of systemd")
    return Placement(
        service=service,
        options=str(config_home(environ) / "edgesegd.env"),
        files={
            service: USER_SERVICE,
            str(units / f"{UNIT}.d" / "back-off.conf"): BACK_OFF,
        },
        systemd=user_systemd(environ),
        replaced={"EDGESEG_DATA_DIR=%h/.local/share/edgeseg": f"EDGESEG_DATA_DIR={data_dir}"},
        notes=USER_NOTES,
    )


def config_home(environ: Mapping[str, str]) -> Path:
    """The user's folder for configuration, by the XDG Base Directory Specification.

    Raises ConfigError if there is no home folder.
    """
    if Path(xdg := environ.get("XDG_CONFIG_HOME", "")).is_absolute():
        return Path(xdg)
    if Path(home := environ.get("HOME", "")).is_absolute():
        return Path(home) / ".config"
    raise ConfigError("there is no home folder for the unit; set HOME")
