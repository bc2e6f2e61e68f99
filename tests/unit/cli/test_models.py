"""`edgesegd models`, as it is typed."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path

import pytest

from edgesegd.cli.models import add_parser
from edgesegd.core.errors import ModelInvalid, ModelMissing
from support.graph_writer import GraphWriter

GOLDEN = Path(__file__).parents[1] / "models" / "data" / "with_metadata.tflite"


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGESEG_DATA_DIR", str(tmp_path))
    return tmp_path


def edgesegd(*words: str) -> int:
    parser = ArgumentParser()
    add_parser(parser.add_subparsers())
    args = parser.parse_args(words)
    status: int = args.run(args)
    return status


def test_models_list_shows_where_models_are(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data_dir / "models").mkdir()
    rooms = data_dir / "models" / "rooms.tflite"
    rooms.touch()
    assert edgesegd("models", "list") == 0
    printed = capsys.readouterr().out
    for expected in ("builtin", "scenes.tflite", "edgesegd models pull deeplabv3", "rooms.tflite"):
        assert expected in printed
    assert edgesegd("models", "list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["served"] == []
    known = {each["name"]: each["path"] for each in listed["known"]}
    assert known["rooms"] == str(rooms)
    assert known["deeplabv3"] is None
    assert known["builtin"].endswith("scenes.tflite")


def test_published_models_are_listed_with_their_licences(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert edgesegd("models", "list", "--published", "--json") == 0
    models = json.loads(capsys.readouterr().out)
    assert len({each["sha256"] or each["md5"] for each in models}) == len(models) > 10
    assert all(each["license"] and each["title"] for each in models)
    assert {"deeplabv3", "selfie", "selfie-multiclass"} <= {each["name"] for each in models}
    assert any("frame before" in each["refused"] for each in models)
    assert edgesegd("models", "list", "--published") == 0
    assert "Apache-2.0" in capsys.readouterr().out


def test_models_info_shows_facts_and_their_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert edgesegd("models", "info", str(GOLDEN)) == 0
    lines = capsys.readouterr().out.splitlines()
    for fact, value, source in (
        ("pixels become", "(pixel - (123.5, 116, 103.5)) / (58, 57, 57.5)", "metadata"),
        ("input", "(1, 8, 8, 3) float32", "file"),
        ("each value is", "one score per class", "file"),
        ("colours", "4 classes", "default"),
    ):
        assert any(
            line.startswith(f"{fact}: ") and value in line and line.endswith(f" the {source})")
            for line in lines
        ), fact
    place = lines.index("classes (names from the metadata):")
    assert lines[place + 1 : place + 3] == ["  0 ground  #000000", "  1 sky  #800000"]


def test_models_info_gives_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert edgesegd("models", "info", "--json", str(GOLDEN)) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["size"] == GOLDEN.stat().st_size
    assert facts["sha256"].startswith(facts["version"])
    assert facts["output_kind"] == "logits"
    assert facts["classes"][1] == {"name": "sky", "color": [128, 0, 0]}
    assert facts["sources"]["names"] == "metadata"


def test_models_info_without_a_name_is_of_the_builtin_model(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert edgesegd("models", "info", "--json") == 0
    assert json.loads(capsys.readouterr().out)["path"].endswith("scenes.tflite")


def test_models_commands_raise_model_missing_for_unknown_models() -> None:
    with pytest.raises(ModelMissing):
        edgesegd("models", "info", "deeplabv3")
    with pytest.raises(ModelMissing):
        edgesegd("models", "pull", "zzz")


@pytest.mark.realmodel
def test_models_pull_says_where_the_model_is(
    data_dir: Path, shared_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = str(shared_dir / "models" / "deeplabv3_257_mv_gpu.tflite")
    path = data_dir / "models" / "deeplabv3.tflite"
    assert edgesegd("models", "pull", "deeplabv3", "--from", source) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert edgesegd("models", "pull", "deeplabv3") == 0
    assert "already exists, and its SHA-256 is right" in capsys.readouterr().out


@pytest.mark.runtime
def test_a_mask_of_another_size_than_the_picture_is_asked_about_before_it_is_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = GraphWriter((1, 1, 1, 3), signature=(-1, -1, -1, 3))
    scores = graph.scores()
    corners = (graph.constant(each, "int32") for each in ([0] * 4, [0] * 4, [1, 2, 2, 1]))
    options = {"beginMask": 15, "endMask": 15}
    half = graph.add("STRIDED_SLICE", [scores, *corners], (1, 1, 1, 4), options=options)
    for at in (scores, half):
        graph.vary(at, (-1, -1, -1, 4))
    path, sidecar = tmp_path / "half.tflite", "[input]\nmean = 0\nstd = 1\nsize = [48, 32]\n"
    path.write_bytes(graph.write(half))
    path.with_suffix(".toml").write_text(sidecar)
    assert edgesegd("models", "info", str(path)) == 0
    shown = capsys.readouterr().out
    assert "mask: 48x32x4 (from the default)" in shown
    assert "note: the mask is taken to be as large as the picture" in shown
    with pytest.raises(ModelInvalid, match=r"write output\.shape = \[height, width\]"):
        edgesegd("models", "check", str(path))
    path.with_suffix(".toml").write_text(f"{sidecar}[output]\nshape = [16, 24]\n")
    assert edgesegd("models", "check", str(path)) == 0
