"""An RTSP camera for the system's Python, which has GStreamer: `rtsp_camera.py PORT`.

`/jpeg` is MJPEG, `/yuv` is H.264; a white ball moves over black.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 # after the versions

CAPS = "video/x-raw,format=I420,width=320,height=240,framerate=20/1"
PICTURES = f"videotestsrc is-live=true pattern=ball ! {CAPS}"
CODERS = {
    "/jpeg": "jpegenc ! rtpjpegpay name=pay0 pt=26",
    "/yuv": "x264enc tune=zerolatency ! rtph264pay config-interval=1 name=pay0 pt=96",
}

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(sys.argv[1])
for path, coder in CODERS.items():
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f"( {PICTURES} ! {coder} )")
    factory.set_shared(True)
    server.get_mount_points().add_factory(path, factory)
server.attach(None)
sys.stdout.write(f"{server.get_bound_port()}\n")
sys.stdout.flush()
GLib.MainLoop().run()
