"""Pictures that `edgeseg segment` shares over several streams."""

from pathlib import Path

import grpc
import pytest
from PIL import Image

from edgeseg_client.cli import main

from .scripted_daemon import ScriptedDaemon, refuse, running


def frames_of(*daemons: ScriptedDaemon) -> int:
    return sum(len(daemon.script.frames) for daemon in daemons)


def test_the_segment_command_gives_work_to_all_daemons_and_goes_on_after_a_break(
    daemon: ScriptedDaemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    for number in range(40):
        Image.new("RGB", (30, 20), (number, 0, 0)).save(folder / f"{number:02}.png")
    with running(ScriptedDaemon()) as other:
        command = ["segment", str(folder), "--out", str(out), "--resume"]
        command += ["--server", f"{daemon.address},{other.address}"]
        assert main([*command, "--streams", "4"]) == 0
        assert frames_of(daemon, other) == 40
        assert len(daemon.script.options) + len(other.script.options) == 4
        assert len(list(out.iterdir())) == 80
        assert "0 of 40 pictures were done before" in capsys.readouterr().err
        (out / "07.png.overlay.png").unlink()
        assert main(command) == 0
        assert frames_of(daemon, other) == 41
        assert "39 of 40 pictures were done before" in capsys.readouterr().err
        assert main(command) == 0
        assert frames_of(daemon, other) == 41
    assert len(list(out.iterdir())) == 80


def test_the_segment_command_ends_if_a_stream_fails(
    daemon: ScriptedDaemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(40):
        Image.new("RGB", (30, 20)).save(tmp_path / f"{number}.png")
    daemon.script.refusals.append(refuse(grpc.StatusCode.INVALID_ARGUMENT, "not that"))
    assert main(["segment", str(tmp_path), "--server", daemon.address, "--streams", "3"]) == 2
    assert "not that" in capsys.readouterr().err
