"""The service as a real systemd runs it, in a container."""

from __future__ import annotations

import json
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from edgesegd.sandbox.kernel import landlock_version
from support.booted_container import BOOT_SECONDS, COMMAND_SECONDS, run_in_container

PROJECT = Path(__file__).parents[2]
PYTHON = f"/opt/python/bin/python{sys.version_info.major}.{sys.version_info.minor}"
PLACES = {
    Path(sys.base_prefix): "/opt/python",
    Path(sysconfig.get_path("purelib")): "/opt/packages",
    PROJECT: "/opt/project",
}
PYTHONPATH = "/opt/project/proto:/opt/project/daemon:/opt/project/clients:/opt/packages"
ENVIRONMENT = f"PYTHONPATH={PYTHONPATH} LD_LIBRARY_PATH=/opt/python/lib"
OVERRIDE = f"""[Service]
ExecStart=
ExecStart={PYTHON} -m edgesegd serve
WatchdogSec=4
Environment={ENVIRONMENT}
"""
LAST_STEP = "log"
SOCKET = "unix:///run/edgesegd/grpc.sock"
MEMBERS = """u member -
u stranger -
u owner - - /home/owner
m member edgeseg
"""

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.timeout(BOOT_SECONDS + COMMAND_SECONDS + 30),
]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of each step of `service_in_container.py`."""
    folder = tmp_path_factory.mktemp("container")
    output = run_in_container(
        folder,
        {
            "/etc/systemd/system/edgesegd.service.d/test.conf": OVERRIDE,
            "/etc/sysusers.d/members.conf": MEMBERS,
            "/home/owner/.config/systemd/user/edgesegd.service.d/test.conf": OVERRIDE,
            "/etc/default/edgesegd": f"EDGESEG_LISTEN={SOCKET}\n",
        },
        PLACES,
        f"/usr/bin/env {ENVIRONMENT} {PYTHON} /opt/project/tests/system/service_in_container.py "
        f"/results/steps {PYTHON} {SOCKET}",
    )
    steps = folder / "results" / "steps"
    assert steps.exists(), output
    done = dict(json.loads(line) for line in steps.read_text().splitlines())
    assert LAST_STEP in done, f"it ended after {list(done)[-1]!r}: {output}"
    return done


def test_install_service_enables_and_starts_the_service(seen: dict[str, Any]) -> None:
    status, output = seen["install"]
    assert status == 0, output
    assert "wrote /etc/systemd/system/edgesegd.service\n" in output
    assert "running systemd-sysusers /etc/sysusers.d/edgeseg.conf\nCreating group" in output
    # A container has no udevd.
    assert "not run, because udevd does not run here: udevadm control --reload\n" in output
    assert "running systemctl restart edgesegd.service\n" in output
    assert seen["enabled"] == [0, "enabled\n"]


def test_uninstall_service_removes_what_was_installed(seen: dict[str, Any]) -> None:
    status, output = seen["uninstall"]
    assert status == 0, output
    assert "removed /etc/systemd/system/edgesegd.service\n" in output
    assert "left /etc/default/edgesegd" in output
    assert seen["enabled at last"][0] != 0


def test_the_service_becomes_ready_and_shows_model_delegate_and_rate(seen: dict[str, Any]) -> None:
    started = seen["started"]
    assert (started["ActiveState"], started["SubState"]) == ("active", "running")
    assert (started["User"], started["NRestarts"]) == ("edgeseg", "0")
    assert started["StatusText"].startswith("scenes ")
    assert " on cpu; " in started["StatusText"]
    assert started["StatusText"].endswith(" frames/s")


def test_members_of_the_group_and_nobody_else_can_use_the_socket(seen: dict[str, Any]) -> None:
    assert seen["member"] == [0, "(48, 64)\n"], seen["log"]
    assert seen["stranger"][0] != 0
    assert seen["busy"]["StatusText"].endswith(" frames/s")
    assert not seen["busy"]["StatusText"].endswith(" 0.0 frames/s")


def test_front_and_engine_are_confined(seen: dict[str, Any]) -> None:
    assert len(seen["confined"]) > 1
    nothing = "0" * 16
    for process in seen["confined"]:
        assert process == {
            "Seccomp": "2",
            "NoNewPrivs": "1",
            "CapEff": nothing,
            "CapBnd": nothing,
        }


def test_engines_are_in_their_sandbox_in_the_service_too(seen: dict[str, Any]) -> None:
    log = seen["log"][1]
    assert "the sandbox of engines: profile cpu: " in log
    assert "seccomp: " not in log, "the unit refuses what the sandbox needs"
    assert landlock_version() == 0 or "Landlock (ABI" in log, log


def test_without_landlock_engines_have_a_file_system_of_their_own_in_the_service(
    seen: dict[str, Any],
) -> None:
    generated = "/run/systemd/generator/edgesegd.service.d/no-landlock.conf"
    assert generated in seen["drop-ins without landlock"]
    for step in ("drop-ins", "drop-ins with landlock again"):
        assert "/etc/systemd/system/edgesegd.service.d/test.conf" in seen[step]
        assert "no-landlock.conf" not in seen[step]
    assert seen["start without landlock"] == [0, ""], seen["log"]
    assert seen["member without landlock"] == [0, "(48, 64)\n"], seen["log"]
    assert "the sandbox of engines: profile cpu: a file system of its own" in seen["log"][1]


def test_the_loss_of_an_engine_is_no_reason_to_restart_the_service(seen: dict[str, Any]) -> None:
    assert seen["member without the engine"] == [0, "(48, 64)\n"], seen["log"]
    assert seen["engine lost"]["NRestarts"] == "0"
    assert seen["engine lost"]["MainPID"] == seen["started"]["MainPID"]


def test_a_front_that_hangs_is_replaced_and_serves_again(seen: dict[str, Any]) -> None:
    restarted = seen["restarted"]
    assert (restarted["NRestarts"], restarted["SubState"]) == ("1", "running"), seen["log"]
    assert seen["member again"] == [0, "(48, 64)\n"], seen["log"]
    assert "Watchdog timeout" in seen["log"][1]
    assert "Fatal Python error: Aborted" in seen["log"][1]  # and the stacks


def test_a_reload_is_no_restart(seen: dict[str, Any]) -> None:
    assert seen["reload"] == [0, ""]
    assert seen["reloaded"]["MainPID"] == seen["restarted"]["MainPID"]


def test_front_and_engine_are_in_the_groups_of_devices_only_with_the_drop_ins(
    seen: dict[str, Any],
) -> None:
    of_devices = {"apex", "plugdev", "render", "video"}
    assert len(seen["groups"]) > 1
    assert not of_devices & {name for groups in seen["groups"] for name in groups}
    assert seen["restart with devices"] == [0, ""], seen["log"]
    assert len(seen["groups with devices"]) > 1
    for groups in seen["groups with devices"]:
        assert of_devices <= set(groups)
    assert seen["member with devices"] == [0, "(48, 64)\n"], seen["log"]


def test_the_service_stops_with_status_0(seen: dict[str, Any]) -> None:
    assert seen["stop"] == [0, ""], seen["log"]
    stopped = seen["stopped"]
    assert (stopped["ActiveState"], stopped["Result"]) == ("inactive", "success")
    assert stopped["ExecMainStatus"] == "0"


def journal(seen: dict[str, Any], step: str) -> list[dict[str, Any]]:
    """The records that `journalctl` printed in a step."""
    status, output = seen[step]
    assert status == 0, output
    return [json.loads(line) for line in output.splitlines()]


def test_the_journal_has_model_delegate_and_cause_as_fields(seen: dict[str, Any]) -> None:
    about_cpu = journal(seen, "journal of the cpu")
    assert about_cpu[0]["MESSAGE"].startswith("cpu with ")
    assert about_cpu[0]["MESSAGE"].endswith(" serves")
    assert {each["EDGESEG_MODEL"] for each in about_cpu} == {"scenes"}
    assert {each["_SYSTEMD_UNIT"] for each in about_cpu} == {"edgesegd.service"}
    crash, *others = journal(seen, "journal of crashes")
    assert not others
    assert (crash["EDGESEG_MODEL"], crash["EDGESEG_DELEGATE"]) == ("scenes", "cpu")
    assert crash["PRIORITY"] == "4"
    assert " failed (crash): " in crash["MESSAGE"]


def test_records_about_no_engine_have_no_fields_of_engines(seen: dict[str, Any]) -> None:
    records = journal(seen, "journal without an engine")
    draining = [each for each in records if each["MESSAGE"].startswith("draining: ")]
    assert draining
    assert not any(name.startswith("EDGESEG_") for each in draining for name in each)


def test_a_connection_starts_the_daemon_and_it_stops_after_the_proxy(seen: dict[str, Any]) -> None:
    assert seen["proxy"] == [0, ""]
    assert seen["before a connection"]["ActiveState"] == "inactive"
    assert seen["stranger through the proxy"] == [0, "(48, 64)\n"], seen["log of the proxy"]
    assert seen["on a connection"]["SubState"] == "running"
    assert seen["after the proxy"]["ActiveState"] == "inactive"


def test_a_user_installs_and_removes_a_service_without_root(seen: dict[str, Any]) -> None:
    assert seen["systemd of the user"] == [0, ""]
    status, output = seen["user install"]
    assert status == 0, output
    assert "wrote /home/owner/.config/systemd/user/edgesegd.service\n" in output
    assert "running systemctl --user restart edgesegd.service\n" in output
    assert "loginctl enable-linger" in output
    started = seen["user started"]
    assert (started["ActiveState"], started["SubState"]) == ("active", "running"), seen["user log"]
    assert " on cpu; " in started["StatusText"]
    assert seen["user segments"] == [0, "(48, 64)\n"]
    first, *_ = journal(seen, "user journal")
    assert first["_SYSTEMD_USER_UNIT"] == "edgesegd.service"
    status, output = seen["user uninstall"]
    assert status == 0, output
    assert "removed /home/owner/.config/systemd/user/edgesegd.service\n" in output
    assert seen["user enabled at last"][0] != 0
