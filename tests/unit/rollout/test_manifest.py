"""What a manifest may say."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest

from edgesegd.core.errors import ConfigError, ModelMissing, ReleaseRefused
from edgesegd.rollout.making import make_manifest
from edgesegd.rollout.manifest import MANIFEST, read_manifest

DIGEST = sha256(b"abc").hexdigest()
FILE = {"size": 3, "sha256": DIGEST}
DOCUMENT: dict[str, Any] = {
    "format": 1,
    "release": "winter",
    "serial": 7,
    "percent": 12.5,
    "models": {"rooms": {"version": 4, "files": {"model.tflite": FILE, "model.toml": FILE}}},
}


def test_a_manifest_says_which_files_of_which_versions_belong_to_a_release() -> None:
    data = json.dumps(DOCUMENT).encode()
    manifest = read_manifest(data)
    assert (manifest.release, manifest.serial, manifest.percent) == ("winter", 7, 12.5)
    assert manifest.digest == sha256(data).hexdigest()
    [model] = manifest.models
    assert (model.name, model.version, model.sha256) == ("rooms", 4, FILE["sha256"])
    assert [model.path_of(file) for file in model.files] == [
        "rooms/4/model.tflite",
        "rooms/4/model.toml",
    ]
    assert manifest.size == 6


def model_named(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["models"].update({name: document["models"]["rooms"]})


def file_named(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["models"]["rooms"]["files"].update({name: FILE})


def file_with(**values: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["models"]["rooms"]["files"].update(
        {"model.tflite": {**FILE, **values}}
    )


def value(key: str, new: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: document.update({key: new})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (model_named("../rooms"), "'../rooms' in models cannot be a name"),
        (model_named("/etc"), "'/etc' in models cannot be a name"),
        (model_named(""), "'' in models cannot be a name"),
        (model_named(".rollout"), "cannot be a name"),
        (model_named("a" * 101), "cannot be a name"),
        (model_named("r\u00e4ume"), "cannot be a name"),
        (model_named("rooms\n"), "cannot be a name"),
        (model_named("ROOMS"), "differ in upper and lower case only"),
        (file_named("../model.tflite"), "cannot be a name"),
        (file_named("a/b"), "cannot be a name"),
        (file_named("a\\b"), "cannot be a name"),
        (file_named("a\0b"), "cannot be a name"),
        (file_named("held"), "a name of the daemon's own"),
        (file_with(size=0), "size must be a whole number from 1 to 1073741824"),
        (file_with(size=-1), "size must be a whole number"),
        (file_with(size=(1 << 30) + 1), "size must be a whole number"),
        (file_with(size=3.0), "size must be a whole number"),
        (file_with(size=True), "size must be a whole number"),
        (file_with(sha256=DIGEST.upper()), "sha256 must be 64 hexadecimal digits"),
        (file_with(sha256="ab"), "sha256 must be 64 hexadecimal digits"),
        (file_with(mode=0o777), "'mode', which this edgesegd does not know"),
        (value("format", 2), "has format 2, and this edgesegd reads 1 only"),
        (value("serial", 0), "serial must be a whole number from 1"),
        (value("serial", 1 << 31), "serial must be a whole number from 1"),
        (value("percent", 101), "percent must be a number from 0 to 100"),
        (value("percent", "10"), "percent must be a number from 0 to 100"),
        (value("release", ""), "release must be one line"),
        (value("release", "a\nb"), "release must be one line"),
        (value("models", {}), "models must be an object with at least one name"),
        (value("models", [1]), "models must be an object"),
        (value("also", 1), "the manifest has 'also'"),
        (lambda document: document.pop("percent"), "the manifest has no percent"),
        (
            lambda document: document["models"]["rooms"]["files"].pop("model.tflite"),
            "models.rooms.files has no model.tflite",
        ),
        (
            lambda document: document["models"]["rooms"].update(version="4"),
            "models.rooms.version must be a whole number",
        ),
    ],
)
def test_what_is_wrong_in_a_manifest_is_said(
    change: Callable[[dict[str, Any]], object], complaint: str
) -> None:
    document = copy.deepcopy(DOCUMENT)
    change(document)
    with pytest.raises(ReleaseRefused) as caught:
        read_manifest(json.dumps(document).encode())
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "the manifest must be an object"),
        (b'{"serial": 1, "serial": 2}', "'serial' is there twice"),
        (b'{"serial": NaN}', "NaN is not a number of JSON"),
        (b'{"serial": ' + b"9" * 5000 + b"}", "not valid JSON"),
    ],
)
def test_what_is_no_manifest_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(ReleaseRefused, match=complaint):
        read_manifest(data)


def test_damaged_manifests_are_refused_and_nothing_else() -> None:
    whole, random = json.dumps(DOCUMENT).encode(), Random(7)
    refused = 0
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(random.randint(1, 4)):
            place = random.randrange(len(data))
            data[place : place + random.randint(0, 2)] = random.choice(
                (b"", b"9", b'"', b"{", b"\xff")
            )
        try:
            manifest = read_manifest(bytes(data))
        except ReleaseRefused:
            refused += 1
        else:
            assert all("/" not in file.name for model in manifest.models for file in model.files)
    assert 2000 < refused < 3000


def add(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)


def made(
    folder: Path, *, serial: int | None = None, percent: float = 100.0, release: str = ""
) -> bytes:
    return make_manifest(folder, serial=serial, percent=percent, release=release)


def test_the_manifest_of_a_folder_has_the_highest_version_of_each_model(tmp_path: Path) -> None:
    add(
        tmp_path,
        *("rooms/3/model.tflite", "rooms/10/model.tflite", "rooms/10/model.toml", "rooms/10/held"),
        *("streets/1/model.tflite", "alone.tflite", "empty/readme.md", ".rollout/new/1/x"),
    )
    manifest = read_manifest(made(tmp_path))
    assert [(model.name, model.version) for model in manifest.models] == [
        ("rooms", 10),
        ("streets", 1),
    ]
    assert [file.name for file in manifest.models[0].files] == ["model.tflite", "model.toml"]
    assert manifest.release == manifest.content[:12]


def test_each_manifest_has_a_higher_serial_and_stages_keep_the_name(tmp_path: Path) -> None:
    add(tmp_path, "rooms/3/model.tflite")
    serials, names = [], set()
    for percent in (1, 10, 100):
        data = made(tmp_path, percent=percent)
        (tmp_path / MANIFEST).write_bytes(data)
        manifest = read_manifest(data)
        serials.append(manifest.serial)
        names.add(manifest.release)
    assert serials == [1, 2, 3]
    assert len(names) == 1
    assert read_manifest(made(tmp_path, serial=9, release="x")).serial == 9


def test_what_cannot_be_part_of_a_release_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"has no NAME/VERSION/model\.tflite"):
        made(tmp_path)
    with pytest.raises(ConfigError, match="cannot be read"):
        made(tmp_path / "nowhere")
    add(tmp_path, "rooms/3/model.tflite", "secret")
    with pytest.raises(ConfigError, match="percent must be a number from 0 to 100"):
        made(tmp_path, percent=float("nan"))
    (tmp_path / MANIFEST).write_text("{}")
    with pytest.raises(ConfigError, match="delete it and give --serial"):
        made(tmp_path)
    (tmp_path / MANIFEST).unlink()
    (tmp_path / "rooms" / "3" / "labels.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(ConfigError, match=r"labels\.txt is not a regular file"):
        made(tmp_path)
    (tmp_path / "rooms" / "3" / "labels.txt").unlink()
    for folder in (tmp_path / "rooms" / "3", tmp_path / "rooms"):
        aside = folder.rename(tmp_path / ".aside")
        folder.symlink_to(aside)
        with pytest.raises(ConfigError, match=f"{folder} is a link, which boards do not follow"):
            made(tmp_path)
        folder.unlink()
        aside.rename(folder)
    (tmp_path / "rooms").rename(tmp_path / "two rooms")
    with pytest.raises(ConfigError, match="'two rooms' cannot be the name of a model"):
        made(tmp_path)
