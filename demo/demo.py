"""The whole way on this machine: draw scenes, start the daemon, stream them, look at the masks.

Where the published DeepLab is on this machine, photographs too.
"""

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
import contextlib  # noqa: E402
import os  # noqa: E402
import shutil  # noqa: E402
import subprocess  # noqa: E402
from hashlib import sha256  # noqa: E402
from pathlib import Path  # noqa: E402

from PIL import Image, ImageOps  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import track  # noqa: E402

from edgesegd.bench.launch import LaunchedDaemon  # noqa: E402
from edgesegd.core.errors import ConfigError  # noqa: E402
from edgesegd.models.catalogue.store import (  # noqa: E402
    BUILTIN,
    default_data_dir,
    resolve_model,
    stored_path,
)
from edgesegd.models.published import downloads  # noqa: E402
from edgesegd.models.reading import read_model  # noqa: E402

PROJECT = Path(__file__).parents[1]
sys.path.append(str(PROJECT / "training"))
from scenes import draw_clip  # noqa: E402

CLIPS = (3, 7, 11, 20)
"""Seeds of the scenes; the built-in model was trained on others."""
FRAMES_A_CLIP = 15
ROUNDS = 3
FPS = 30
JPEG_QUALITY = 92
DEEPLAB = "deeplabv3"
PHOTOGRAPHS = ("cat_720p.jpg", "pets.jpg", "grace_hopper.bmp", "dog_segmentation.bmp")
"""Those in the folder `images` of EDGESEG_SHARED, or of `shared` beside the project."""
SHOWN_SIZE = (640, 480)


def draw_frames(folder: Path) -> int:
    """Write the frames of all clips as JPEG files; how many."""
    count = 0
    for seed in track(CLIPS, description="drawing scenes", console=Console()):
        for scene in draw_clip(seed, FRAMES_A_CLIP):
            picture = Image.fromarray(scene.image)
            picture.save(folder / f"frame-{count:03}.jpg", quality=JPEG_QUALITY)
            count += 1
    return count


def say(line: str) -> None:
    """Print at once: the commands that are run print too."""
    print(line, flush=True)


def edgeseg(*arguments: str) -> int:
    """Run the client's own command; its exit status. A terminal's Ctrl-C is for us alone."""
    return subprocess.run(
        [sys.executable, "-m", "edgeseg_client", *arguments], check=False, start_new_session=True
    ).returncode


def contact_sheet(overlays: list[Path], target: Path) -> None:
    """At most four overlays as one picture."""
    width, height = SHOWN_SIZE
    overlays = overlays[:4]
    sheet = Image.new("RGB", (width * min(len(overlays), 2), height * (len(overlays) + 1 >> 1)))
    for place, path in enumerate(overlays):
        with Image.open(path) as overlay:
            shown = ImageOps.pad(overlay.convert("RGB"), SHOWN_SIZE)
        sheet.paste(shown, (place % 2 * width, place // 2 * height))
    sheet.save(target)


def published_deeplab(shared: Path) -> Path | None:
    """The published file, where `edgesegd models pull` put it or in `shared`; it is not copied."""
    published = downloads()[DEEPLAB]
    places = [shared / "models" / Path(published.url).name]
    with contextlib.suppress(ConfigError):  # there is no home folder
        places.insert(0, stored_path(DEEPLAB, default_data_dir(os.environ)))
    for path in places:
        if path.is_file() and sha256(path.read_bytes()).hexdigest() == published.sha256:
            return path
    return None


def show_scenes(model: str, out: Path) -> int:
    """Stream drawn scenes to a daemon, and segment some of them; the exit status."""
    frames, masks = out / "frames", out / "masks"
    for folder in (frames, masks):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    count = draw_frames(frames)
    shown = [f"frame-{clip * FRAMES_A_CLIP + FRAMES_A_CLIP // 2:03}" for clip in range(len(CLIPS))]
    pictures = [str(frames / f"{name}.jpg") for name in shown]
    with LaunchedDaemon(f"--model={model}") as daemon:
        server = f"--server={daemon.address}"
        say(f"the daemon listens on {daemon.address}")
        say(f"streaming {ROUNDS * count} frames to it as a camera would, {FPS} a second")
        status = edgeseg("stream", str(frames), server, f"--fps={FPS}", f"--loop={ROUNDS}")
        status = status or edgeseg("segment", *pictures, server, f"--out={masks}")
    if status == 0:
        contact_sheet([masks / f"{name}.jpg.overlay.png" for name in shown], out / "demo.png")
        say(f"masks and overlays are in {masks}; look at {out}/demo.png")
    return status


def show_photographs(model: Path, pictures: list[Path], out: Path) -> int:
    """Segment photographs with DeepLab; the exit status."""
    masks = out / "photographs"
    shutil.rmtree(masks, ignore_errors=True)
    masks.mkdir(parents=True)
    say(f"DeepLab v3 ({model}) knows 20 things on photographs:")
    with LaunchedDaemon(f"--model={DEEPLAB}={model}") as daemon:
        server = f"--server={daemon.address}"
        status = edgeseg("segment", *map(str, pictures), server, f"--out={masks}")
    if overlays := sorted(masks.glob("*.overlay.png")):
        contact_sheet(overlays, out / "photographs.png")
        say(f"masks and overlays are in {masks}; look at {out}/photographs.png")
    return status


def main() -> int:
    """Run the demo; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "pictures", type=Path, nargs="*", metavar="PICTURE", help="photographs for DeepLab"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("demo-output"), help="where pictures go (demo-output)"
    )
    parser.add_argument("--model", default=BUILTIN, help="model for the drawn scenes (builtin)")
    args = parser.parse_args()
    shared = Path(os.environ.get("EDGESEG_SHARED", PROJECT.parent / "shared"))
    pictures = args.pictures or [
        path for name in PHOTOGRAPHS if (path := shared / "images" / name).is_file()
    ]
    deeplab = published_deeplab(shared)
    pull = f"{Path(sys.executable).parent / 'edgesegd'} models pull {DEEPLAB}"
    if args.pictures and deeplab is None:
        say(f"photographs need DeepLab; get it: {pull}")
        return 2
    if args.model == BUILTIN:
        _, *things = read_model(resolve_model(BUILTIN, Path())).classes
        names = ", ".join(each.name for each in things)
        say(f"the built-in model knows drawn things only: {names}")
    if status := show_scenes(args.model, args.out):
        return status
    if deeplab is None:
        say(f"for photographs, get DeepLab and try again: {pull}")
    elif not pictures:
        say("DeepLab is here for your photographs: make demo PICTURES=photo.jpg")
    else:
        return show_photographs(deeplab, pictures, args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
