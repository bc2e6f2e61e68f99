"""A camera that writes its frames into memory shared with the daemon.

    edgesegd serve --listen unix:///run/edgesegd/grpc.sock
    python camera_shared_memory.py --server unix:///run/edgesegd/grpc.sock

Shows how a raw frame is captured into memory that the daemon reads, so that nobody copies it. The
frames show a moving bright disc. Replace `draw` by a call of your camera.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from edgeseg_client import Client, EdgesegClientError, Frame

WIDTH, HEIGHT = 1280, 720
FPS = 30.0


def draw(pixels: npt.NDArray[np.uint8], number: int) -> None:
    """Draw one frame into `pixels`, of shape (HEIGHT, WIDTH, 3)."""
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    x, y = WIDTH * (0.5 + 0.3 * np.cos(number / 20)), HEIGHT * (0.5 + 0.3 * np.sin(number / 20))
    inside = (columns - x) ** 2 + (rows - y) ** 2 < (HEIGHT / 6) ** 2
    pixels[:] = np.where(inside[..., None], np.uint8(230), np.uint8(60))


def camera(client: Client, frames: int) -> Iterator[Frame]:
    """Yield 30 frames per second, drawn in shared memory."""
    for number in range(frames):
        buffer = client.frame_buffer(WIDTH, HEIGHT, "rgb")
        captured = time.time_ns()
        draw(buffer.array, number)
        yield Frame(buffer, id=number, captured_unix_ns=captured)
        time.sleep(1 / FPS)


def main() -> None:
    """Stream to the daemon, and print each answer."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--server", default="unix:///run/edgesegd/grpc.sock", help="the daemon (%(default)s)"
    )
    parser.add_argument("--frames", type=int, default=300, help="how many (%(default)s)")
    arguments = parser.parse_args()
    try:
        with Client(arguments.server, shared_memory=True) as client:
            frames = camera(client, arguments.frames)
            for answer in client.stream(frames, policy="latest", max_age=0.5):
                shown = f"{answer.latency * 1e3:.1f} ms" if answer.ok else answer.message
                print(answer.frame_id, answer.status.value, shown)
    except EdgesegClientError as error:
        sys.exit(f"camera_shared_memory: {error}")


if __name__ == "__main__":
    main()
