"""`edgesegd models`, as it is typed."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path

import pytest

from edgesegd.cli.models import add_parser
from edgesegd.core.errors import ModelMissing

GOLDEN = Path(__file__).parents[1] / "models" / "data" / "with_metadata.tflite"


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGESEG_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
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
    (data_dir / "models" / "rooms.tflite").touch()
    assert edgesegd("models", "list") == 0
    printed = capsys.readouterr().out
    for expected in ("builtin", "scenes.tflite", "edgesegd models pull deeplabv3", "rooms.tflite"):
        assert expected in printed


def test_models_info_shows_facts_and_their_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert edgesegd("models", "info", str(GOLDEN)) == 0
    lines = capsys.readouterr().out.splitlines()
    for fact, value, source in (
        ("pixels become", "(pixel - (123.5, 116, 103.5)) / (58, 57, 57.5)", "metadata"),
        ("input", "(1, 8, 8, 3) float32", "file"),
        ("each value is", "one score per class", "file"),
        ("classes", "0 ground", "metadata"),
        ("colours", "4 classes", "default"),
    ):
        assert any(
            line.strip().startswith(fact) and value in line and line.strip().endswith(source)
            for line in lines
        ), fact


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
