"""A camera that writes its frames into memory shared with the daemon.

    edgesegd serve --listen unix:///tmp/edgeseg.sock
    python camera_shared_memory.py unix:///tmp/edgeseg.sock

The frames show a moving bright disc. Replace `draw` by a call of your camera.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from edgeseg_client import Client, Frame

WIDTH, HEIGHT = 1280, 720
FPS = 30.0
FRAMES = 300


def draw(pixels: npt.NDArray[np.uint8], number: int) -> None:
    """Draw one frame into `pixels`, of shape (HEIGHT, WIDTH, 3)."""
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    x, y = WIDTH * (0.5 + 0.3 * np.cos(number / 20)), HEIGHT * (0.5 + 0.3 * np.sin(number / 20))
    inside = (columns - x) ** 2 + (rows - y) ** 2 < (HEIGHT / 6) ** 2
    pixels[:] = np.where(inside[..., None], np.uint8(230), np.uint8(60))


def camera(client: Client) -> Iterator[Frame]:
    """Yield 30 frames per second, drawn in shared memory."""
    for number in range(FRAMES):
        buffer = client.frame_buffer(WIDTH, HEIGHT, "rgb")
        captured = time.time_ns()
        draw(buffer.array, number)
        yield Frame(buffer, id=number, captured_unix_ns=captured)
        time.sleep(1 / FPS)


def main() -> None:
    """Stream to the daemon at the given address, and print each answer."""
    address = sys.argv[1] if len(sys.argv) > 1 else "unix:///tmp/edgeseg.sock"  # an example
    with Client(address, shared_memory=True) as client:
        for answer in client.stream(camera(client), policy="latest", max_age=0.5):
            shown = f"{answer.latency * 1e3:.1f} ms" if answer.ok else answer.message
            print(answer.frame_id, answer.status.value, shown)


if __name__ == "__main__":
    main()
