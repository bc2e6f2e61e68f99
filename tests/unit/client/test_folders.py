"""What of a folder is segmented, and what is said of the rest."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from edgeseg_client.cli import main
from edgeseg_client.errors import WrongSource
from edgeseg_client.sources.pictures import find_pictures

from .scripted_daemon import ScriptedDaemon


@pytest.fixture(autouse=True)
def _without_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if none were installed, whatever is."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setitem(sys.modules, "pillow_avif", None)
    monkeypatch.setattr("PIL.features.get_supported", list)


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(b"")


def test_all_endings_of_jpeg_are_pictures(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = ["a.jfif", "b.JPE", "c.mpo", "d.jpeg", "e.JPG", "f.png", "g.webp", "h.bmp"]
    fill(tmp_path, *names)
    assert [path.name for path in find_pictures([str(tmp_path)])] == names
    assert caplog.messages == []


def test_what_is_left_out_is_said_in_a_line_for_each_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path, "a.jpg", "b.heic", "c.HEIF", "d.avif")
    fill(tmp_path, "e.txt", "f.TXT", "g.xmp", "Thumbs")
    (tmp_path / "more").mkdir()
    assert [path.name for path in find_pictures([str(tmp_path)])] == ["a.jpg"]
    assert caplog.messages == [
        f"{tmp_path}: left out, for AVIF needs a plugin of Pillow (pip install"
        " pillow-avif-plugin): 1 file (.avif)",
        f"{tmp_path}: left out, for HEIC needs a plugin of Pillow (pip install"
        " pillow-heif): 2 files (.heic, .heif)",
        f"{tmp_path}: left out, for they are not pictures: 4 files (.txt, without an"
        " ending, .xmp) and 1 folder",
    ]


def test_of_a_folder_only_regular_files_are_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """To read a pipe would wait for who writes into it."""
    fill(tmp_path, "a.jpg")
    (tmp_path / "b.jpg").symlink_to("a.jpg")
    (tmp_path / "c.jpg").mkdir()
    (tmp_path / "d.heic").mkdir()
    os.mkfifo(tmp_path / "e.jpg")
    (tmp_path / "f.jpg").symlink_to("nowhere")
    counted = "2 folders and 2 of another kind (pipes, sockets, devices, broken links)"
    assert [path.name for path in find_pictures([str(tmp_path)])] == ["a.jpg", "b.jpg"]
    line = f"{tmp_path}: left out, for they are not pictures: {counted}"
    assert caplog.messages[-1] == line
    pattern = str(tmp_path / "*")
    assert [path.name for path in find_pictures([pattern])] == ["a.jpg", "b.jpg"]
    line = f"{pattern}: left out, for they are not regular files: {counted}"
    assert caplog.messages[-1] == line
    with pytest.raises(WrongSource, match="matches no regular file"):
        find_pictures([str(tmp_path / "[c-f].*")])
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).unlink()
    with pytest.raises(WrongSource, match="there is no picture in"):
        find_pictures([str(tmp_path)])


def test_pictures_that_nothing_here_decodes_are_not_called_other_files(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path, "a.jpg", "b.gif", "c.TIF", "d.gif", "e.jxl", "f.txt")
    assert [path.name for path in find_pictures([str(tmp_path)])] == ["a.jpg"]
    assert caplog.messages == [
        f"{tmp_path}: left out, for they are not decoded; convert them to JPEG or PNG:"
        " 4 files (.gif, .tif, .jxl)",
        f"{tmp_path}: left out, for they are not pictures: 1 file (.txt)",
    ]


def test_many_endings_are_shortened(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill(tmp_path, "a.jpg", *(f"b.{number}" for number in range(9)))
    find_pictures([str(tmp_path)])
    assert caplog.messages[-1].endswith(": 9 files (.0, .1, .2, .3, .4, …)")


def test_avif_and_heic_are_pictures_where_pillow_decodes_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("PIL.features.get_supported", lambda: ["avif"])
    fill(tmp_path, "a.avif", "b.heic")
    assert [path.name for path in find_pictures([str(tmp_path)])] == ["a.avif"]
    assert "1 file (.heic)" in caplog.text


def test_a_folder_of_nothing_that_is_read_is_an_error_that_says_what_was_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path, "a.heic")
    with pytest.raises(WrongSource, match=r"there is no picture in .*\.jfif.*\.mpo"):
        find_pictures([str(tmp_path)])
    assert "HEIC needs a plugin" in caplog.text


@pytest.mark.parametrize("command", [["segment"], ["stream"]])
def test_both_commands_say_what_they_leave_out(
    command: list[str],
    daemon: ScriptedDaemon,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (30, 20), "white").save(folder / "a.jfif", "JPEG")
    fill(folder, "b.heic", "c.txt")
    options = ["--server", daemon.address, "--out", str(tmp_path / "out")]
    assert main([*command, str(folder), *options]) == 0
    err = capsys.readouterr().err
    assert "for HEIC needs a plugin of Pillow (pip install pillow-heif): 1 file (.heic)" in err
    assert "for they are not pictures: 1 file (.txt)" in err
    assert (tmp_path / "out" / "a.jfif.overlay.png").is_file()
