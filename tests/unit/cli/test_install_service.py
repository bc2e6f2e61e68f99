"""`edgesegd install-service` and `uninstall-service`, into a folder; and `edgesegd files`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edgesegd.cli.install_service import refuse_hidden
from edgesegd.cli.main import main
from edgesegd.cli.service_placement import HIDDEN_FROM_MACHINE
from edgesegd.cli.service_steps import Step, Systemd
from edgesegd.core.errors import ConfigError
from support.landlock import NEEDS_NAMESPACES

UNIT = "etc/systemd/system/edgesegd.service"
USER_UNIT = "home/pi/.config/systemd/user/edgesegd.service"
GENERATOR = "etc/systemd/system-generators/edgesegd-generator"
SECURITY = Path("/sys/kernel/security")
PROJECT = Path(__file__).parents[3]


def contents(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()
    }


def install(root: Path, *flags: str) -> int:
    return main(["install-service", "--root", str(root), *flags])


def remove(root: Path, *flags: str) -> int:
    return main(["uninstall-service", "--root", str(root), *flags])


def test_the_unit_starts_the_daemon_of_this_environment(tmp_path: Path) -> None:
    assert install(tmp_path, "--model", "deeplabv3") == 0
    command = re.search(r"^ExecStart=(.*) serve$", (tmp_path / UNIT).read_text(), re.MULTILINE)
    assert command is not None
    done = subprocess.run([*command[1].split(), "--version"], capture_output=True, check=True)
    assert done.stdout.startswith(b"edgesegd ")
    options = (tmp_path / "etc/default/edgesegd").read_text().splitlines()
    assert options[1:] == ['EDGESEG_MODEL="deeplabv3"']
    assert (tmp_path / UNIT).stat().st_mode & 0o777 == 0o644


@NEEDS_NAMESPACES
@pytest.mark.skipif(not SECURITY.is_dir(), reason="there is no folder for facts about security")
@pytest.mark.parametrize(
    ("modules", "may_have_namespaces"),
    [
        pytest.param("lockdown,capability,landlock,yama", False, id="Landlock"),
        pytest.param("landlock", False, id="Landlock alone"),
        pytest.param("lockdown,capability,not-landlock", True, id="none"),
        pytest.param(None, True, id="not known"),
    ],
)
def test_the_installed_generator_gives_namespaces_where_the_kernel_has_no_landlock(
    tmp_path: Path, modules: str | None, may_have_namespaces: bool
) -> None:
    assert install(tmp_path) == 0
    generated = tmp_path / "generated"
    script = f"""set -e
mount -t tmpfs none {SECURITY}
[ -z "$3" ] || printf %s "$3" >{SECURITY}/lsm
"$1" "$2" "$2" "$2" """
    unshare = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh")
    arguments = (str(tmp_path / GENERATOR), str(generated), modules or "")
    done = subprocess.run([*unshare, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    drop_in = generated / "edgesegd.service.d" / "no-landlock.conf"
    assert drop_in.exists() == may_have_namespaces
    if may_have_namespaces:
        assert "RestrictNamespaces=user mnt\n" in drop_in.read_text()
    shutil.rmtree(generated, ignore_errors=True)
    assert remove(tmp_path) == 0
    assert contents(tmp_path) == {}


@pytest.mark.system
def test_the_installed_unit_is_valid(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is missing; on Debian: apt install systemd")
    assert install(tmp_path) == 0
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(tmp_path / UNIT)], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_unit_of_the_debian_package_is_not_hidden_by_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packaged = tmp_path / "usr/lib/systemd/system/edgesegd.service"
    packaged.parent.mkdir(parents=True)
    packaged.touch()
    assert install(tmp_path) == 3
    assert "the Debian package has installed the service already" in capsys.readouterr().err
    assert list(contents(tmp_path)) == ["usr/lib/systemd/system/edgesegd.service"]


def test_a_dry_run_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert install(tmp_path, "--dry-run") == 0
    assert contents(tmp_path) == {}
    assert f"would write {tmp_path / UNIT}\n" in capsys.readouterr().out
    assert install(tmp_path) == 0
    before = contents(tmp_path)
    assert remove(tmp_path, "--dry-run") == 0
    assert contents(tmp_path) == before
    assert f"would remove {tmp_path / UNIT}\n" in capsys.readouterr().out


def test_what_was_installed_is_updated_and_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install(tmp_path) == 0
    assert install(tmp_path) == 0
    assert f"updated {tmp_path / UNIT}\n" in capsys.readouterr().out
    assert remove(tmp_path) == 0
    assert contents(tmp_path) == {}
    assert remove(tmp_path) == 0
    assert "no service is installed" in capsys.readouterr().out


def test_a_file_that_was_changed_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install(tmp_path) == 0
    unit = tmp_path / UNIT
    changed = unit.read_text().replace("RestartSec=2", "RestartSec=7")
    unit.write_text(changed)
    before = contents(tmp_path)
    assert install(tmp_path) == 3
    assert f"{unit}: not written by install-service, or changed since" in capsys.readouterr().err
    assert contents(tmp_path) == before
    assert remove(tmp_path) == 0
    assert list(contents(tmp_path)) == [UNIT]
    assert f"left {unit}" in capsys.readouterr().out
    assert install(tmp_path, "--force") == 0
    assert unit.with_name("edgesegd.service.bak").read_text() == changed
    assert "RestartSec=2\n" in unit.read_text()


@pytest.mark.parametrize(
    "model", ["", "a\nEDGESEG_INSECURE=true", 'a"b', "models/mine.tflite", "a=b/c.tflite"]
)
def test_a_model_that_the_service_cannot_be_given_is_refused(tmp_path: Path, model: str) -> None:
    assert install(tmp_path, "--model", model) == 3
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(
    "model",
    [
        *("/home/pi/mine.tflite", "mine=/root/mine.tflite", "/tmp/mine.tflite"),  # noqa: S108
        "/opt/../home/pi/mine.tflite",
    ],
)
def test_a_model_that_the_service_cannot_see_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    """Else the service would end with status 5, and systemd would not start it again."""
    assert install(tmp_path, "--model", model) == 3
    assert "is hidden from the service; copy it" in capsys.readouterr().err
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("model", ["/opt/mine.tflite", "mine=/opt/mine.tflite", "/opt/a=b.tflite"])
def test_a_model_that_the_service_can_see_is_written(tmp_path: Path, model: str) -> None:
    assert install(tmp_path, "--model", model) == 0
    assert f'EDGESEG_MODEL="{model}"\n' in (tmp_path / "etc/default/edgesegd").read_text()


@pytest.mark.usefixtures("home")
def test_the_service_of_a_user_sees_the_models_of_the_user(tmp_path: Path) -> None:
    assert install(tmp_path, "--user", "--model", "/home/pi/mine.tflite") == 0


def test_a_folder_that_cannot_be_written_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "etc").write_text("a file")
    assert install(tmp_path) == 3
    assert "cannot write" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["/root/venv", "/home/pi/edgeseg", "/tmp/x"])  # noqa: S108
def test_an_environment_that_the_service_cannot_see_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match="hidden from the service"):
        refuse_hidden(["/usr", path], HIDDEN_FROM_MACHINE)
    refuse_hidden(["/usr", "/opt/edgeseg", "/homes/pi"], HIDDEN_FROM_MACHINE)


def test_every_shipped_file_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["files", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    shipped = [path for path in (PROJECT / "systemd").rglob("*") if path.is_file()]
    assert sorted(each["file"] for each in listed) == sorted(map(str, shipped))
    assert main(["files"]) == 0
    table = capsys.readouterr().out
    assert all(each["belongs_at"] in table for each in listed)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be the user pi."""
    monkeypatch.setenv("HOME", "/home/pi")
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "EDGESEG_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("home")
def test_the_service_of_a_user_is_below_its_home(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install(tmp_path, "--user", "--model", "deeplabv3") == 0
    files = contents(tmp_path)
    assert {path for path in files if "back-off" not in path} == {
        USER_UNIT,
        "home/pi/.config/edgesegd.env",
    }
    assert "Environment=EDGESEG_DATA_DIR=/home/pi/.local/share/edgeseg\n" in files[USER_UNIT]
    assert re.search(r"^ExecStart=(?!/opt/edgeseg).* serve$", files[USER_UNIT], re.MULTILINE)
    output = capsys.readouterr().out
    assert "not run, because --root is another system: systemctl --user enable" in output
    assert "loginctl enable-linger" in output
    assert "root must add you to a group" in output
    assert remove(tmp_path, "--user") == 0
    assert contents(tmp_path) == {}


@pytest.mark.usefixtures("home")
def test_the_service_of_a_user_has_the_folders_that_the_user_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/pi/settings")
    monkeypatch.setenv("XDG_DATA_HOME", "/data/pi")
    assert install(tmp_path, "--user") == 0
    unit = contents(tmp_path)["home/pi/settings/systemd/user/edgesegd.service"]
    assert "Environment=EDGESEG_DATA_DIR=/data/pi/edgeseg\n" in unit


@pytest.mark.usefixtures("home")
def test_a_data_folder_that_no_unit_can_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data/50%")
    assert install(tmp_path, "--user") == 3
    assert "/data/50%/edgeseg cannot be written into a unit" in capsys.readouterr().err
    assert contents(tmp_path) == {}


def systemd(folder: Path) -> Systemd:
    """A service manager that seems to run."""
    return Systemd(("systemctl",), folder, "it does not run")


def test_a_step_without_what_it_needs_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = (
        Step(("false",), needs=tmp_path / "missing", without_it="udevd does not run here"),
        Step(("touch", str(tmp_path / "next"))),
    )
    assert systemd(tmp_path).run(steps, here=True, dry=False) == 0
    assert "not run, because udevd does not run here: false\n" in capsys.readouterr().out
    assert (tmp_path / "next").exists()


def test_a_step_that_may_fail_is_reported_and_others_end_the_installation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = (
        Step(("false",), needs=tmp_path, may_fail=True),
        Step(("touch", str(tmp_path / "second"))),
        Step(("sh", "-c", "exit 3")),
        Step(("touch", str(tmp_path / "fourth"))),
    )
    assert systemd(tmp_path).run(steps, here=True, dry=False) == 1
    errors = capsys.readouterr().err
    assert "false ended with status 1" in errors
    assert "ended with status 3" in errors
    assert (tmp_path / "second").exists()
    assert not (tmp_path / "fourth").exists()


def test_without_its_service_manager_no_step_is_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = (Step(("touch", str(tmp_path / "file"))),)
    assert systemd(tmp_path / "missing").run(steps, here=True, dry=False) == 0
    assert "not run, because it does not run: touch" in capsys.readouterr().out
    assert not (tmp_path / "file").exists()
