"""Sidecars, right and wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgesegd.core.errors import ConfigError
from edgesegd.models.image_input import InputWishes
from edgesegd.models.normalization import Normalization
from edgesegd.models.output_candidates import OutputWishes
from edgesegd.models.pixel_map import ChannelOrder, Layout
from edgesegd.models.sidecar import Sidecar, read_sidecar, sidecar_path
from edgesegd.models.spec import OutputKind

EVERYTHING = """
[input]
mean = [1, 2.5, 3]
std = 4
size = [640, 480]
layout = "channels_first"
order = "bgr"
alpha = 0
[output]
index = 1
kind = "probability"
threshold = 0.25
unit = 255
shape = [48, 64]
layout = "channels_last"
[classes]
names = ["ground", "sky"]
palette = [[0, 0, 0], [255, 128, 1]]
[model]
note = "For indoor scenes only."
[pair]
cpu = "cpu/x.tflite"
"""


def read(folder: Path, text: str) -> Sidecar:
    path = folder / "x.toml"
    path.write_text(text)
    return read_sidecar(path)


def test_a_sidecar_lies_beside_its_model_with_the_same_name() -> None:
    assert sidecar_path(Path("a/x.v1.tflite")) == Path("a/x.v1.toml")
    assert sidecar_path(Path("a/x.v1")) == Path("a/x.v1.toml")


def test_an_absent_sidecar_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    assert read_sidecar(path) == Sidecar(path)


def test_all_keys_of_a_sidecar_are_read(tmp_path: Path) -> None:
    assert read(tmp_path, EVERYTHING) == Sidecar(
        path=tmp_path / "x.toml",
        normalization=Normalization((1.0, 2.5, 3.0), (4.0,)),
        input=InputWishes(
            size=(640, 480), layout=Layout.CHANNELS_FIRST, order=ChannelOrder.BGR, alpha=0
        ),
        output=OutputWishes(1, OutputKind.PROBABILITY, 255.0, (48, 64), Layout.CHANNELS_LAST),
        threshold=0.25,
        class_names=("ground", "sky"),
        palette=((0, 0, 0), (255, 128, 1)),
        cpu_twin=tmp_path / "cpu" / "x.tflite",
        note="For indoor scenes only.",
    )


def test_a_label_file_ends_at_its_first_blank_line(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("ground\n sky \n\nand a remark\n")
    sidecar = read(tmp_path, '[classes]\nfile = "labels.txt"')
    assert sidecar.class_names == ("ground", "sky")
    assert sidecar.names_may_exceed


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a = " + "[" * 100_000, "is not valid TOML"),
        ("[output]\nindex = 0x" + "9" * 10_000, "it is a number of too many digits"),
        ("[output]\nindex = 1" + "0" * 400, "output.index must be a whole number"),
        ('[pair]\ncpu = "a\\u0000b"', "pair.cpu must be the name of a file, which has no NUL"),
        ('[classes]\nfile = "a\\u0000b"', "classes.file must be the name of a file"),
        ("[inptu]", "there is no inptu; did you mean input?"),
        ("[input]\nmaen = 1", "there is no input.maen; did you mean input.mean?"),
        ("[pair]\nzzz = 1", "there is no pair.zzz; known: cpu"),
        ("input = 1", "input must be a section, [input]"),
        ("[input]\nmean = 1", "input.std must be given too, with the other; it is left out"),
        (
            "[input]\nmean = [1, 2]\nstd = 1",
            "input.mean must be one number, or one for each",
        ),
        (
            "[input]\nmean = true\nstd = 1",
            "input.mean must be one number, or one for each",
        ),
        (
            "[input]\nmean = nan\nstd = 1",
            "input.mean must be one number, or one for each",
        ),
        (
            '[input]\nmean = "1"\nstd = 1',
            "input.mean must be one number, or one for each",
        ),
        ("[input]\nmean = 0\nstd = [1, 0, 1]", "input.std must be greater than 0"),
        ('[model]\nnote = "a\\nb"', "model.note must be one line of at most 300 characters"),
        ("[model]\nnote = 3", "model.note must be one line"),
        ("[output]\nindex = -1", "output.index must be a whole number from 0 on; it is -1"),
        ("[output]\nindex = 1.0", "output.index must be a whole number"),
        ('[output]\nkind = "mask"', "output.kind must be one of logits, probabilities, multilabel"),
        ("[input]\nsize = [1, 64]", "input.size must be [width, height] in pixels"),
        ("[input]\nsize = [64.0, 64]", "input.size must be [width, height] in pixels"),
        ("[input]\nalpha = 256", "input.alpha must be a whole number from 0 to 255"),
        ('[input]\nlayout = "NCHW"', "input.layout must be one of channels_last, channels_first"),
        ("[output]\nshape = [64]", "output.shape must be [height, width] in pixels"),
        ("[output]\nshape = [64, true]", "output.shape must be [height, width] in pixels"),
        ("[output]\nlayout = 1", "output.layout must be one of channels_last, channels_first"),
        ("[output]\nthreshold = 1.5", "output.threshold must be a number from 0 to 1"),
        ("[classes]\nnames = []", "classes.names must be a list of names"),
        ('[classes]\nnames = ["a", 1]', "classes.names must be a list of names"),
        ("[classes]\npalette = [[0, 0]]", "classes.palette must be a list of colours"),
        ("[classes]\npalette = [[0, 0, 256]]", "classes.palette must be a list of colours"),
        ("[classes]\npalette = [[0, 0, true]]", "classes.palette must be a list of colours"),
        ('[classes]\nnames = ["a"]\nfile = "b"', "classes.file must be left out where"),
        ('[classes]\nfile = "missing.txt"', "missing.txt cannot be read"),
        ('[pair]\ncpu = ""', "pair.cpu must be the name of a file"),
        ("mean == 1", "is not valid TOML"),
        ("x = " + "[" * 5000, "is not valid TOML"),
        ("x = 1" + "0" * 5000, "is not valid TOML"),
    ],
)
def test_mistakes_in_a_sidecar_are_named(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert sentence in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_sidecar_that_is_no_text_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_sidecar(path)
    path.write_bytes(bytes(2 << 20))
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        read_sidecar(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_sidecar(path)


def test_what_is_no_file_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.toml")
    with pytest.raises(ConfigError, match=r"x\.toml cannot be read: it is not a regular file"):
        read_sidecar(tmp_path / "x.toml")
    os.mkfifo(tmp_path / "labels.txt")
    with pytest.raises(ConfigError, match=r"labels\.txt cannot be read"):
        (tmp_path / "x.toml").unlink()
        read(tmp_path, '[classes]\nfile = "labels.txt"')
