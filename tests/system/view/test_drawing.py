"""What the page draws: each picture with its own mask, as it was sent."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeseg_client import Client, Result
from scenes import draw_scene
from support.browser import Browser, Viewing
from support.camera import Camera
from support.labelling_daemon import CLASSES, GREYS, STRANGE, labels_of, number_of
from support.pictures import file_of
from support.running_daemon import RunningDaemon
from support.view_page import (
    OPACITY,
    PICTURES,
    halves,
    opened,
    pixels,
    tint,
    wait_for_frame,
    wait_for_parts,
    wait_for_text,
)

pytestmark = [pytest.mark.system, pytest.mark.slow]


def test_each_mask_is_that_of_the_picture_under_it(browser: Browser, server: str) -> None:
    numbers = set()
    with (
        Camera(PICTURES).running() as camera,
        Viewing(server, f"porch={camera.address()}") as view,
        opened(browser, view.address) as page,
    ):
        wait_for_frame(page)
        for _ in range(25):
            left, right = halves(pixels(page))
            number = number_of(float(right.mean()))
            numbers.add(number)
            expected = tint(GREYS[number], int(labels_of(number)[0, 0]))
            assert np.abs(left - expected).max() <= 4, (number, left, expected)
    assert len(numbers) > 3, "else nothing was compared"


def test_opacity_and_classes_change_what_is_drawn_and_not_what_is_sent(
    browser: Browser, server: str
) -> None:
    with (
        Camera([PICTURES[4]]).running() as camera,
        Viewing(server, f"porch={camera.address()}") as view,
        opened(browser, view.address) as page,
    ):
        wait_for_frame(page)
        grey, class_id = GREYS[4], int(labels_of(4)[0, 0])
        name = CLASSES[class_id][0]
        for opacity in (100, 0, 30):
            page.locator("#opacity").evaluate(
                "(one, value) => { one.value = value; one.dispatchEvent(new Event('input')); }",
                opacity,
            )
            left, _ = halves(pixels(page))
            assert np.abs(left - tint(grey, class_id, opacity / 100)).max() <= 4
        button = page.get_by_role("button", name=re.compile(rf"^{name} 50"))
        assert button.get_attribute("aria-pressed") == "true"
        button.click()
        assert button.get_attribute("aria-pressed") == "false"
        left, right = halves(pixels(page))
        assert np.abs(left - right).max() <= 3, "the class is hidden"
        page.reload()
        wait_for_frame(page)
        left, _ = halves(pixels(page))
        assert np.abs(left - tint(grey, class_id, 0.3)).max() <= 4, "the opacity is remembered"


@pytest.fixture(scope="module")
def scene() -> bytes:
    return file_of(Image.fromarray(draw_scene(7).image), "JPEG", quality=92)


def test_what_is_seen_and_saved_agrees_with_the_mask_on_every_pixel_within_a_class(
    browser: Browser, scene: bytes, tmp_path: Path
) -> None:
    (tmp_path / "scene.jpg").write_bytes(scene)
    with (
        RunningDaemon() as daemon,
        Client(daemon.address) as client,
        Viewing(daemon.address, f"porch={tmp_path}", "--size", "model") as view,
        opened(browser, view.address) as page,
    ):
        result = client.segment(scene, size="model")
        wait_for_frame(page)
        page.get_by_role("button", name="Pause", exact=True).click()
        saved = {}
        for kind in ("overlay", "mask", "picture"):
            page.locator(".menu summary").click()
            with page.expect_download() as download:
                page.locator(f'[data-save="{kind}"]').click()
            saved[kind] = Path(download.value.path()).read_bytes()
            saved[f"{kind} name"] = download.value.suggested_filename.encode()
        seen = pixels(page)

    assert saved["picture"] == scene
    assert saved["mask name"] == b"scene.jpg.labels.png"
    mask = Image.open(io.BytesIO(saved["mask"]))
    assert mask.mode == "P"
    assert (np.asarray(mask) == result.labels).all()
    palette = np.array(mask.getpalette()).reshape(-1, 3)
    for one in result.class_table:
        if one.id in set(np.unique(result.labels)):
            assert tuple(palette[one.id]) == one.color

    overlay = np.asarray(Image.open(io.BytesIO(saved["overlay"])).convert("RGB")).astype(int)
    picture = Image.open(io.BytesIO(scene)).convert("RGB")
    assert overlay.shape == (picture.height, picture.width, 3)
    for drawn in (overlay, seen):
        height, width = drawn.shape[:2]
        expected, inner = expected_overlay(result, picture, (width, height))
        assert inner.mean() > 0.5
        assert len(np.unique(expected[inner], axis=0)) > 1000
        difference = np.abs(drawn - expected).max(axis=2)[inner]
        # A screenshot has scaled the picture in another way, which shows at its edges.
        most = 2 if drawn is overlay else 40
        assert difference.max() <= most or np.percentile(difference, 99.5) <= most
        assert np.median(difference) <= 2


def expected_overlay(
    result: Result, picture: Image.Image, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """The overlay at that size, and the pixels that are two of the mask's pixels within a class."""
    labels = result.labels
    same = np.ones(labels.shape, np.bool_)
    for axis in (0, 1):
        for step in (-2, -1, 1, 2):
            same &= np.roll(labels, step, axis) == labels
    same[:2] = same[-2:] = same[:, :2] = same[:, -2:] = False
    nearest = Image.Resampling.NEAREST
    wide = np.asarray(Image.fromarray(labels).resize(size, nearest))
    inner = np.asarray(Image.fromarray(same).resize(size, nearest))
    colors = np.zeros((256, 3))
    opacity = np.zeros(256)
    for one in result.class_table:
        colors[one.id] = one.color
        opacity[one.id] = OPACITY if one.color != (0, 0, 0) else 0
    plain = np.asarray(picture.resize(size, Image.Resampling.BILINEAR)).astype(float)
    share = opacity[wide][..., None]
    return plain * (1 - share) + colors[wide] * share, inner


def test_a_picture_that_the_browser_cannot_decode_leaves_no_other_one_under_its_mask(
    browser: Browser, server: str, tmp_path: Path
) -> None:
    (tmp_path / "strange.jpg").write_bytes(STRANGE)
    (tmp_path / "grey.jpg").write_bytes(PICTURES[6])
    with Viewing(server) as view, opened(browser, view.address) as page:
        page.locator("#file").set_input_files(tmp_path / "grey.jpg")
        wait_for_text(page, ".position", "grey.jpg · 1 of 1")
        page.locator("#file").set_input_files(tmp_path / "strange.jpg")
        wait_for_text(page, ".position", "strange.jpg · 2 of 2")
        wait_for_parts(page, ".message", "cannot show the picture")
        seen = "document.querySelector('.picture').getContext('2d').getImageData(1, 1, 1, 1)"
        assert page.evaluate(f"() => {seen}.data[3]") == 0, "nothing is there"
        page.keyboard.press("ArrowLeft")
        wait_for_text(page, ".position", "grey.jpg · 1 of 2")
        _, right = halves(pixels(page))
        assert number_of(float(right.mean())) == 6


def test_a_picture_whose_decoding_fails_late_leaves_the_newer_one_as_it_is(
    browser: Browser, server: str, tmp_path: Path
) -> None:
    (tmp_path / "strange.jpg").write_bytes(STRANGE)
    (tmp_path / "grey.jpg").write_bytes(PICTURES[6])
    with Viewing(server) as view, opened(browser, view.address) as page:
        page.evaluate(
            "() => { const decode = createImageBitmap; window.createImageBitmap = (picture) =>"
            " window.failing ? new Promise((_, reject) => { window.fail = reject; })"
            " : decode(picture); }"
        )
        page.locator("#file").set_input_files(tmp_path / "grey.jpg")
        wait_for_text(page, ".position", "grey.jpg · 1 of 1")
        page.evaluate("() => { window.failing = true; }")
        page.locator("#file").set_input_files(tmp_path / "strange.jpg")
        page.wait_for_function("() => window.fail")
        page.evaluate("() => { window.failing = false; }")
        frame = page.locator(".card").get_attribute("data-frame")
        page.evaluate("() => document.querySelector('.card').removeAttribute('data-frame')")
        page.locator(".step-back").evaluate("(one) => { one.disabled = false; one.click(); }")
        page.wait_for_function(
            "(frame) => document.querySelector('.card').dataset.frame === frame", arg=frame
        )
        page.evaluate("() => window.fail(new Error('it cannot be decoded'))")
        page.wait_for_function("() => document.querySelector('.message').textContent === ''")
        left, right = halves(pixels(page))
        assert number_of(float(right.mean())) == 6
        assert np.abs(left - tint(GREYS[6], int(labels_of(6)[0, 0]))).max() <= 4


def test_classes_of_one_name_and_of_another_model_have_their_own_shares_and_colours(
    browser: Browser, server: str
) -> None:
    shown = (
        "() => [...document.querySelectorAll('.t button')].map((one) =>"
        " [one.querySelector('.name').textContent, one.querySelector('.share').textContent,"
        " one.style.getPropertyValue('--color'), one.getAttribute('aria-pressed')])"
    )
    with Viewing(server) as view, opened(browser, view.address) as page:
        page.evaluate(
            "async () => { const { Legend } = await import('./page/legend.js');"
            " const list = document.createElement('ul'); list.className = 't';"
            " document.body.append(list); window.legend = new Legend(list, () => {});"
            " window.show = (classes) => { legend.learn(classes); legend.update(classes); }; }"
        )
        page.evaluate(
            "() => show([{ id: 3, name: 'leaf', color: '#00ff00', share: 0.25 },"
            " { id: 1, name: 'leaf', color: '#008800', share: 0.5 }])"
        )
        assert page.evaluate(shown) == [
            ["leaf", "50 %", "#008800", "true"],
            ["leaf", "25 %", "#00ff00", "true"],
        ]
        page.locator(".t button").first.evaluate("(one) => one.click()")
        assert page.evaluate("() => [...legend.hidden]") == [1]
        page.evaluate(
            "() => show([{ id: 1, name: 'leaf', color: '#ff0000', share: 0.1 },"
            " { id: 3, name: 'road', color: '#000000', share: 0.2 }])"
        )
        assert page.evaluate(shown) == [
            ["leaf", "10 %", "#ff0000", "false"],  # it stays hidden
            ["road", "20 %", "#000000", "false"],  # as any black class
        ]
