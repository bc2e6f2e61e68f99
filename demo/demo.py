"""The whole way on this machine: draw scenes, start the daemon, stream them, look at the masks."""

from __future__ import annotations

import signal
import sys
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end(number: int, _frame: FrameType | None) -> None:
    """Unwind with 128 + n, so that the daemon ends too; once, however often the key is hit."""
    for other in ENDING:
        signal.signal(other, signal.SIG_IGN)
    sys.exit(128 + number)


for ending in ENDING:  # before the imports, which take a while
    if signal.getsignal(ending) is not signal.SIG_IGN:
        signal.signal(ending, end)

import argparse  # noqa: E402
import shutil  # noqa: E402
import subprocess  # noqa: E402
from pathlib import Path  # noqa: E402

from PIL import Image  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import track  # noqa: E402

from edgesegd.bench.launch import LaunchedDaemon  # noqa: E402

sys.path.append(str(Path(__file__).parents[1] / "training"))
from scenes import draw_clip  # noqa: E402

CLIPS = (3, 7, 11, 20)
"""Seeds of the scenes; the built-in model was trained on others."""
FRAMES_A_CLIP = 15
ROUNDS = 3
FPS = 30
JPEG_QUALITY = 92


def draw_frames(folder: Path, console: Console) -> int:
    """Write the frames of all clips as JPEG files; how many."""
    count = 0
    for seed in track(CLIPS, description="drawing scenes", console=console):
        for scene in draw_clip(seed, FRAMES_A_CLIP):
            picture = Image.fromarray(scene.image)
            picture.save(folder / f"frame-{count:03}.jpg", quality=JPEG_QUALITY)
            count += 1
    return count


def edgeseg(*arguments: str) -> int:
    """Run the client's own command; its exit status. A terminal's Ctrl-C is for us alone."""
    return subprocess.run(
        [sys.executable, "-m", "edgeseg_client", *arguments], check=False, start_new_session=True
    ).returncode


def contact_sheet(overlays: list[Path], target: Path) -> None:
    """Four overlays as one picture."""
    shown = [Image.open(path) for path in overlays]
    width, height = shown[0].size
    sheet = Image.new("RGB", (2 * width, 2 * height))
    for place, overlay in enumerate(shown):
        sheet.paste(overlay, (place % 2 * width, place // 2 * height))
    sheet.save(target)


def main() -> int:
    """Run the demo; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("demo-output"), help="where pictures go (demo-output)"
    )
    parser.add_argument("--model", default="builtin", help="model to serve (builtin)")
    args = parser.parse_args()
    console = Console()
    frames, masks = args.out / "frames", args.out / "masks"
    for folder in (frames, masks):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    count = draw_frames(frames, console)
    shown = [f"frame-{clip * FRAMES_A_CLIP + FRAMES_A_CLIP // 2:03}" for clip in range(len(CLIPS))]
    pictures = [str(frames / f"{name}.jpg") for name in shown]
    with LaunchedDaemon(f"--model={args.model}") as daemon:
        server = f"--server={daemon.address}"
        console.print(f"the daemon listens on {daemon.address}")
        console.print(f"streaming {ROUNDS * count} frames to it as a camera would, {FPS} a second")
        status = edgeseg("stream", str(frames), server, f"--fps={FPS}", f"--loop={ROUNDS}")
        status = status or edgeseg("segment", *pictures, server, f"--out={masks}")
    if status == 0:
        contact_sheet([masks / f"{name}.overlay.png" for name in shown], args.out / "demo.png")
        console.print(f"masks and overlays are in {masks}; look at {args.out}/demo.png")
    return status


if __name__ == "__main__":
    sys.exit(main())
