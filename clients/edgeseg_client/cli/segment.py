"""`edgeseg segment`: says what is in pictures, and writes masks and overlays."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.progress import track

from edgeseg_client.address import parse_addresses
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
from edgeseg_client.cli.parallel_streams import answers_of_streams
from edgeseg_client.cli.polygon_files import GEOJSON_ENDING, PolygonFiles, polygon_files
from edgeseg_client.cli.result_models import ResultModels
from edgeseg_client.cli.standard_streams import print_line, reader_is_gone
from edgeseg_client.errors import FrameError
from edgeseg_client.options import Options
from edgeseg_client.result import Result
from edgeseg_client.sources.folder import Pictures
from edgeseg_client.sources.following import AnsweredFrame, WaitingFrames
from edgeseg_client.sources.pictures import RESULT_ENDINGS, check_names, find_pictures


def run(arguments: Namespace) -> ExitCode:
    """Segments all pictures; if one fails, prints why, goes on and returns FRAMES_FAILED."""
    _check(arguments)
    pictures = _find_work(arguments)
    if not pictures:
        return ExitCode.OK
    source = Pictures("", pictures)
    frames, code = WaitingFrames(source), ExitCode.OK
    with open_client(arguments, Client) as client:
        model = client.info().model(arguments.model)
        print_note(model)
        lines = JsonLines(print_line, confidence=model.has_scores) if arguments.json else None
        options = _options(arguments, lines)
        streams = arguments.streams or len(parse_addresses(arguments.server))
        answers = answers_of_streams(client, frames, streams, **options)
        models = ResultModels(arguments.out if arguments.resume else None)
        with polygon_files(arguments, model.classes) as polygons:
            for answer in _show_progress(answers, len(source.pictures)):
                answered = frames.answered(answer)
                picture = source.pictures[answer.frame_id]
                try:
                    models.add(answer.result)
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


def _check(arguments: Namespace) -> None:
    """Raises `UsageError` for arguments that do not go together."""
    if arguments.polygons and arguments.out is None:
        raise UsageError("--polygons needs --out")
    if not arguments.polygons and (
        arguments.polygon_tolerance is not None or arguments.polygon_min_area
    ):
        raise UsageError("--polygon-tolerance and --polygon-min-area need --polygons")
    if arguments.resume and (arguments.out is None or arguments.polygons == "coco"):
        raise UsageError("--resume needs --out, and not --polygons coco, which is one file for all")


def _find_work(arguments: Namespace) -> list[Path]:
    """The pictures to segment; with `--resume` there may be none left."""
    pictures = find_pictures(arguments.images)
    if arguments.out:
        require_masks_of_the_frame(arguments)
        check_names(pictures)
        arguments.out.mkdir(parents=True, exist_ok=True)
    return _leave_out_done(pictures, arguments) if arguments.resume else pictures


def _leave_out_done(pictures: list[Path], arguments: Namespace) -> list[Path]:
    """The pictures whose results are not all there, or are older; prints how many others are."""
    endings = (*RESULT_ENDINGS, *([GEOJSON_ENDING] if arguments.polygons else ()))
    left = [one for one in pictures if not _is_done(one, arguments.out, endings)]
    done = len(pictures) - len(left)
    print(f"edgeseg: {done} of {len(pictures)} pictures were done before", file=sys.stderr)
    return left


def _is_done(picture: Path, folder: Path, endings: Iterable[str]) -> bool:
    try:
        changed = picture.stat().st_mtime
        results = [(folder / f"{picture.name}{ending}").stat().st_mtime for ending in endings]
    except OSError:
        return False
    return changed <= min(results)


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
