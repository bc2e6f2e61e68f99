"""Pictures that `edgeseg segment` shares over several streams."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from PIL import Image

from edgeseg_client import Client
from edgeseg_client.cli import main
from edgeseg_client.cli.parallel_streams import answers_of_streams
from edgeseg_client.sources.source import SourceFrame

from .scripted_daemon import GOOD, ScriptedDaemon, refuse, running


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
        assert daemon.script.frames
        assert other.script.frames
        assert len(daemon.script.options) + len(other.script.options) == 4
        assert {path.suffix for path in out.iterdir()} == {".png", ".txt"}
        assert len(list(out.glob("*.png"))) == 80
        assert "0 of 40 pictures were done before" in capsys.readouterr().err
        (out / "07.png.overlay.png").unlink()
        assert main(command) == 0
        assert frames_of(daemon, other) == 41
        assert "39 of 40 pictures were done before" in capsys.readouterr().err
        assert main(command) == 0
        assert frames_of(daemon, other) == 41
    assert len(list(out.glob("*.png"))) == 80


def test_the_segment_command_ends_if_a_stream_fails(
    daemon: ScriptedDaemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(40):
        Image.new("RGB", (30, 20)).save(tmp_path / f"{number}.png")
    daemon.script.refusals.append(refuse(grpc.StatusCode.INVALID_ARGUMENT, "not that"))
    assert main(["segment", str(tmp_path), "--server", daemon.address, "--streams", "3"]) == 2
    assert "not that" in capsys.readouterr().err


def test_several_streams_take_no_frames_ahead_of_the_caller(daemon: ScriptedDaemon) -> None:
    given = 0

    def endless() -> Iterator[SourceFrame]:
        nonlocal given
        for given in itertools.count(1):
            yield SourceFrame(GOOD, id=given)

    with Client(daemon.address) as client:
        answers = answers_of_streams(client, endless(), 2)
        for _ in range(20):
            assert next(answers).ok
        time.sleep(0.5)
        assert given < 20 + 50
        answers.close()
