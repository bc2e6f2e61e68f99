"""The CPU time that `edgeseg stream` takes for a frame of MJPEG at 720p, read over HTTP and sent.

The camera and the daemon are processes of their own. What is counted is the user and system time of
the sender's process between two frames, from its accounting by the kernel. The same is then counted
of a bare gRPC stream of that picture, which reads no camera and uses nothing of the client.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, cast

import psutil
from inputs import load_inputs

from edgesegd.bench.launch import LaunchedDaemon

CAMERA = """
import sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
jpeg = sys.stdin.buffer.read()
class Camera(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        kind = b"Content-Type: image/jpeg"
        head = b"--frame\\r\\n%b\\r\\nContent-Length: %d\\r\\n\\r\\n" % (kind, len(jpeg))
        try:
            while True:
                self.wfile.write(head + jpeg + b"\\r\\n")
                time.sleep(1 / 30)
        except OSError:
            pass
    def log_message(self, *args): pass
server = HTTPServer(("127.0.0.1", 0), Camera)
print(server.server_address[1], flush=True)
server.serve_forever()
"""
BARE_STREAM = Path(__file__).with_name("bare_stream.py")
WARM_UP = 60
"""Frames before the first that counts."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=600, help="frames that count (default: 600)")
    args = parser.parse_args()
    inputs = load_inputs()
    pipe = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    camera = subprocess.Popen([sys.executable, "-c", CAMERA], **pipe)  # type: ignore[call-overload]
    camera.stdin.write(inputs.jpeg)
    camera.stdin.close()
    address = f"http://127.0.0.1:{int(camera.stdout.readline())}/"
    daemon = LaunchedDaemon(f"--model={inputs.model.path}")
    stream = [sys.executable, "-m", "edgeseg_client", "stream", address, "--json"]
    sender = subprocess.Popen(
        [*stream, f"--server={daemon.address}"], stdout=subprocess.PIPE, text=True
    )
    try:
        process, lines = psutil.Process(sender.pid), cast(IO[str], sender.stdout)
        statuses = [json.loads(lines.readline())["status"] for _ in range(WARM_UP)]
        before = process.cpu_times()
        statuses = [json.loads(lines.readline())["status"] for _ in range(args.frames)]
        after = process.cpu_times()
        sender.kill()
        bare = _cpu_of_bare_stream(daemon.address, inputs.jpeg, args.frames)
    finally:
        for running in (sender, camera):
            running.kill()
            running.wait()
        daemon.stop()
    spent = after.user + after.system - before.user - before.system
    milliseconds = spent / args.frames * 1000
    ok = statuses.count("ok")
    print(f"{inputs.names}, {len(inputs.jpeg)} bytes: {args.frames} frames, {ok} results")
    print(f"sender's CPU for a frame: {milliseconds:.2f} ms, aim 1 or less")
    print(f"a bare gRPC stream of it: {bare:.2f} ms, sender / bare {milliseconds / bare:.2f}")


def _cpu_of_bare_stream(address: str, jpeg: bytes, frames: int) -> float:
    """The milliseconds of CPU time that a frame takes."""
    with tempfile.NamedTemporaryFile(suffix=".jpg") as picture:
        picture.write(jpeg)
        picture.flush()
        command = [sys.executable, str(BARE_STREAM), address, picture.name, str(frames)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


if __name__ == "__main__":
    main()
