"""Cameras, videos and folders as sources of frames.

>>> with open_source("rtsp://camera.lan/stream") as source, Client() as client:
...     for answer in client.stream(source):
...         print(answer.share("person"))
"""

from edgeseg_client.sources.opening import open_source
from edgeseg_client.sources.picamera import picamera_frame
from edgeseg_client.sources.source import Source, SourceFrame

__all__ = ["Source", "SourceFrame", "open_source", "picamera_frame"]
