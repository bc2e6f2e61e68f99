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
from edgesegd.core.errors import ConfigError

UNIT = "etc/systemd/system/edgesegd.service"
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


def test_a_folder_that_cannot_be_written_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "etc").write_text("a file")
    assert install(tmp_path) == 3
    assert "cannot write" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["/root/venv", "/home/pi/edgeseg", "/tmp/x"])  # noqa: S108
def test_an_environment_that_the_service_cannot_see_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match="hidden from the service"):
        refuse_hidden(["/usr", path])
    refuse_hidden(["/usr", "/opt/edgeseg", "/homes/pi"])


def test_every_shipped_file_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["files", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    shipped = [path for path in (PROJECT / "systemd").rglob("*") if path.is_file()]
    assert sorted(each["file"] for each in listed) == sorted(map(str, shipped))
    assert main(["files"]) == 0
    table = capsys.readouterr().out
    assert all(each["belongs_at"] in table for each in listed)
