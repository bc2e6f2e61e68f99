#!/usr/bin/env python3
"""Makes docs/stream.svg and docs/overlay.jpg: what `edgeseg stream` shows, and an overlay.

A real daemon with the built-in model segments scenes that it knows, and the command's own view is
drawn.
"""

from __future__ import annotations

import asyncio
import io
import re
import sys
import tempfile
from contextlib import ExitStack, aclosing
from pathlib import Path

from PIL import Image
from rich.console import Console

from edgeseg_client import AsyncClient, Client
from edgeseg_client.cli.terminal_view import live_view
from edgeseg_client.sources import Source, open_source
from edgeseg_client.sources.following import follow
from edgeseg_client.summary import Summary
from edgesegd.bench.launch import LaunchedDaemon

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
SEEDS = {"garden": range(7, 15), "porch": range(21, 29)}
FPS = 12
FRAMES = 60
WIDTH = 110


def main() -> None:
    """Write both pictures."""
    sys.path.append(str(ROOT / "training"))
    from scenes import draw_scene  # noqa: PLC0415 # beside the training

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name, seeds in SEEDS.items():
            (folder / name).mkdir()
            for number, seed in enumerate(seeds):
                Image.fromarray(draw_scene(seed).image).save(folder / name / f"{number}.jpg")
        daemon = LaunchedDaemon()
        stack.callback(daemon.stop)
        sources = [
            stack.enter_context(open_source(str(folder / name), fps=FPS, rounds=0))
            for name in SEEDS
        ]
        summaries = asyncio.run(stream(daemon.address, sources))
        (DOCS / "stream.svg").write_text(terminal(summaries), encoding="utf-8")
        with Client(daemon.address) as client:
            scene = DOCS / "scene.jpg"
            client.segment(scene).overlay(scene).save(DOCS / "overlay.jpg", quality=90)


async def stream(address: str, sources: list[Source]) -> dict[str, Summary]:
    """The numbers of each source after `FRAMES` frames."""
    summaries = {source.name: Summary() for source in sources}

    async def one(client: AsyncClient, source: Source) -> None:
        async with aclosing(
            follow(client, source, size="model", outputs=("statistics",))
        ) as frames:
            async for answered in frames:
                summaries[source.name].add(answered.answer)
                if summaries[source.name].frames == FRAMES:
                    source.close()

    async with AsyncClient(address) as client:
        await asyncio.gather(*(one(client, source) for source in sources))
    return summaries


def terminal(summaries: dict[str, Summary]) -> str:
    """A terminal with the view of `edgeseg stream`, as an SVG that loads nothing."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    sources = "garden=http://10.0.0.7/video porch=rtsp://10.0.0.8/live"
    console.print(f"[bold]$[/] edgeseg stream {sources}", highlight=False)
    console.print(live_view(summaries, {}))
    picture = console.export_svg(title="edgeseg stream", unique_id="edgeseg-stream")
    return re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)


if __name__ == "__main__":
    main()
