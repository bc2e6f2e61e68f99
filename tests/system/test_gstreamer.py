"""The elements `edgeseg` and `edgesegoverlay` in the system's own GStreamer."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeseg_client import Client, Plane, RawImage, Result
from edgeseg_client.frame import RawFormat
from scenes import draw_scene
from support.gstreamer import GStreamer
from support.running_daemon import RunningDaemon
from support.token_proxy import token_proxy
from support.video_frames import FORMATS, gray_pictures, raw_image

pytestmark = [pytest.mark.system, pytest.mark.slow]

SIZE = 322, 242
SCENES = 6
PICTURES = (
    f"multifilesrc location=scene%d.png index=0 stop-index={SCENES - 1}"
    " caps=image/png,framerate=10/1 ! pngdec ! videoconvert"
)


@pytest.fixture(scope="module")
def daemon() -> Iterator[RunningDaemon]:
    with RunningDaemon("--delegate=cpu") as daemon:
        yield daemon


@pytest.fixture(scope="module")
def gstreamer(daemon: RunningDaemon, tmp_path_factory: pytest.TempPathFactory) -> GStreamer:
    folder = tmp_path_factory.mktemp("gstreamer")
    for number in range(SCENES):
        scene(number).save(folder / f"scene{number}.png")
        scene(number).save(folder / f"scene{number}.jpg", quality=92)
    return GStreamer(folder, daemon.address)


@pytest.fixture(scope="module")
def client(daemon: RunningDaemon) -> Iterator[Client]:
    with Client(daemon.address) as client:
        yield client


def scene(number: int) -> Image.Image:
    return Image.fromarray(draw_scene(number).image).resize(SIZE)


def frames(path: Path, count: int) -> list[bytes]:
    """The frames of a file of equally large ones."""
    data = path.read_bytes()
    size = len(data) // count
    assert size * count == len(data)
    return [data[start : start + size] for start in range(0, len(data), size)]


def masks(path: Path, size: tuple[int, int] = SIZE) -> npt.NDArray[np.uint8]:
    return gray_pictures(path.read_bytes(), size)


def test_each_picture_gets_its_own_mask_and_all_are_out_before_the_end_of_the_stream(
    gstreamer: GStreamer, client: Client
) -> None:
    gstreamer.run(
        f"{PICTURES} ! video/x-raw,format=NV12 ! tee name=t"
        " ! queue ! filesink location=pictures.raw"
        " t. ! queue ! edgeseg name=s ! fakesink  s.mask ! queue ! filesink location=masks.raw"
    )
    pictures = frames(gstreamer.folder / "pictures.raw", SCENES)
    found = masks(gstreamer.folder / "masks.raw")
    wanted = [client.segment(raw_image(one, "NV12", SIZE), size="frame") for one in pictures]
    assert len(found) == SCENES
    for mask, result in zip(found, wanted, strict=True):
        assert np.array_equal(mask, result.labels)
    assert len({mask.tobytes() for mask in found}) == SCENES, "the scenes have different masks"


def test_every_format_has_the_mask_that_the_python_client_gets_of_the_same_bytes(
    gstreamer: GStreamer, client: Client
) -> None:
    """All formats in one process, each with a connection of its own."""
    gstreamer.run(
        " ".join(
            f"multifilesrc location=scene2.png num-buffers=1 caps=image/png,framerate=10/1 ! pngdec"
            f" ! videoconvert ! video/x-raw,format={name} ! tee name=t{name}"
            f" ! queue ! filesink location=picture.{name}"
            f" t{name}. ! queue ! edgeseg name=s{name} ! fakesink"
            f" s{name}.mask ! queue ! filesink location=mask.{name}"
            for name in FORMATS
        )
    )
    for name in FORMATS:
        picture = (gstreamer.folder / f"picture.{name}").read_bytes()
        found = masks(gstreamer.folder / f"mask.{name}")
        wanted = client.segment(raw_image(picture, name, SIZE), size="frame")
        assert found.shape[0] == 1, name
        assert np.array_equal(found[0], wanted.labels), name
        assert len(wanted.shares) > 2, name


def test_range_and_matrix_of_yuv_are_those_of_the_caps(
    gstreamer: GStreamer, client: Client
) -> None:
    """Read with the wrong ones, the picture has other colours and another mask."""
    gstreamer.run(
        "multifilesrc location=scene2.png num-buffers=1 caps=image/png,framerate=10/1 ! pngdec"
        " ! videoconvert ! video/x-raw,format=I420,colorimetry=1:3:5:1 ! tee name=t"
        " ! queue ! filesink location=full709.raw"
        " t. ! queue ! edgeseg name=s ! fakesink s.mask ! queue ! filesink location=full709.mask"
    )
    picture = (gstreamer.folder / "full709.raw").read_bytes()
    right = raw_image(picture, "I420", SIZE, yuv_matrix="bt709", yuv_range="full")
    found = masks(gstreamer.folder / "full709.mask")[0]
    assert np.array_equal(found, client.segment(right, size="frame").labels)
    wrong = client.segment(raw_image(picture, "I420", SIZE), size="frame").labels
    assert not np.array_equal(found, wrong)


def yuv_planes(picture: Image.Image) -> list[npt.NDArray[np.uint8]]:
    """Y, and U and V at half the size, full range BT.601 as Pillow has it."""
    luma, *chroma = picture.convert("YCbCr").split()
    half = (picture.width // 2, picture.height // 2)
    return [np.asarray(luma), *(np.asarray(one.resize(half)) for one in chroma)]


@pytest.mark.parametrize("name", ["NV12", "I420", "YV12", "RGB"])
def test_planes_are_where_the_video_meta_says_for_the_mask_and_for_the_overlay(
    gstreamer: GStreamer, client: Client, name: str
) -> None:
    """Padding around everything, which nobody reads and nobody writes."""
    width, height = SIZE
    y, u, v = yuv_planes(scene(2))
    rows = {
        "NV12": [y, np.dstack([u, v]).reshape(height // 2, width)],
        "I420": [y, u, v],
        "YV12": [y, v, u],
        "RGB": [np.asarray(scene(2)).reshape(height, 3 * width)],
    }[name]
    data, places = bytearray(b"\xa5" * 64), []
    for plane in rows:
        stride = plane.shape[1] + 38
        places.append(Plane(len(data), stride))
        padded = np.full((plane.shape[0] + 7, stride), 0xA5, np.uint8)
        padded[: plane.shape[0], : plane.shape[1]] = plane
        data += padded.tobytes()
    file = gstreamer.folder / f"padded-{name}.raw"
    file.write_bytes(data)
    gstreamer.program(
        "gstreamer_padded.py",
        str(file),
        name,
        str(width),
        str(height),
        *(f"{place.offset}:{place.stride}" for place in places),
    )
    formats: dict[str, RawFormat] = {"NV12": "nv12", "RGB": "rgb"}
    in_order = [places[0], *places[:0:-1]] if name == "YV12" else places
    image = RawImage(bytes(data), formats.get(name, "i420"), width, height, planes=in_order)
    wanted = client.segment(image, size="frame")
    found = np.frombuffer(file.with_suffix(".mask").read_bytes(), np.uint8).reshape(height, width)
    assert np.array_equal(found, wanted.labels)
    assert len(wanted.shares) > 2
    drawn = file.with_suffix(".drawn").read_bytes()
    assert len(drawn) == len(data)
    changed = np.frombuffer(drawn, np.uint8) != np.frombuffer(data, np.uint8)
    inside = np.zeros(len(data), np.bool_)
    for plane, place in zip(rows, places, strict=True):
        for row in range(plane.shape[0]):
            start = place.offset + row * place.stride
            inside[start : start + plane.shape[1]] = True
    assert changed[inside].any()
    assert not changed[~inside].any()


def test_jpegs_pass_untouched_and_their_masks_lie_over_the_rows_of_the_file(
    gstreamer: GStreamer, client: Client
) -> None:
    """The daemon turns a picture upright by its EXIF orientation; GStreamer's decoders do not."""
    upright, exif = scene(1), Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(
        gstreamer.folder / "turned0.jpg", exif=exif, quality=92
    )
    upright.save(gstreamer.folder / "turned1.jpg", quality=92)
    gstreamer.run(
        "multifilesrc location=turned%d.jpg index=0 stop-index=1 caps=image/jpeg,framerate=10/1"
        " ! edgeseg name=s ! filesink location=passed.jpg"
        " s.mask ! queue ! multifilesink location=turned%d.mask"
    )
    files = [(gstreamer.folder / f"turned{number}.jpg").read_bytes() for number in (0, 1)]
    assert (gstreamer.folder / "passed.jpg").read_bytes() == b"".join(files)
    turned, plain = (client.segment(file, size="frame").labels for file in files)
    assert turned.shape == plain.shape == (242, 322)
    found = masks(gstreamer.folder / "turned0.mask", (242, 322))[0]
    assert np.array_equal(found, np.rot90(turned))
    assert np.array_equal(masks(gstreamer.folder / "turned1.mask")[0], plain)
    assert len(np.unique(plain)) > 2


@pytest.mark.parametrize("size", ["model", "100x57"])
def test_masks_have_the_size_that_was_asked_for(
    gstreamer: GStreamer, client: Client, size: str
) -> None:
    gstreamer.run(
        "multifilesrc location=scene2.jpg num-buffers=1 caps=image/jpeg,framerate=10/1"
        f" ! edgeseg size={size} name=s ! fakesink s.mask ! queue ! filesink location=sized.mask"
    )
    jpeg = (gstreamer.folder / "scene2.jpg").read_bytes()
    wanted = client.segment(jpeg, size="model" if size == "model" else (100, 57)).labels
    found = masks(gstreamer.folder / "sized.mask", (wanted.shape[1], wanted.shape[0]))[0]
    assert np.array_equal(found, wanted)


def test_pixels_of_classes_that_were_not_asked_for_are_255(
    gstreamer: GStreamer, client: Client
) -> None:
    gstreamer.run(
        "multifilesrc location=scene2.jpg num-buffers=1 caps=image/jpeg,framerate=10/1"
        " ! edgeseg classes='robot, box' name=s ! fakesink"
        " s.mask ! queue ! filesink location=classes.mask"
    )
    jpeg = (gstreamer.folder / "scene2.jpg").read_bytes()
    wanted = client.segment(jpeg, size="frame", classes=["robot", "box"]).labels
    found = masks(gstreamer.folder / "classes.mask")[0]
    assert np.array_equal(found, wanted)
    assert 255 in found


def tinted(
    picture: npt.NDArray[np.uint8], result: Result, opacity: float
) -> npt.NDArray[np.float64]:
    """The picture, RGB, with each class that is not black in its colour."""
    colors = {one.id: np.array(one.color) for one in result.class_table if any(one.color)}
    drawn = picture.astype(np.float64)
    for class_id, color in colors.items():
        there = result.labels == class_id
        drawn[there] += (color - drawn[there]) * opacity
    return drawn


@pytest.mark.parametrize("opacity", [0.5, 1.0])
def test_the_overlay_draws_each_class_in_its_colour_over_the_picture(
    gstreamer: GStreamer, client: Client, opacity: float
) -> None:
    gstreamer.run(
        f"{PICTURES} ! video/x-raw,format=RGB ! edgeseg"
        f" ! edgesegoverlay opacity={opacity} ! filesink location=overlay.raw"
    )
    stride = 968
    for number, frame in enumerate(frames(gstreamer.folder / "overlay.raw", SCENES)):
        rows = np.frombuffer(frame, np.uint8).reshape(SIZE[1], stride)
        drawn = rows[:, : 3 * SIZE[0]].reshape(SIZE[1], SIZE[0], 3)
        picture = np.asarray(scene(number))
        result = client.segment(picture, size="frame")
        assert np.abs(drawn - tinted(picture, result, opacity)).max() <= 1
        assert np.abs(drawn.astype(int) - picture).max() > 50


@pytest.mark.parametrize("name", ["BGRx", "I420", "NV12", "YV12", "YUY2", "UYVY", "GRAY8"])
def test_the_overlay_looks_the_same_in_every_format(
    gstreamer: GStreamer, client: Client, name: str
) -> None:
    """Drawn in the format's own components, and only then converted to RGB."""
    gstreamer.run(
        "multifilesrc location=scene2.png num-buffers=1 caps=image/png,framerate=10/1 ! pngdec"
        f" ! videoconvert ! video/x-raw,format={name} ! tee name=t"
        " ! queue ! videoconvert ! pngenc ! filesink location=plain.png"
        f" t. ! queue ! edgeseg name=s ! edgesegoverlay ! videoconvert ! pngenc"
        " ! filesink location=drawn.png  s.mask ! queue ! filesink location=drawn.mask"
    )
    plain, drawn = (
        np.asarray(Image.open(gstreamer.folder / file).convert("RGB"), np.float64)
        for file in ("plain.png", "drawn.png")
    )
    labels = masks(gstreamer.folder / "drawn.mask")[0]
    result = client.segment(scene(2), size="frame")
    colors = np.zeros((256, 3))
    for one in result.class_table:
        colors[one.id] = one.color
    if name == "GRAY8":
        colors = np.repeat(colors @ [[0.299], [0.587], [0.114]], 3, axis=1)
    shown = colors.sum(axis=1)[labels] > 0
    # Inside the classes: at their edges the colours of neighbouring pixels are one.
    inside = np.ones(labels.shape, np.bool_)
    for shift in (1, 2, -1, -2):
        inside &= (np.roll(labels, shift, 0) == labels) & (np.roll(labels, shift, 1) == labels)
    wanted = np.where(shown[..., None], (plain + colors[labels]) / 2, plain)
    assert shown.mean() > 0.1
    differences = np.abs(drawn - wanted)[np.nonzero(inside)]
    assert differences.mean() < 2
    assert np.percentile(differences, 99) < 12


def test_a_mask_is_not_drawn_on_a_picture_that_was_turned_scaled_or_cropped(
    gstreamer: GStreamer,
) -> None:
    for change in (
        "videoflip video-direction=180",
        "videoscale ! video/x-raw,width=200,height=200",
        "videocrop left=20 right=10",
    ):
        said = gstreamer.run(
            "multifilesrc location=scene2.png num-buffers=1 caps=image/png,framerate=10/1 ! pngdec"
            f" ! videoconvert ! video/x-raw,format=I420 ! edgeseg ! {change} ! tee name=t"
            " ! queue ! filesink location=before.raw"
            " t. ! queue ! edgesegoverlay ! filesink location=behind.raw"
        )
        before, behind = (gstreamer.folder / f"{name}.raw" for name in ("before", "behind"))
        assert before.read_bytes() == behind.read_bytes(), change
        assert "put edgesegoverlay before these" in said, change


def test_masks_survive_elements_that_keep_the_geometry(gstreamer: GStreamer) -> None:
    said = gstreamer.run(
        "multifilesrc location=scene2.jpg num-buffers=1 caps=image/jpeg,framerate=10/1 ! edgeseg"
        " ! queue ! jpegdec ! videobalance saturation=0.5 ! tee name=t"
        " ! queue ! filesink location=before.raw"
        " t. ! queue ! edgesegoverlay ! filesink location=behind.raw"
    )
    before, behind = (gstreamer.folder / f"{name}.raw" for name in ("before", "behind"))
    assert before.read_bytes() != behind.read_bytes()
    assert "WARNING" not in said


def test_an_application_finds_the_mask_its_time_and_the_classes_in_the_meta(
    gstreamer: GStreamer, client: Client
) -> None:
    with gstreamer.app(
        f"{PICTURES} ! video/x-raw,format=RGB ! edgeseg ! appsink sync=false name=out"
    ) as app:
        app.until_message("eos")
        assert len(app.buffers()) == SCENES
        for number, line in enumerate(app.buffers()):
            result = client.segment(scene(number), size="frame")
            padded = np.pad(result.labels, ((0, 0), (0, 2)))
            mask = line["mask"]
            assert line["pts"] == mask["pts"] == number * 100_000_000
            assert mask["sha256"] == hashlib.sha256(padded.tobytes()).hexdigest()
            assert (mask["size"], mask["frame"], mask["model"]) == ([*SIZE], [*SIZE], "scenes")
            assert mask["names"] == [one.name for one in result.class_table]
            colors = bytes.fromhex(mask["colors"])
            assert colors == bytes(value for one in result.class_table for value in one.color)


def test_a_damaged_jpeg_passes_without_a_mask_and_the_next_one_has_its_own(
    gstreamer: GStreamer, client: Client
) -> None:
    whole = (gstreamer.folder / "scene2.jpg").read_bytes()
    (gstreamer.folder / "damaged0.jpg").write_bytes(whole[: len(whole) // 2])
    (gstreamer.folder / "damaged1.jpg").write_bytes(whole)
    said = gstreamer.run(
        "multifilesrc location=damaged%d.jpg index=0 stop-index=1 caps=image/jpeg,framerate=10/1"
        " ! edgeseg name=s ! queue ! filesink location=passed.jpg"
        " s.mask ! queue ! filesink location=damaged.mask"
    )
    assert "a picture passes without a mask: the JPEG is damaged" in said
    assert (gstreamer.folder / "passed.jpg").read_bytes() == whole[: len(whole) // 2] + whole
    found = masks(gstreamer.folder / "damaged.mask")
    assert len(found) == 1
    assert np.array_equal(
        found[0], client.segment(io.BytesIO(whole).getvalue(), size="frame").labels
    )


def test_pictures_without_masks_can_be_dropped(gstreamer: GStreamer) -> None:
    gstreamer.run(
        "multifilesrc location=damaged%d.jpg index=0 stop-index=1 caps=image/jpeg,framerate=10/1"
        " ! edgeseg drop=true ! filesink location=kept.jpg"
    )
    kept = (gstreamer.folder / "kept.jpg").read_bytes()
    assert kept == (gstreamer.folder / "damaged1.jpg").read_bytes()


def error_of(gstreamer: GStreamer, pipeline: str) -> str:
    """The first error of a pipeline, which can be ended after it.

    Not with gst-launch-1.0: that of GStreamer 1.22 sometimes misses an error that comes while it
    starts, also from other elements (`identity error-after=1`), and waits for ever.
    """
    with gstreamer.app(f"{pipeline} ! fakesink") as app:
        text: str = app.until_message("error")["text"]
    return text


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ("size=huge", "set frame, model or WIDTHxHEIGHT"),
        ("policy=newest", "there are: auto, latest, every"),
        ("classes=unicorn", "the model has no class 'unicorn'; it has: background, ball,"),
        ("model=other", "no model 'other' is served"),
        ("server=nowhere", "write HOST:PORT or unix:///PATH"),
        ("server=unix:///", "server=unix:/// is wrong"),
        ("ca=missing.pem", "ca cannot be read"),
        ("resize=crop size=model", "set size=frame"),
    ],
)
def test_wrong_properties_are_an_error_that_says_what_to_do(
    gstreamer: GStreamer, properties: str, said: str
) -> None:
    assert said in error_of(gstreamer, f"videotestsrc num-buffers=5 ! edgeseg {properties}")


@pytest.mark.parametrize(
    ("caps", "said"),
    [
        ("format=NV12,colorimetry=bt2020", "put videoconvert ! video/x-raw,colorimetry=bt709"),
        ("format=NV12,width=321", "put videoconvert ! video/x-raw,format=RGB"),
        ("format=RGB,colorimetry=2:1:5:1", "ask it for the colorimetry sRGB"),
    ],
)
def test_caps_that_cannot_be_segmented_rightly_are_an_error_that_says_what_to_do(
    gstreamer: GStreamer, caps: str, said: str
) -> None:
    source = f"videotestsrc num-buffers=5 ! video/x-raw,{caps}"
    assert said in error_of(gstreamer, f"{source} ! edgeseg")


def test_parts_of_files_are_an_error_that_names_the_source_to_use(gstreamer: GStreamer) -> None:
    said = error_of(gstreamer, "filesrc location=scene2.jpg ! edgeseg")
    assert "write multifilesrc location=… caps=image/jpeg" in said


def test_a_wrong_token_is_an_error_and_the_right_one_is_sent(
    gstreamer: GStreamer, daemon: RunningDaemon
) -> None:
    with token_proxy(daemon.address, "right") as guarded:
        pipeline = f"videotestsrc num-buffers=5 ! edgeseg server={guarded} name=s token="
        assert "set token" in error_of(gstreamer, f"{pipeline}wrong")
        gstreamer.run(
            f"{pipeline}right ! fakesink  s.mask ! queue ! filesink location=guarded.mask"
        )
        assert len(masks(gstreamer.folder / "guarded.mask", (320, 240))) == 5


def test_shared_memory_gives_the_same_masks(gstreamer: GStreamer, tmp_path: Path) -> None:
    socket = f"unix://{tmp_path}/grpc.sock"
    with RunningDaemon("--delegate=cpu", f"--listen={socket}") as shared:
        gstreamer.run(
            f"{PICTURES} ! video/x-raw,format=NV12 ! tee name=t"
            f" ! queue ! edgeseg server={socket} shared-memory=true name=a ! fakesink"
            f" t. ! queue ! edgeseg name=b ! fakesink"
            " a.mask ! queue ! filesink location=a.raw  b.mask ! queue ! filesink location=b.raw"
        )
        assert shared.metric("edgeseg_frames_total") == SCENES
    a, b = (masks(gstreamer.folder / f"{name}.raw") for name in "ab")
    assert len(a) == SCENES
    assert np.array_equal(a, b)
