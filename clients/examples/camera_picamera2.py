"""Says what a Raspberry Pi's camera sees now, from the small stream of picamera2.

    sudo apt install python3-picamera2
    python camera_picamera2.py --size 640x360 --server unix:///run/edgesegd/grpc.sock

Shows how the `lores` stream, which the camera's hardware scales, is sent as it is, and the `main`
stream stays free for recording. `picamera_frame` says where the planes of I420 are (`stride`), for
which colours the camera was configured, and when the sensor began with the frame. If nothing else
needs the camera, `open_source("picamera2")` does all of this.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

from picamera2 import Picamera2

from edgeseg_client import DEFAULT_ADDRESS, Client, EdgesegClientError, Frame
from edgeseg_client.sources import picamera_frame


def read_camera(camera: Picamera2) -> Iterator[Frame]:
    """The frames of the stream `lores` of a camera that was started."""
    while True:
        request = camera.capture_request()
        try:
            frame = picamera_frame(camera, request, "lores")  # a copy
        finally:
            request.release()
        yield frame


def read_size(text: str) -> tuple[int, int]:
    """Width and height of "640x360"."""
    width, _, height = text.partition("x")
    return int(width), int(height)


def main() -> None:
    """Print a line for each frame that was segmented."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=read_size, default="640x360", help="(%(default)s)")
    parser.add_argument("--server", default=DEFAULT_ADDRESS, help="the daemon (%(default)s)")
    parser.add_argument("--max-age", type=float, default=0.5, help="seconds (%(default)s)")
    arguments = parser.parse_args()
    local = arguments.server.startswith(
        "unix:"
    )  # on the same board: frames are not sent, but shared
    with Picamera2() as camera, Client(arguments.server, shared_memory=local) as client:
        lores = {"size": arguments.size, "format": "YUV420"}
        camera.configure(camera.create_video_configuration(lores=lores))
        camera.start()
        try:
            frames = read_camera(camera)
            for answer in client.stream(frames, policy="latest", max_age=arguments.max_age):
                if answer.ok:
                    age = time.time_ns() - answer.result.captured_unix_ns
                    seen = ", ".join(f"{name} {share:.0%}" for name, share in answer.shares.items())
                    print(f"{answer.frame_id}: {seen} ({age / 1e6:.0f} ms ago)", flush=True)
        except KeyboardInterrupt:
            sys.exit(130)
        except EdgesegClientError as error:
            sys.exit(f"camera_picamera2: {error}")
        finally:
            camera.stop()


if __name__ == "__main__":
    main()
