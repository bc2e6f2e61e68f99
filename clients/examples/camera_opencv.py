"""Says what a camera sees now, with OpenCV.

    pip install opencv-python-headless
    python camera_opencv.py 0
    python camera_opencv.py rtsp://camera.lan/stream --server board.lan:8460

Shows how frames get their capture time, and how only the newest one is segmented: the camera is
read all the time, so that no old frames wait in its driver, and `policy="latest"` drops those that
the daemon has no time for.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

import cv2

from edgeseg_client import DEFAULT_ADDRESS, Client, EdgesegClientError, Frame


def read_camera(source: str) -> Iterator[Frame]:
    """The frames of a camera's number, an address or a file, as JPEG, until it ends."""
    camera = cv2.VideoCapture(int(source) if source.isdecimal() else source)
    camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # drivers that have this queue fewer old frames
    if not camera.isOpened():
        raise OSError(f"the camera {source} cannot be opened")
    try:
        while camera.grab():  # waits for a frame; decoding it comes after its time was taken
            captured = time.time_ns()
            _, pixels = camera.retrieve()
            _, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])
            yield Frame(jpeg.tobytes(), captured_unix_ns=captured)
    finally:
        camera.release()


def main() -> None:
    """Print a line for each frame that was segmented."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", help="a camera's number, an address or a video file")
    parser.add_argument("--server", default=DEFAULT_ADDRESS, help="the daemon (%(default)s)")
    parser.add_argument("--max-age", type=float, default=0.5, help="seconds (%(default)s)")
    arguments = parser.parse_args()
    try:
        with Client(arguments.server) as client:
            frames = read_camera(arguments.source)
            for answer in client.stream(frames, policy="latest", max_age=arguments.max_age):
                if answer.ok:
                    age = time.time_ns() - answer.result.captured_unix_ns
                    seen = ", ".join(f"{name} {share:.0%}" for name, share in answer.shares.items())
                    print(f"{answer.frame_id}: {seen} ({age / 1e6:.0f} ms ago)", flush=True)
                elif answer.failed:
                    print(f"{answer.frame_id}: {answer.message}", file=sys.stderr)
    except KeyboardInterrupt:
        sys.exit(130)
    except (EdgesegClientError, OSError) as error:
        sys.exit(f"camera_opencv: {error}")


if __name__ == "__main__":
    main()
