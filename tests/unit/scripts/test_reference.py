"""docs/reference.md says what the code says, and nothing in the code is left out of it."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgeseg_client.cli.parser import build_parser
from reference.commands import commands
from reference.page import write_page
from reference.source import Incomplete, Package

PROJECT = Path(__file__).parents[3]
SCRIPT = PROJECT / "scripts" / "make-reference"


@pytest.fixture
def client(tmp_path: Path) -> Path:
    """A copy of the client's package that a test may change."""
    folder = tmp_path / "edgeseg_client"
    shutil.copytree(PROJECT / "clients" / "edgeseg_client", folder)
    return folder


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_reference_is_what_the_code_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESEG_SERVER", "elsewhere:1")  # the page has the options' own defaults
    done = subprocess.run(
        [sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "missing"),
    [
        (
            "answer.py",
            '    """Seconds from when the stream got the frame to when the answer arrived."""\n',
            "",
            "FrameAnswer.latency has no docstring",
        ),
        (
            "segment.py",
            '        """The number of its pixels; from the output `statistics`."""\n',
            "",
            "Segment.area has no docstring",
        ),
        (
            "frame_buffer.py",
            '        """Frees the slot of a buffer that will not be sent."""\n',
            "",
            "FrameBuffer.discard has no docstring",
        ),
        (
            "aio.py",
            "            priority: The share of the turns while other streams wait too;"
            " see `Priority`.\n",
            "",
            "AsyncClient.stream does not describe priority",
        ),
        (
            "aio.py",
            "        token: Is sent with every call, for a daemon that asks for one.\n",
            "",
            "AsyncClient does not describe token",
        ),
        ("options.py", "`high`: four", "high is four", "Priority does not say what 'high' means"),
        ("options.py", '    "max_age": None,\n', "", "do not have the same names"),
        ("__init__.py", '    "Box",\n', '    "Box",\n    "Novelty",\n', "`__all__` has Novelty"),
        (
            "blocking.py",
            '        priority: Priority = "normal",\n',
            '        priority: Priority = "high",\n',
            "only one of Client and AsyncClient has stream",
        ),
    ],
)
def test_what_is_not_described_is_named(
    client: Path, file: str, old: str, new: str, missing: str
) -> None:
    replace(client / file, old, new)
    with pytest.raises(Incomplete) as raised:
        write_page(Package(client, "sources"), build_parser())
    assert missing in str(raised.value)


def test_a_type_of_the_client_that_is_only_mentioned_is_named(client: Path) -> None:
    replace(client / "info.py", "    runtime: str\n", "    runtime: Backoff\n")
    with pytest.raises(Incomplete, match=r"ModelInfo\.runtime has the type Backoff"):
        write_page(Package(client, "sources"), build_parser())


def test_options_of_every_command_are_shown_and_need_help() -> None:
    parser = argparse.ArgumentParser(prog="tool", description="Does it.")
    below = parser.add_subparsers().add_parser("deep", description="Deeper.").add_subparsers()
    deepest = below.add_parser("deepest", description="Deepest.", epilog="examples:\n  tool deep")
    deepest.add_argument("files", nargs="+", metavar="FILE", help="what to read")
    deepest.add_argument(
        "-n", "--number", type=int, default=3, help="how many | which (default: %(default)s)"
    )
    deepest.add_argument("--kind", choices=["a", "b"], help="50 %% of them")
    deepest.add_argument("--all", action="store_true", help=argparse.SUPPRESS)
    page = commands(parser)
    assert "### tool deep deepest\n\nDeepest.\n\n| argument | values | meaning |" in page
    assert "| `FILE…` |  | What to read. |" in page
    assert r"| `-n, --number NUMBER` |  | How many \| which (default: 3). |" in page
    assert "| `--kind KIND` | `a`, `b` | 50 % of them. |" in page
    assert "--all" not in page
    assert "```text\nexamples:\n  tool deep\n```" in page
    deepest.add_argument("--silent", action="store_true")
    with pytest.raises(Incomplete, match="`tool deep deepest`: silent has no help"):
        commands(parser)
