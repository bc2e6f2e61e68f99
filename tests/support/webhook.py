"""A program that prints its URL, and then each message that is posted to it as a line of JSON."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        say(json.dumps(message))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # named by the base
        """Do not log."""


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with HTTPServer(("127.0.0.1", 0), _Handler) as server:
        say(f"http://127.0.0.1:{server.server_address[1]}/alerts")
        server.serve_forever()
