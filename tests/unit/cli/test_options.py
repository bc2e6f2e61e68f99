"""All commands have their options from the same places."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgesegd.cli.exit_codes import EXIT_CODES
from edgesegd.cli.main import main
from edgesegd.core.errors import ConfigError, ModelInvalid

COMMANDS = (("models", "info"), ("probe",), ("bench",))
"""The commands other than `serve` that read a model."""


@pytest.fixture(autouse=True)
def _only_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGESEG_DATA_DIR")


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """Data folders, each with a damaged model whose error tells which folder was used."""
    found = {name: tmp_path / name for name in ("file", "environment", "flag")}
    for folder in found.values():
        (folder / "models").mkdir(parents=True)
        (folder / "models" / "rooms.tflite").write_text("damaged")
    config = tmp_path / "edgesegd.toml"
    config.write_text(f'model = "rooms"\ndata_dir = "{found["file"]}"\nlisten = "0.0.0.0:1"\n')
    return found


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("layers", [("file",), ("file", "environment"), ("file", "flag")])
def test_a_command_has_its_data_folder_where_serve_has_it(
    folders: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    layers: tuple[str, ...],
) -> None:
    flags = [f"--config={folders['file'].with_name('edgesegd.toml')}"]
    if "environment" in layers:
        monkeypatch.setenv("EDGESEG_CONFIG", flags.pop().removeprefix("--config="))
        monkeypatch.setenv("EDGESEG_DATA_DIR", str(folders["environment"]))
    if "flag" in layers:
        flags.append(f"--data-dir={folders['flag']}")
    assert main([*command, *flags]) == EXIT_CODES[ModelInvalid]
    assert f"{folders[layers[-1]]}/models/rooms.tflite" in capsys.readouterr().err


def test_models_are_listed_where_they_are_configured(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "list", f"--data-dir={folders['flag']}"]) == 0
    assert "rooms" in capsys.readouterr().out


@pytest.mark.parametrize("command", [("models", "list"), ("models", "pull", "x"), *COMMANDS])
def test_each_command_reports_a_wrong_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    (tmp_path / "edgesegd.toml").write_text("modle = 1")
    status = main([*command, f"--config={tmp_path}/edgesegd.toml"])
    assert status == EXIT_CODES[ConfigError]
    assert "did you mean 'model'?" in capsys.readouterr().err


def test_unknown_variables_are_reported_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A container platform adds variables of its own."""
    monkeypatch.setenv("EDGESEG_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("EDGESEG_METRICS_PORT", "tcp://10.0.0.1:9460")
    assert main(["config"]) == 0
    assert capsys.readouterr().err == (
        "edgesegd: ignoring variables that are not options: "
        "EDGESEG_METRICS_PORT, EDGESEG_SERVICE_HOST\n"
    )
