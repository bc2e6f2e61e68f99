"""Cameras, videos and folders as sources of frames."""

from __future__ import annotations

import logging
import math
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from edgeseg_client import RawImage
from edgeseg_client.cli import main
from edgeseg_client.errors import SourceLost, WrongSource
from edgeseg_client.sources import Source, SourceFrame, open_source
from edgeseg_client.sources.folder import Pictures
from edgeseg_client.sources.live import LiveSource
from edgeseg_client.sources.mjpeg import MjpegAddress, StandardInput
from edgeseg_client.sources.opening import require_use
from edgeseg_client.sources.source import FrameTimer
from edgeseg_client.sources.video import StreamAddress, V4l2Camera, VideoFile
from support.camera import Camera
from support.pictures import file_of, gradient

COLORS = ("red", "green", "blue")
PICTURES = [file_of(Image.new("RGB", (64, 48), color), "JPEG", quality=95) for color in COLORS]


def video(
    path: Path,
    codec: str = "mpeg4",
    pixels: str = "yuv420p",
    size: tuple[int, int] = (64, 48),
    *,
    full: bool = False,
) -> Path:
    """Three frames, a quarter of a second apart."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=4)
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        for number, color in enumerate(COLORS):
            picture = Image.new("RGB", size, color)
            frame = av.VideoFrame.from_image(picture).reformat(
                format=pixels, dst_color_range=2 if full else 1
            )
            frame.pts, frame.time_base = number, Fraction(1, 4)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def color_of(frame: SourceFrame) -> str:
    """The colour that a frame's picture has most of."""
    mean = np.asarray(frame.picture()).reshape(-1, 3).mean(axis=0)
    return ("red", "green", "blue")[int(mean.argmax())]


@pytest.mark.parametrize(
    ("address", "kind", "name"),
    [
        ("0", V4l2Camera, "video0"),
        ("/dev/video2", V4l2Camera, "video2"),
        ("front=/dev/video2", V4l2Camera, "front"),
        ("-", StandardInput, "stdin"),
        ("pipe=-", StandardInput, "pipe"),
        ("rtsp://camera.lan:554/live?a=b", StreamAddress, "camera.lan"),
        ("yard=rtsp://user:secret@10.0.0.7/live", StreamAddress, "yard"),
        ("http://10.0.0.7/video.mjpg?x=1", MjpegAddress, "10.0.0.7"),
        ("http://10.0.0.7/live.m3u8", StreamAddress, "10.0.0.7"),
        ("photos", Pictures, "photos"),
        ("one=photos/a.png", Pictures, "one"),
        ("clip.mp4", VideoFile, "clip.mp4"),
        ("a=b.mp4", VideoFile, "a=b.mp4"),
    ],
)
def test_an_address_says_what_kind_of_source_it_is(
    address: str, kind: type[Source], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    gradient(8, 8).save("photos/a.png")
    Path("clip.mp4").touch()
    Path("a=b.mp4").touch()
    source = open_source(address)
    assert (type(source), source.name) == (kind, name)


@pytest.mark.parametrize("address", ["nothing.mp4", "http://", "rtsp://[", "mqtt", ""])
def test_what_is_no_source_is_an_error(address: str) -> None:
    with pytest.raises(WrongSource):
        open_source(address)


def test_an_empty_source_is_not_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gradient(8, 8).save(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WrongSource, match="the source is empty"):
        open_source("")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("a=- b=-", "a and b are all standard input"),
        ("rtsp://127.0.0.1:9/live --fps 5", "--fps is for V4L2 cameras, "),
        ("- --fps 5", "--fps is for"),
        ("photos --realtime", "--realtime is for videos, and photos is none of them"),
        ("photos --camera-size 64x48", "--camera-size is for V4L2 cameras and picamera2"),
        ("/dev/video7 --loop 2", "--loop is for pictures and videos"),
    ],
)
def test_what_would_do_nothing_is_refused(
    arguments: str,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "photos").mkdir()
    gradient(8, 8).save(tmp_path / "photos" / "a.png")
    monkeypatch.chdir(tmp_path)
    assert main(["stream", *arguments.split()]) == 2
    assert says in capsys.readouterr().err


def test_an_option_may_be_for_one_of_several_sources(tmp_path: Path) -> None:
    gradient(8, 8).save(tmp_path / "a.png")
    sources = [open_source(str(tmp_path), fps=5), open_source("-", fps=5)]
    require_use(["--fps", "--loop"], sources)
    with pytest.raises(WrongSource):
        require_use(["--realtime"], sources)


def test_fps_for_mjpeg_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with Camera(PICTURES).running() as camera, open_source(camera.address(), fps=5) as source:
        next(iter(source))
    assert "127.0.0.1 sends MJPEG at its own pace; fps does nothing" in caplog.messages


def test_a_camera_on_the_network_gives_its_pictures_untouched() -> None:
    with Camera(PICTURES).running() as camera, open_source(camera.address()) as source:
        frames = list(islice(source, 5))
    assert [frame.image for frame in frames] == [PICTURES[number % 3] for number in range(5)]
    assert [frame.id for frame in frames] == list(range(5))
    assert source.policy == "latest"
    assert all(frame.captured_unix_ns for frame in frames)


def test_an_address_of_one_picture_is_asked_again_and_again() -> None:
    with (
        Camera(PICTURES).running() as camera,
        open_source(camera.address("/picture"), fps=200) as source,
    ):
        frames = list(islice(source, 4))
        assert camera.requests == 4
    assert {frame.image for frame in frames} == set(PICTURES)


def test_a_camera_may_want_a_password() -> None:
    with Camera(PICTURES).running() as camera:
        with open_source(camera.address("/secret", "user:p%40ss")) as source:
            assert next(iter(source)).image == PICTURES[0]
        with (
            open_source(camera.address("/secret")) as source,
            pytest.raises(WrongSource, match="wants a name and a password"),
        ):
            next(iter(source))


def test_a_page_is_no_camera() -> None:
    with (
        Camera(PICTURES).running() as camera,
        open_source(camera.address("/page")) as source,
        pytest.raises(WrongSource, match="text/html, not MJPEG"),
    ):
        next(iter(source))


def test_a_camera_that_is_not_there_is_an_error_after_the_wait() -> None:
    with Camera(PICTURES).running() as camera:
        gone = camera.address()
    with open_source(gone, wait=0.1) as source, pytest.raises(SourceLost, match="refused"):
        next(iter(source))
    with (
        Camera(PICTURES).running() as camera,
        open_source(camera.address("/nowhere"), wait=0.1) as source,
        pytest.raises(SourceLost, match="404"),
    ):
        next(iter(source))


def test_a_camera_that_was_lost_is_opened_again_and_both_are_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    states: list[str] = []
    camera = Camera(PICTURES)
    with camera.running():
        source = open_source(f"door={camera.address()}")
        source.on_state = states.append
        frames = iter(source)
        assert next(frames).id == 0
    back = threading.Event()

    def come_back() -> None:
        while not states:
            threading.Event().wait(0.01)
        with Camera(PICTURES, camera.port).running():
            assert back.wait(60)

    thread = threading.Thread(target=come_back)
    thread.start()
    try:
        ids = [frame.id for frame in islice(frames, 3)]
    finally:
        back.set()
        thread.join()
        source.close()
    assert ids[-1] == (ids[0] or 0) + 2, "ids go on"
    assert states[-1] == ""
    assert states[0]
    assert any(line.startswith("door is lost") for line in caplog.messages)
    assert "door is back" in caplog.messages


def test_a_source_that_is_closed_ends() -> None:
    with Camera(PICTURES).running() as camera:
        source = open_source(camera.address())
        frames = iter(source)
        next(frames)
        source.close()
        assert len(list(frames)) <= 1


def test_mjpeg_is_read_from_standard_input() -> None:
    program = (
        "from edgeseg_client.sources import open_source\n"
        "for frame in open_source('-'): print(frame.id, len(frame.image))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=b"".join(PICTURES),
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.decode().splitlines() == [
        f"{number} {len(picture)}" for number, picture in enumerate(PICTURES)
    ]


@pytest.mark.parametrize("sent", [b"", b"\0\0\0 ftypisom" * 100, PICTURES[0][:-9]])
def test_standard_input_without_a_picture_says_what_to_send(sent: bytes) -> None:
    program = "from edgeseg_client.sources import open_source; list(open_source('-'))"
    done = subprocess.run(
        [sys.executable, "-c", program], input=sent, capture_output=True, check=False, timeout=60
    )
    assert b"WrongSource: there was no JPEG picture on standard input" in done.stderr
    assert b"rpicam-vid --codec mjpeg -o -" in done.stderr


class Empty(LiveSource):
    """Ends at once."""

    def open_once(self) -> Iterator[SourceFrame]:
        yield from ()


def test_an_address_that_ends_without_a_picture_is_an_error_after_the_wait() -> None:
    with Empty("door", wait=0.1) as source, pytest.raises(SourceLost, match="without a picture"):
        next(iter(source))


def test_a_video_is_read_frame_by_frame_with_its_times(tmp_path: Path) -> None:
    source = open_source(str(video(tmp_path / "clip.mp4")))
    frames = list(source)
    assert [frame.seconds for frame in frames] == [0.0, 0.25, 0.5]
    assert [color_of(frame) for frame in frames] == list(COLORS)
    assert all(isinstance(frame.image, RawImage) for frame in frames), "not converted"
    assert source.policy == "every"


@pytest.mark.parametrize(
    ("codec", "pixels", "format_"),
    [
        ("mpeg4", "yuv420p", "i420"),
        ("rawvideo", "nv12", "nv12"),
        ("rawvideo", "yuyv422", "yuyv"),
        ("rawvideo", "gray", "gray8"),
        ("ffv1", "yuv422p", None),
    ],
)
def test_pixels_go_on_as_they_are_if_the_daemon_knows_them(
    codec: str, pixels: str, format_: str | None, tmp_path: Path
) -> None:
    frames = list(open_source(str(video(tmp_path / "clip.mkv", codec, pixels))))
    assert len(frames) == 3
    image = frames[0].image
    assert (image.format if isinstance(image, RawImage) else None) == format_
    if pixels != "gray":
        assert [color_of(frame) for frame in frames] == list(COLORS)


def test_a_video_of_an_odd_size_is_read(tmp_path: Path) -> None:
    frames = list(open_source(str(video(tmp_path / "odd.mkv", "ffv1", size=(63, 47)))))
    assert [frame.picture().size for frame in frames] == [(63, 47)] * 3
    assert [color_of(frame) for frame in frames] == list(COLORS)


def test_pictures_of_a_video_in_mjpeg_are_untouched(tmp_path: Path) -> None:
    path = video(tmp_path / "clip.avi", "mjpeg", "yuvj420p", full=True)
    frames = list(open_source(str(path)))
    assert [color_of(frame) for frame in frames] == list(COLORS)
    content = path.read_bytes()
    for frame in frames:
        assert isinstance(frame.image, bytes)
        assert frame.image[:2] == b"\xff\xd8"
        assert frame.image in content


def test_the_full_range_of_a_video_is_said(tmp_path: Path) -> None:
    (frame, *_) = open_source(str(video(tmp_path / "a.mkv", "ffv1", "yuv420p")))
    assert isinstance(frame.image, RawImage)
    limited = np.asarray(frame.picture())
    assert np.abs(limited.astype(int) - (255, 0, 0)).max() < 8
    assert frame.image.yuv_range == "limited"


@pytest.mark.parametrize("rounds", [1, 2])
def test_a_video_is_played_as_often_as_asked(rounds: int, tmp_path: Path) -> None:
    frames = list(open_source(str(video(tmp_path / "clip.mp4")), rounds=rounds))
    assert [frame.id for frame in frames] == list(range(3 * rounds))


def set_display_matrix(path: Path, matrix: tuple[int, ...]) -> None:
    """Write (a, b, c, d) into the track header, ISO/IEC 14496-12, 8.3.2."""
    content = bytearray(path.read_bytes())
    begin = content.index(b"tkhd") + 4 + 40
    a, b, c, d = matrix
    content[begin : begin + 36] = struct.pack(
        ">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30
    )
    path.write_bytes(content)


SHOWN = {
    (1, 0, 0, 1): None,
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,  # clockwise
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}


@pytest.mark.parametrize("codec", ["mpeg4", "mjpeg"])
@pytest.mark.parametrize("matrix", SHOWN)
def test_a_video_is_turned_and_mirrored_as_a_player_does(
    matrix: tuple[int, int, int, int], codec: str, tmp_path: Path
) -> None:
    picture = Image.new("RGB", (64, 48), "black")
    picture.paste("red", (0, 0, 32, 24))
    picture.paste("green", (32, 0, 64, 24))
    path = tmp_path / "clip.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=4)
        stream.width, stream.height = picture.size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number in range(2):
            frame = av.VideoFrame.from_image(picture)
            frame.pts, frame.time_base = number, Fraction(1, 4)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    set_display_matrix(path, matrix)
    frames = list(open_source(str(path)))
    turn = SHOWN[matrix]
    shown = picture if turn is None else picture.transpose(turn)
    assert [frame.picture().size for frame in frames] == [shown.size] * 2
    for frame in frames:
        difference = np.asarray(frame.picture()).astype(int) - np.asarray(shown)
        assert np.abs(difference).mean() < 12


def test_a_video_that_is_shown_sheared_is_an_error(tmp_path: Path) -> None:
    path = video(tmp_path / "clip.mp4")
    set_display_matrix(path, (1, 1, 0, 1))
    with pytest.raises(WrongSource, match="no multiple of 90 degrees"):
        list(open_source(str(path)))


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder's files."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_a_video_at_an_address_is_read_whole_and_once(tmp_path: Path) -> None:
    video(tmp_path / "clip.mp4")
    with served(tmp_path) as address:
        source = open_source(f"{address}/clip.mp4")
        assert source.policy == "every"
        assert [color_of(frame) for frame in source] == list(COLORS)
        late = StreamAddress("late", f"{address}/clip.mp4", wait=5)
        assert [color_of(frame) for frame in late] == list(COLORS)


@pytest.mark.parametrize("end", ["mkv", "h264"])
def test_a_video_is_paced_from_its_first_frame(
    end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its times may begin late, and a bare stream has none."""
    path = tmp_path / f"clip.{end}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))
            frame.pts, frame.time_base = number + 250_000, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    waits: list[float] = []
    monkeypatch.setattr(FrameTimer, "wait", lambda _, seconds: waits.append(seconds))
    assert len(list(open_source(str(path), realtime=True, rounds=2))) == 8
    assert waits == pytest.approx([number / 25 for number in range(8)], abs=0.002)


LEAVING = {
    "a break": "for frame in source: break\n",
    "close": "frames = iter(source); next(frames); source.close(); print(len(list(frames)))\n",
    "Ctrl-C": "for frame in source: signal.raise_signal(signal.SIGINT)\n",
}


@pytest.mark.parametrize("how", LEAVING)
def test_a_video_that_is_left_early_does_not_hang(how: str, tmp_path: Path) -> None:
    """Its decoder has threads, which end with it."""
    path = tmp_path / "long.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(200):
            frame = av.VideoFrame.from_ndarray(np.full((240, 320, 3), number, np.uint8))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    program = (
        "import av, faulthandler, signal\n"
        "from edgeseg_client.sources import open_source\n"
        "faulthandler.dump_traceback_later(60, exit=True)\n"
        "for turn in range(30):\n"
        "    av.logging.set_level(av.logging.VERBOSE)\n"
        "    try:\n"
        f"        with open_source({str(path)!r}) as source:\n"
        f"            {LEAVING[how]}"
        "    except KeyboardInterrupt: pass\n"
        "print('left')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.splitlines()[-1:] == ["left"], done.stderr


def test_a_file_that_is_no_video_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"no video" * 100)
    with pytest.raises(WrongSource, match="no video that can be read"):
        list(open_source(str(path)))


def test_sound_without_pictures_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(WrongSource, match="has no video"):
        list(open_source(str(path)))


def test_without_pyav_a_video_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = video(tmp_path / "clip.mp4")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(WrongSource, match=r"pip install 'edgeseg\[video\]'"):
        list(open_source(str(path)))
    with pytest.raises(WrongSource, match=r"pip install 'edgeseg\[video\]'"):
        open_source("rtsp://camera.lan/live")


def test_a_file_that_is_replaced_does_not_change_the_frame_that_was_taken(tmp_path: Path) -> None:
    """A mask is drawn on the picture that it was made of."""
    (tmp_path / "latest.jpg").write_bytes(PICTURES[0])
    (frame,) = open_source(str(tmp_path))
    (tmp_path / "latest.jpg").write_bytes(PICTURES[1])
    assert color_of(frame) == "red"
    assert (frame.image, frame.label) == (PICTURES[0], "latest.jpg")


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://adm:hunter2@127.0.0.1:9/live?token=secret",
        "http://adm:hunter2@127.0.0.1:9/video.mjpg?token=secret",
        "http://adm:hunter2@127.0.0.1:9/live.m3u8?token=secret",
    ],
)
def test_an_error_names_an_address_without_its_password_and_query(address: str) -> None:
    with open_source(address, wait=0.1) as source, pytest.raises(SourceLost) as raised:
        next(iter(source))
    assert "127.0.0.1:9/" in str(raised.value)
    for secret in ("adm", "hunter2", "secret"):
        assert secret not in str(raised.value)
        assert secret not in source.name


class Changing(LiveSource):
    """Gives a frame, then answers wrongly, then gives a frame again."""

    turns = 0

    def open_once(self) -> Iterator[SourceFrame]:
        self.turns += 1
        if self.turns in self.wrong:
            raise WrongSource("text/html, not MJPEG")
        yield SourceFrame(PICTURES[0])

    wrong: tuple[int, ...] = (2,)


def test_a_camera_that_was_right_once_is_tried_again_whatever_it_answers() -> None:
    with Changing("door", wait=5) as source:
        frames = iter(source)
        assert [next(frames).id, next(frames).id] == [0, 1]
        assert source.turns == 3


def test_a_camera_that_is_waited_for_may_be_wrong_at_first() -> None:
    with Changing("door", wait=math.inf) as source:
        source.wrong = (1, 2)
        assert next(iter(source)).id == 0
    with Changing("door", wait=5) as source:
        source.wrong = (1,)
        with pytest.raises(WrongSource):
            next(iter(source))


@pytest.mark.parametrize("name", ["caf\udce9", "a\n\x1b[31mred", "Vordertür"])
def test_names_can_be_printed(name: str, tmp_path: Path) -> None:
    source = open_source(str(video(tmp_path / "clip.mp4")), name=name)
    assert source.name.isprintable()
    source.name.encode()
    assert source.name == name or "\N{REPLACEMENT CHARACTER}" in source.name
