"""`edgeseg segment`: says what is in pictures, and writes masks and overlays."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.progress import track

from edgeseg_client.answer import FrameAnswer
from edgeseg_client.blocking import Client
from edgeseg_client.cli.connect import (
    open_client,
    print_note,
    read_options,
    require_masks_of_the_frame,
)
from edgeseg_client.cli.exit_codes import ExitCode, UsageError
from edgeseg_client.cli.outputs.json_lines import JsonLines
from edgeseg_client.cli.outputs.mask_files import write_masks
from edgeseg_client.cli.polygon_files import PolygonFiles, polygon_files
from edgeseg_client.cli.standard_streams import print_line, reader_is_gone
from edgeseg_client.errors import FrameError
from edgeseg_client.options import Options
from edgeseg_client.result import Result
from edgeseg_client.sources.folder import Pictures
from edgeseg_client.sources.following import AnsweredFrame, WaitingFrames
from edgeseg_client.sources.pictures import check_names, find_pictures


def run(arguments: Namespace) -> ExitCode:
    """Segments all pictures; if one fails, prints why, goes on and returns FRAMES_FAILED."""
    if arguments.polygons and arguments.out is None:
        raise UsageError("--polygons needs --out")
    if not arguments.polygons and (
        arguments.polygon_tolerance is not None or arguments.polygon_min_area
    ):
        raise UsageError("--polygon-tolerance and --polygon-min-area need --polygons")
    source = Pictures("", find_pictures(arguments.images))
    if arguments.out:
        require_masks_of_the_frame(arguments)
        check_names(source.pictures)
        arguments.out.mkdir(parents=True, exist_ok=True)
    frames, code = WaitingFrames(source), ExitCode.OK
    with open_client(arguments, Client) as client:
        model = client.info().model(arguments.model)
        print_note(model)
        lines = JsonLines(print_line, confidence=model.has_scores) if arguments.json else None
        options = _options(arguments, lines)
        answers = client.stream(frames, policy="every", **options)
        with polygon_files(arguments, model.classes) as polygons:
            for answer in _show_progress(answers, len(source.pictures)):
                answered = frames.answered(answer)
                picture = source.pictures[answer.frame_id]
                try:
                    line = _write_and_describe(answered, picture, arguments.out, polygons)
                    if lines is None:
                        print_line(line)
                except FrameError as error:
                    print(f"edgeseg: {picture}: {error}", file=sys.stderr)
                    code = ExitCode.FRAMES_FAILED
                if lines is not None:
                    lines.add(answered, str(picture))
                if arguments.out is None and reader_is_gone():
                    return ExitCode.BROKEN_PIPE
    return code


def _options(arguments: Namespace, lines: JsonLines | None) -> Options:
    """The options of the pictures; the daemon is asked only for what is printed or written."""
    options, outputs = read_options(arguments), list(lines.needs if lines else ())
    if arguments.out:
        outputs.append("labels")
    if arguments.polygons:
        outputs.append("polygons")
        options["polygon_min_area"] = arguments.polygon_min_area
        if arguments.polygon_tolerance is not None:
            options["polygon_tolerance"] = arguments.polygon_tolerance
    options["outputs"] = outputs or ("statistics",)
    return options


def _show_progress(answers: Iterable[FrameAnswer], total: int) -> Iterable[FrameAnswer]:
    """Yields the same answers, and shows a progress bar if there are several and a terminal."""
    screen = Console(stderr=True)
    if total == 1 or not screen.is_terminal:
        return answers
    return track(answers, "Segmenting", total=total, console=screen, transient=True)


def _write_and_describe(
    answered: AnsweredFrame, picture: Path, folder: Path | None, polygons: PolygonFiles
) -> str:
    """Writes the result and returns a line about it; raises the frame's error if it failed."""
    result = answered.answer.result
    found = describe_result(result)
    if folder is None:
        return f"{picture}: {found}"
    write_masks(folder, picture.name, answered.frame, result)
    polygons.add(picture, picture.name, result)
    return f"{picture} -> {folder / picture.name}.overlay.png: {found}"


def describe_result(result: Result) -> str:
    """The classes found and their shares of all pixels, as text, the largest first."""
    found = (f"{name} {share:.1%}" for name, share in result.shares.items())
    return ", ".join(found) or "no class found"
