"""Segments the pictures of a folder on several boards at once.

    python two_boards.py photos/ board-1.lan:8460 board-2.lan:8460

Shows how boards share work with asyncio: each takes the next picture when it has time, so a fast
board does more. If a board does not answer, another one gets its picture, and the board is asked
again after a while. If none answers, the pictures wait.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from edgeseg_client import (
    AsyncClient,
    EdgesegClientError,
    Expired,
    FrameError,
    Overloaded,
    Unavailable,
)

EACH = 2
"""Pictures that a board has at a time: it decodes one while it segments the other."""
PAUSE = 1.0
"""Seconds before a board that did not answer is asked again."""


async def work(client: AsyncClient, pictures: asyncio.Queue[Path]) -> None:
    """Take one picture after another, until this task is cancelled."""
    while True:
        picture = await pictures.get()
        try:
            result = await client.segment(picture, outputs=["statistics"], size="frame")
            seen = ", ".join(f"{name} {share:.0%}" for name, share in result.shares.items())
            print(f"{picture}: {seen} ({client.address})", flush=True)
        except (Unavailable, Overloaded, Expired) as error:
            pictures.put_nowait(picture)  # for whichever board has time
            print(f"{client.address}: {error}", file=sys.stderr, flush=True)
            await asyncio.sleep(PAUSE)
        except FrameError as error:  # of this picture, whichever board gets it
            print(f"{picture}: {error}", file=sys.stderr, flush=True)
        finally:
            pictures.task_done()


async def segment(paths: list[Path], boards: list[str], seconds: float) -> None:
    """Segment all pictures; raises an `ExceptionGroup` if a board refuses its work for good."""
    pictures: asyncio.Queue[Path] = asyncio.Queue()
    for path in paths:
        pictures.put_nowait(path)
    clients = [AsyncClient(board, retry_for=0, timeout=seconds) for board in boards]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work(one, pictures)) for one in clients for _ in range(EACH)]
            await pictures.join()
            for task in tasks:
                task.cancel()
    finally:
        await asyncio.gather(*(client.close() for client in clients))


def main() -> None:
    """Segment the pictures and print a line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="pictures that end in .jpg")
    parser.add_argument("boards", nargs="+", metavar="HOST:PORT", help="the daemons")
    parser.add_argument(
        "--timeout", type=float, default=5, help="seconds for a picture (%(default)s)"
    )
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.folder.glob("*.jpg") if path.is_file())
    if not paths:
        parser.error(f"{arguments.folder} is no folder with pictures that end in .jpg")
    try:
        asyncio.run(segment(paths, arguments.boards, arguments.timeout))
    except* KeyboardInterrupt:
        sys.exit(130)
    except* EdgesegClientError as group:
        sys.exit(f"two_boards: {group.exceptions[0]}")


if __name__ == "__main__":
    main()
