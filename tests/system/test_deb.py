"""The Debian package in a Debian 12 of its own, with systemd: installed, upgraded, purged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from edgesegd import __version__
from support.booted_container import run_in_container
from support.debian_package import build_package, build_wheel, needed_packages
from support.debian_root import debian_root

PROJECT = Path(__file__).parents[2]
REVISIONS = {1: "tflite", 2: "litert"}
"""Of the package, with the runtime of each."""
JOB_SECONDS = 240.0

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of each step of `deb_in_container.py`."""
    if shutil.which("dh") is None:
        pytest.skip("dh is missing; on Debian: apt install debhelper")
    packages = tmp_path_factory.mktemp("packages")
    wheel = build_wheel(packages)
    debs = [
        build_package(wheel, packages, "amd64", runtime, revision)
        for revision, runtime in REVISIONS.items()
    ]
    folder = tmp_path_factory.mktemp("container")
    with debian_root("bookworm", ["systemd-sysv", *needed_packages()]) as debian:
        output = run_in_container(
            folder,
            {},
            {PROJECT: "/opt/project", packages: "/opt/packages"},
            "/usr/bin/python3 /opt/project/tests/system/deb_in_container.py /results/steps "
            + " ".join(f"/opt/packages/{deb.name}" for deb in debs),
            base=debian,
            seconds=JOB_SECONDS,
        )
    steps = folder / "results" / "steps"
    assert steps.exists(), output
    return dict(json.loads(line) for line in steps.read_text().splitlines()) | {"output": output}


def test_it_needs_no_more_than_the_packages_that_it_names(seen: dict[str, Any]) -> None:
    status, output = seen["install"]
    assert status == 0, output


def test_the_installed_service_is_enabled_and_serves(seen: dict[str, Any]) -> None:
    started = seen["started"]
    assert seen["enabled"] == [0, "enabled\n"]
    assert (started["ActiveState"], started["SubState"]) == ("active", "running"), seen["log"]
    assert (started["User"], started["NRestarts"]) == ("edgeseg", "0")
    assert started["StatusText"].startswith("scenes ")
    status, output = seen["segment"]
    assert status == 0, output
    assert "background" in output


def test_nothing_is_compiled_while_the_service_runs(seen: dict[str, Any]) -> None:
    """For it may not write below /usr, and would compile all at each start."""
    assert seen["compiled"] > 100


def test_options_and_the_model_folder_are_used_by_the_service(seen: dict[str, Any]) -> None:
    assert seen["own model"]["StatusText"].startswith("mine "), seen["log"]


def test_install_service_does_not_hide_the_units_of_the_package(seen: dict[str, Any]) -> None:
    status, output = seen["install-service"]
    assert status == 3
    assert "the Debian package has installed the service already" in output


def test_an_upgrade_restarts_the_service_and_keeps_its_state(seen: dict[str, Any]) -> None:
    status, output = seen["upgrade"]
    assert status == 0, output
    assert seen["version"] == [0, f"{__version__}-2"]
    upgraded = seen["upgraded"]
    assert upgraded["SubState"] == "running", seen["log"]
    assert upgraded["MainPID"] != seen["own model"]["MainPID"]
    assert upgraded["StatusText"].startswith("mine ")
    assert seen["token"][0] == 0, seen["token"]
    assert "/var/lib/edgeseg/tokens.json" in seen["state before upgrade"]
    assert seen["state after upgrade"] == seen["state before upgrade"]


def test_a_removed_package_leaves_state_options_and_whether_it_is_enabled(
    seen: dict[str, Any],
) -> None:
    status, output = seen["remove"]
    assert status == 0, output
    assert seen["removed"]["ActiveState"] == "inactive"
    assert seen["processes"] == []
    assert seen["state after remove"] == seen["state before upgrade"]
    enabled = "/etc/systemd/system/multi-user.target.wants/edgesegd.service"
    left = seen["left after remove"]
    assert [path for path in left if not path.startswith("/var/lib/edgeseg")] == [
        "/etc/default/edgesegd",
        enabled,
    ]


def test_it_is_installed_again_with_the_state_that_was_left(seen: dict[str, Any]) -> None:
    assert seen["again"]["StatusText"].startswith("mine "), seen["log"]


def test_a_purged_package_leaves_nothing_but_its_user(seen: dict[str, Any]) -> None:
    status, output = seen["purge"]
    assert status == 0, output
    assert seen["left after purge"] == []
    assert seen["user"][0] == 0
