"""`edgeseg replay`: shows a recording again, without a daemon."""

from __future__ import annotations

from argparse import Namespace
from contextlib import ExitStack

from edgeseg_client.cli.exit_codes import ExitCode, UsageError
from edgeseg_client.cli.outputs.writers import (
    ReaderGone,
    check_outputs,
    open_writers,
    write_all,
)
from edgeseg_client.cli.report import Report
from edgeseg_client.cli.termination import terminated_like_interrupted
from edgeseg_client.sources.recording import RecordedFrames


def run(arguments: Namespace) -> ExitCode:
    """Shows and writes what was recorded, at the pace at which it was."""
    if arguments.polygons:
        raise UsageError(
            "recordings have no outlines; segment the frames again:"
            f" edgeseg stream {arguments.recording} --json --polygons"
        )
    recorded = RecordedFrames("", arguments.recording, speed=arguments.speed)
    sources = recorded.source_names()
    check_outputs(arguments, len(sources))
    report = Report(sources, as_json=arguments.json)
    code = ExitCode.OK
    with ExitStack() as stack:
        stack.enter_context(terminated_like_interrupted())
        writers = open_writers(arguments, len(sources), has_scores=False)
        for writer in writers:
            stack.callback(writer.close)
        stack.enter_context(report.live())
        try:
            for answered in recorded.answered():
                write_all(answered, writers, report)
            code = ExitCode.FRAMES_FAILED if report.unwritten else ExitCode.OK
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
        except ReaderGone:
            code = ExitCode.BROKEN_PIPE
    report.print_summaries()
    return code
