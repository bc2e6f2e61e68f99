"""Opens what the arguments of a stream ask for."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from edgeseg_client.cli.exit_codes import UsageError
from edgeseg_client.cli.outputs.json_lines import JsonLines
from edgeseg_client.cli.outputs.mask_files import MaskFiles
from edgeseg_client.cli.outputs.new_files import require_folder, require_new_file
from edgeseg_client.cli.outputs.output import ResultWriter
from edgeseg_client.cli.outputs.overlay_video import OverlayVideo, require_video_name
from edgeseg_client.cli.outputs.recorded import RecordedStream
from edgeseg_client.cli.report import Report
from edgeseg_client.cli.standard_streams import print_line, reader_is_gone
from edgeseg_client.errors import EdgesegClientError
from edgeseg_client.sources.following import AnsweredFrame


class ReaderGone(Exception):
    """The reader of standard output has closed it, so that nothing is left to do."""


def check_outputs(arguments: Namespace, sources: int) -> None:
    """Raises `UsageError` if the results of that many sources cannot go where they should.

    Nothing is opened or written.
    """
    if arguments.polygons and not arguments.json:
        raise UsageError("--polygons needs --json")
    if arguments.video is not None:
        if sources > 1:
            raise UsageError("--video is for one source")
        require_video_name(arguments.video)
    files = [path for path in (arguments.video, arguments.record) if path is not None]
    for path in files:
        require_new_file(path)
    if len({path.absolute() for path in files}) < len(files):
        raise UsageError(f"--video and --record are both {files[0]}; name another file")
    if arguments.out is not None:
        require_folder(arguments.out)


def open_writers(arguments: Namespace, sources: int, *, has_scores: bool) -> list[ResultWriter]:
    """Where the results of that many sources go, once `check_outputs` has passed.

    Raises `OSError`, and `WrongSource` without PyAV.
    """
    writers: list[ResultWriter] = []
    if arguments.json:
        writers.append(JsonLines(print_line, polygons=arguments.polygons, confidence=has_scores))
    if arguments.out is not None:
        writers.append(MaskFiles(arguments.out, by_source=sources > 1))
    if arguments.video is not None:
        writers.append(OverlayVideo(arguments.video))
    if arguments.record is not None:
        writers.append(RecordedStream(arguments.record))
    return writers


def write_all(answered: AnsweredFrame, writers: Sequence[ResultWriter], report: Report) -> None:
    """Count the frame and write it; what cannot be drawn is reported, and the others go on.

    Raises `ReaderGone` if lines were all that is written, and nobody reads them any more.
    """
    report.add(answered)
    failures = []
    for writer in writers:
        try:
            writer.add(answered)
        except EdgesegClientError as error:
            failures.append(error)
    if failures:
        report.not_written(answered, failures[0])
    if writers and all(isinstance(one, JsonLines) for one in writers) and reader_is_gone():
        raise ReaderGone
