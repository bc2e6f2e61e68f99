"""Writes a mask for each picture of a folder, with Dask and several boards.

    python dask_batch.py photos/ masks/ --server board-1.lan:8460,board-2.lan:8460

Shows how an engine for batch work uses the daemons. Each worker process has one client, which calls
the boards in turn. A board that is lost costs no picture, and neither does a worker: Dask gives to
another one what it had. Masks are written here, each once, as batch.py does: a second run does what
the first one did not, and masks of two models are not mixed.

With --scheduler the workers are those of a cluster. They need edgeseg and the folder of pictures.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TypeAlias

from distributed import Client as Dask
from distributed import KilledWorker, Worker, WorkerPlugin, as_completed, get_worker

from batch import SUFFIXES, find_work, is_done, require_same_model, write
from edgeseg_client import (
    DEFAULT_ADDRESS,
    Client,
    EdgesegClientError,
    Expired,
    FrameError,
    Overloaded,
    Unavailable,
)

THREADS = 2
"""Calls of a worker at a time: it reads a picture while a board segments another one."""
OF_BOARDS = (Unavailable, Overloaded, Expired)
"""Errors of all the boards; the others are of a picture, whichever board gets it."""
Mask: TypeAlias = tuple[str, str, bytes]
"""The model, its version, and the mask as PNG."""


class Boards(WorkerPlugin):  # type: ignore[misc]  # its types are not known everywhere
    """The client of a worker, for as long as the worker runs."""

    name = "boards"

    def __init__(self, server: str, seconds: float) -> None:
        self.server = server
        self.seconds = seconds

    def setup(self, worker: Worker) -> None:
        """Make it in the process that uses it; it connects with its first call."""
        self.client = Client(self.server, timeout=self.seconds, retry_for=self.seconds)

    def teardown(self, worker: Worker) -> None:
        """Close it."""
        self.client.close()


def segment(picture: Path) -> tuple[int, Mask | EdgesegClientError]:
    """Runs in a worker: its process, and what came of the picture.

    Errors come back as new ones, because not all that gRPC raised before them can be sent.
    """
    client: Client = get_worker().plugins[Boards.name].client
    try:
        result = client.segment(picture, size="frame", outputs=["labels_png"])
    except EdgesegClientError as error:
        return os.getpid(), type(error)(str(error))
    return os.getpid(), (result.model, result.model_version, result.labels_png)


def segment_all(dask: Dask, todo: dict[Path, Path], out: Path) -> int:
    """Write the masks; how many pictures failed."""
    pictures = dict(zip(dask.map(segment, list(todo), pure=False), todo, strict=True))
    failed = 0
    for number, future in enumerate(as_completed(list(pictures)), start=1):
        picture = pictures.pop(future)  # and its mask is kept in no worker
        worker, found = future.result()
        if isinstance(found, tuple):
            model, version, mask = found
            require_same_model(out, model, version)
            write(todo[picture], mask)
        elif isinstance(found, OF_BOARDS) or not isinstance(found, FrameError):
            raise found
        else:
            failed += 1
            print(f"{picture}: {found}", file=sys.stderr)
        print(f"{number} of {len(todo)}: {picture} (worker {worker})", flush=True)
    return failed


def connect(scheduler: str | None, workers: int) -> Dask:
    """Dask at that address, or with so many worker processes of its own on this machine."""
    if scheduler is not None:
        return Dask(scheduler)
    return Dask(n_workers=workers, threads_per_worker=THREADS, dashboard_address=None)


def main() -> None:
    """Do what is left to do."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="the pictures")
    parser.add_argument("out", type=Path, help="where the masks go")
    parser.add_argument("--server", default=DEFAULT_ADDRESS, help="the daemons (%(default)s)")
    parser.add_argument("--wait", type=float, default=600, help="seconds for boards that are away")
    parser.add_argument("--scheduler", help="of a cluster of Dask, such as tcp://host:8786")
    parser.add_argument("--workers", type=int, default=2, help="without --scheduler (%(default)s)")
    arguments = parser.parse_args()
    work = find_work(arguments.folder, arguments.out)
    if not work:
        parser.error(f"{arguments.folder} is no folder with pictures ({', '.join(SUFFIXES)})")
    todo = {picture: mask for picture, mask in work.items() if not is_done(picture, mask)}
    print(f"{len(work)} pictures, {len(work) - len(todo)} of them done before", flush=True)
    try:
        with connect(arguments.scheduler, arguments.workers) as dask:
            dask.register_plugin(Boards(arguments.server, arguments.wait))
            failed = segment_all(dask, todo, arguments.out)
    except KeyboardInterrupt:
        sys.exit("dask_batch: interrupted; run it again to go on")
    except (EdgesegClientError, KilledWorker, OSError) as error:
        sys.exit(f"dask_batch: {error}; run it again to go on")
    print(f"{len(todo) - failed} masks written, {failed} pictures failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
