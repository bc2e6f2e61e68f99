"""`edgeseg segment`: writes masks and overlays of pictures."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

from edgeseg_client.answer import FrameAnswer
from edgeseg_client.blocking import Client
from edgeseg_client.cli.connect import open_client, read_options
from edgeseg_client.cli.exit_codes import ExitCode
from edgeseg_client.cli.pictures import find_pictures, name_results
from edgeseg_client.cli.results import describe_result, write_result
from edgeseg_client.errors import FrameError
from edgeseg_client.info import ClassInfo


def run(arguments: Namespace) -> ExitCode:
    """Segments all pictures; if one fails, prints why, goes on and returns FRAMES_FAILED."""
    pictures = find_pictures(arguments.images)
    names = name_results(pictures)
    code = ExitCode.OK
    with open_client(arguments, Client) as client:
        classes = client.info().model(arguments.model).classes
        arguments.out.mkdir(parents=True, exist_ok=True)
        answers = client.stream(pictures, policy="every", **read_options(arguments))
        for answer in _show_progress(answers, len(pictures)):
            picture, name = pictures[answer.frame_id], names[answer.frame_id]
            try:
                print(_write_and_describe(answer, picture, name, arguments.out, classes))
            except FrameError as error:
                print(f"edgeseg: {picture}: {error}", file=sys.stderr)
                code = ExitCode.FRAMES_FAILED
    return code


def _show_progress(answers: Iterable[FrameAnswer], total: int) -> Iterable[FrameAnswer]:
    """Yields the same answers, and shows a progress bar if there are several and a terminal."""
    screen = Console(stderr=True)
    if total == 1 or not screen.is_terminal:
        return answers
    return track(answers, "Segmenting", total=total, console=screen, transient=True)


def _write_and_describe(
    answer: FrameAnswer, picture: Path, name: str, folder: Path, classes: Sequence[ClassInfo]
) -> str:
    """Writes the result and returns a line about it; raises the frame's error if it failed."""
    write_result(folder, name, picture, answer.result, classes)
    found = describe_result(answer.result, classes)
    return f"{picture} -> {folder / name}.overlay.png: {found}"
