"""`edgeseg stream`: segments cameras, videos and folders, and shows and writes what comes back."""

from __future__ import annotations

import asyncio
import math
from argparse import Namespace
from contextlib import ExitStack, aclosing

from edgeseg_client.aio import AsyncClient
from edgeseg_client.cli.connect import (
    open_client,
    print_note,
    read_options,
    require_masks_of_the_frame,
)
from edgeseg_client.cli.exit_codes import ExitCode, UsageError
from edgeseg_client.cli.outputs.output import ResultWriter
from edgeseg_client.cli.outputs.writers import (
    ReaderGone,
    check_outputs,
    open_writers,
    write_all,
)
from edgeseg_client.cli.report import Report
from edgeseg_client.cli.termination import terminated_like_interrupted
from edgeseg_client.errors import EdgesegClientError
from edgeseg_client.sources.following import follow
from edgeseg_client.sources.opening import open_source, require_one_reader, require_use
from edgeseg_client.sources.source import Source


def run(arguments: Namespace) -> ExitCode:
    """Runs the streams, then prints their summaries, also if Ctrl-C or SIGTERM ended them."""
    check_outputs(arguments, len(arguments.source))
    if arguments.out is not None or arguments.video is not None:
        require_masks_of_the_frame(arguments)
    if arguments.reuse != "unchanged" and (arguments.reuse_threshold or arguments.reuse_max_age):
        raise UsageError("--reuse-threshold and --reuse-max-age need --reuse unchanged")
    with ExitStack() as stack:
        stack.enter_context(terminated_like_interrupted())
        sources = [stack.enter_context(source) for source in open_sources(arguments)]
        report = Report([source.name for source in sources], as_json=arguments.json)
        for source in sources:
            source.on_state = report.state_of(source.name)
        try:
            # asyncio turns Ctrl-C into a cancellation, which takes effect only at an await.
            asyncio.run(_run_streams(sources, arguments, report))
            code = ExitCode.FRAMES_FAILED if report.failed else ExitCode.OK
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
        except ReaderGone:
            code = ExitCode.BROKEN_PIPE
    report.print_summaries()
    return code


def open_sources(arguments: Namespace) -> list[Source]:
    """The sources of the command; raises `UsageError` if two have the same name.

    Raises `WrongSource` for what is no source, and for an option that does nothing.
    """
    sources = [
        open_source(
            address,
            fps=arguments.fps,
            realtime=arguments.realtime,
            rounds=arguments.loop,
            size=arguments.camera_size,
            wait=arguments.wait,
        )
        for address in arguments.source
    ]
    require_different_names(sources)
    require_one_reader(sources)
    given = {
        "--fps": arguments.fps is not None,
        "--realtime": arguments.realtime,
        "--camera-size": arguments.camera_size is not None,
        "--loop": arguments.loop != 1,
    }
    require_use((option for option, is_given in given.items() if is_given), sources)
    return sources


def require_different_names(sources: list[Source]) -> None:
    """Raises `UsageError` if two sources have the same name."""
    names = [source.name for source in sources]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"two sources are called {twice}; name them: NAME=SOURCE")


async def _run_streams(sources: list[Source], arguments: Namespace, report: Report) -> None:
    async with open_client(arguments, AsyncClient) as client:
        model = (await client.info()).model(arguments.model)  # within --wait, or never
    print_note(model)
    # A camera goes on when its daemon is back, however long that takes.
    patience = math.inf if any(source.is_live for source in sources) else None
    with ExitStack() as stack:
        writers = open_writers(arguments, len(sources), has_scores=model.has_scores)
        for writer in writers:
            stack.callback(writer.close)
        async with open_client(arguments, AsyncClient, retry_for=patience) as client:
            with report.live():
                options = _options(arguments, writers)
                names = arguments.send_names
                await _run_all(client, sources, options, writers, report, send_names=names)


async def _run_all(
    client: AsyncClient,
    sources: list[Source],
    options: dict[str, object],
    writers: list[ResultWriter],
    report: Report,
    *,
    send_names: bool,
) -> None:
    async def run_one(source: Source) -> None:
        name = source.name if send_names else ""
        try:
            async with aclosing(follow(client, source, name=name, **options)) as frames:
                async for answered in frames:
                    write_all(answered, writers, report)
        except EdgesegClientError as error:
            if len(sources) == 1:
                raise
            report.source_failed(source.name, error)

    try:
        async with asyncio.TaskGroup() as group:
            for source in sources:
                group.create_task(run_one(source))
    except ExceptionGroup as errors:  # the first one has ended the others
        raise errors.exceptions[0] from None


def _options(arguments: Namespace, writers: list[ResultWriter]) -> dict[str, object]:
    """The options of the streams; the daemon is asked only for what is shown or written."""
    options: dict[str, object] = {
        **read_options(arguments),
        "priority": arguments.priority,
        "reuse": arguments.reuse,
        "reuse_threshold": arguments.reuse_threshold,
        "reuse_max_age": arguments.reuse_max_age,
    }
    needs = dict.fromkeys(output for writer in writers for output in writer.needs)
    options["outputs"] = tuple(needs) or ("statistics",)
    if arguments.size is None:
        whole = arguments.out is None and arguments.resize == "stretch"
        options["size"] = "model" if whole else "frame"
    if arguments.policy is not None:
        options["policy"] = arguments.policy
    return options
