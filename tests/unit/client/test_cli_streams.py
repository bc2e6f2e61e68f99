"""The command with closed or full standard streams, and with file names that are not UTF-8."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from .scripted_daemon import ScriptedDaemon

NAMES = [b"a.png", b"b\xff.png", b"c.png"]

SUBCOMMANDS = ["segment", "stream"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in NAMES:
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:  # noqa: PTH118, PTH123
            Image.new("RGB", (30, 20), "white").save(file, "PNG")
    return folder


def edgeseg(
    *arguments: object, redirect: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs the command from a shell with the redirections of `redirect`."""
    program = 'exec "$0" -m edgeseg_client "$@" ' + redirect
    return subprocess.run(
        ["/bin/sh", "-c", program, sys.executable, *map(str, arguments)],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "GRPC_VERBOSITY": "NONE",
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        timeout=60,
        check=False,
    )


def all_masks(out: Path) -> bool:
    kinds = (b".labels.png", b".overlay.png")
    wanted = {name + kind for name in NAMES for kind in kinds}
    return set(os.listdir(os.fsencode(out))) == wanted  # noqa: PTH208  # names as bytes


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
@pytest.mark.parametrize("subcommand", SUBCOMMANDS)
def test_a_file_name_that_is_not_utf_8_stops_no_picture(
    folder: Path, tmp_path: Path, daemon: ScriptedDaemon, subcommand: str, encoding: str
) -> None:
    out = tmp_path / "out"

    done = edgeseg(
        *(subcommand, folder, "--out", out, "--server", daemon.address),
        PYTHONIOENCODING=encoding,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert all_masks(out)
    if subcommand == "segment":
        assert len(done.stdout.splitlines()) == 3
        assert r"b\udcff.png" in done.stdout


@pytest.mark.parametrize(
    "case",
    [
        (">&-", 0),
        ("2>&-", 0),
        ("0<&- >&- 2>&-", 0),
        ("0<&-", 0),
        ("2>/dev/full", 0),
        (">/dev/full", 1),
        (">/dev/full 2>/dev/full", 1),
        (">/dev/full 2>&-", 1),
    ],
)
@pytest.mark.parametrize("subcommand", SUBCOMMANDS)
def test_a_closed_or_full_stream_stops_no_picture(
    folder: Path, tmp_path: Path, daemon: ScriptedDaemon, subcommand: str, case: tuple[str, int]
) -> None:
    redirect, status = case
    out = tmp_path / "out"

    done = edgeseg(
        *(subcommand, folder, "--out", out, "--server", daemon.address), redirect=redirect
    )
    assert done.returncode == status
    assert all_masks(out)
    report = "edgeseg: cannot write to standard output: No space left on device\n"
    assert done.stderr == (report if redirect == ">/dev/full" else "")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("subcommand", SUBCOMMANDS)
def test_a_reader_that_went_away_stops_no_picture(
    folder: Path, tmp_path: Path, daemon: ScriptedDaemon, subcommand: str, stream: str
) -> None:
    out = tmp_path / "out"
    reader, writer = os.pipe()
    os.close(reader)

    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "edgeseg_client", subcommand, str(folder)),
                *("--out", str(out), "--server", daemon.address),
            ],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "GRPC_VERBOSITY": "NONE"},
            stdout=closed if stream == "stdout" else subprocess.DEVNULL,
            stderr=closed if stream == "stderr" else subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == (141 if stream == "stdout" else 0)
    assert not done.stderr
    assert all_masks(out)


@contextmanager
def printing(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """The command while it runs, with its output in a pipe."""
    process = subprocess.Popen(
        [sys.executable, "-m", "edgeseg_client", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "GRPC_VERBOSITY": "NONE"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_a_line_is_in_the_pipe_as_soon_as_its_frame_is_answered(
    folder: Path, daemon: ScriptedDaemon
) -> None:
    pace = ("--fps", "2", "--loop", "0", "--policy", "every")
    with printing("stream", folder, "--json", *pace, "--server", daemon.address) as process:
        assert process.stdout is not None
        lines = [json.loads(process.stdout.readline()) for _ in range(3)]
        assert process.poll() is None
    assert [line["frame_id"] for line in lines] == [0, 1, 2]


@pytest.mark.parametrize(
    ("command", "options"),
    [("stream", ["--json", "--fps=20", "--loop=0"]), ("segment", ["--json"]), ("segment", [])],
)
def test_what_only_prints_ends_with_its_reader(
    folder: Path, daemon: ScriptedDaemon, command: str, options: list[str]
) -> None:
    for number in range(300):
        (folder / f"more-{number}.png").write_bytes((folder / "a.png").read_bytes())
    with printing(command, folder, *options, "--server", daemon.address) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 141
    assert len(daemon.script.frames) < 300


def test_a_closed_standard_input_is_one_without_pictures(daemon: ScriptedDaemon) -> None:
    done = edgeseg("stream", "-", "--server", daemon.address, redirect="<&-")
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "there was no JPEG picture on standard input" in line


@pytest.mark.parametrize("arguments", [["--help"], ["segment", "--help"], ["--version"]])
@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "ascii"},
    ],
    ids=["C", "latin-1", "ascii"],
)
def test_help_is_shown_in_every_locale(arguments: list[str], environment: dict[str, str]) -> None:
    done = edgeseg(*arguments, **environment, EDGESEG_SERVER="fl\u00f6te-\u2603:8460")
    assert (done.returncode, done.stderr) == (0, "")
    assert "edgeseg" in done.stdout


@pytest.mark.parametrize(("redirect", "status"), [(">&-", 0), (">/dev/full", 1)])
def test_help_to_a_closed_pipe_is_no_traceback(redirect: str, status: int) -> None:
    done = edgeseg("--help", redirect=redirect)
    assert done.returncode == status
    assert len(done.stderr.splitlines()) == status


def test_an_error_with_closed_stderr_is_still_an_exit_status(daemon: ScriptedDaemon) -> None:
    for redirect in ("2>&-", "2>/dev/full", ">&- 2>&-"):
        done = edgeseg("info", "--server", "board", redirect=redirect)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", "")
        done = edgeseg("paint", redirect=redirect)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", "")
    done = edgeseg("info", "--json", "--server", daemon.address, redirect=">/dev/full")
    assert done.returncode == 1
    assert "No space left" in done.stderr


def test_descriptors_of_closed_standard_streams_are_not_reused() -> None:
    """Otherwise what a library prints on standard error would be written to a connection."""
    program = """
import os, sys
import edgeseg_client
from edgeseg_client.cli.standard_streams import fault_tolerant_streams
imported = [os.path.lexists(f"/proc/self/fd/{number}") for number in range(3)]
with fault_tolerant_streams():
    opened = [os.readlink(f"/proc/self/fd/{number}") for number in range(3)]
    os.write(int(sys.argv[1]), repr((imported, opened)).encode())
"""
    reader, writer = os.pipe()
    with os.fdopen(reader) as output:
        subprocess.run(
            [
                *("/bin/sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh"),
                *(sys.executable, "-c", program, str(writer)),
            ],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            pass_fds=[writer],
            timeout=60,
            check=True,
        )
        os.close(writer)
        assert re.sub(r"\s", "", output.read()) == (
            "([False,False,False],['/dev/null','/dev/null','/dev/null'])"
        )
