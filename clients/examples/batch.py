"""Writes a mask for each picture of a folder; goes on where it was interrupted.

    python batch.py photos/ masks/ --server board.lan:8460

Shows how no file is lost. Each picture ends with a mask of its name or with a line on standard
error, and then the exit status is 1. A mask is only there when it is whole, so a second run does
what the first one did not: after Ctrl-C, a power cut, or a daemon that was away for too long.
Pictures that are newer than their masks are done again. Masks of two models are not mixed.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from edgeseg_client import DEFAULT_ADDRESS, Client, EdgesegClientError

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")


def find_work(folder: Path, out: Path) -> dict[Path, Path]:
    """Each picture in the folder and below it, and the mask that it will have."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    pictures = sorted(path for path in found if path.is_file())  # reading a pipe may never end
    return {path: out / f"{path.relative_to(folder)}.mask.png" for path in pictures}


def is_done(picture: Path, mask: Path) -> bool:
    """Whether there is a mask that is not older than the picture."""
    return mask.exists() and mask.stat().st_mtime >= picture.stat().st_mtime


def write(path: Path, data: bytes) -> None:
    """Write a file that is there as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def require_same_model(out: Path, model: str, version: str) -> None:
    """End the program if other masks in the folder were made by another model or version."""
    record, found = out / "model.txt", f"{model} {version}\n"
    if not record.exists():
        write(record, found.encode())
    elif (before := record.read_text(encoding="utf-8")) != found:
        sys.exit(f"{out} has masks of {before.strip()}, this is {found.strip()}")


def segment(client: Client, todo: dict[Path, Path], out: Path) -> int:
    """Write the masks; how many pictures failed."""
    pictures, failed = list(todo), 0
    # A list is never dropped from, and its answers come in its order.
    answers = client.stream(pictures, policy="every", size="frame", outputs=["labels_png"])
    for number, answer in enumerate(answers, start=1):
        picture = pictures[answer.frame_id]
        if answer.ok:
            require_same_model(out, answer.result.model, answer.result.model_version)
            write(todo[picture], answer.result.labels_png)
        else:
            failed += 1
            print(f"{picture}: {answer.message}", file=sys.stderr)
        print(f"{number} of {len(todo)}: {picture}", flush=True)
    return failed


def main() -> None:
    """Do what is left to do."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="the pictures")
    parser.add_argument("out", type=Path, help="where the masks go")
    parser.add_argument("--server", default=DEFAULT_ADDRESS, help="the daemon (%(default)s)")
    parser.add_argument("--wait", type=float, default=600, help="seconds for a daemon that is away")
    arguments = parser.parse_args()
    work = find_work(arguments.folder, arguments.out)
    if not work:
        parser.error(f"{arguments.folder} is no folder with pictures ({', '.join(SUFFIXES)})")
    todo = {picture: mask for picture, mask in work.items() if not is_done(picture, mask)}
    print(f"{len(work)} pictures, {len(work) - len(todo)} of them done before", flush=True)
    try:
        with Client(arguments.server, retry_for=arguments.wait) as client:
            failed = segment(client, todo, arguments.out)
    except KeyboardInterrupt:
        sys.exit("batch: interrupted; run it again to go on")
    except (EdgesegClientError, OSError) as error:
        sys.exit(f"batch: {error}; run it again to go on")
    print(f"{len(todo) - failed} masks written, {failed} pictures failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
