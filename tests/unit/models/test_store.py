"""Where models live, and what names mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgesegd.core.errors import ConfigError, ModelMissing
from edgesegd.models.catalogue.store import (
    StoredModel,
    default_data_dir,
    list_models,
    resolve_model,
)
from edgesegd.models.published import downloads


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"EDGESEG_DATA_DIR": "/a", "XDG_DATA_HOME": "/b", "HOME": "/c"}, "/a"),
        ({"XDG_DATA_HOME": "/b", "HOME": "/c"}, "/b/edgeseg"),
        ({"XDG_DATA_HOME": "relative", "HOME": "/c"}, "/c/.local/share/edgeseg"),
        ({"XDG_DATA_HOME": "", "HOME": "/c"}, "/c/.local/share/edgeseg"),
    ],
)
def test_the_data_folder_comes_from_the_environment(environ: dict[str, str], folder: str) -> None:
    assert default_data_dir(environ) == Path(folder)


def test_without_a_home_the_variable_for_the_data_folder_is_named() -> None:
    with pytest.raises(ConfigError, match="EDGESEG_DATA_DIR"):
        default_data_dir({})


def test_models_are_found_by_name_and_by_path(tmp_path: Path) -> None:
    kept = tmp_path / "models" / "rooms.tflite"
    kept.parent.mkdir()
    kept.touch()
    assert resolve_model("", tmp_path) == resolve_model("builtin", tmp_path)
    assert resolve_model("builtin", tmp_path).parts[-3:] == ("edgesegd", "builtin", "scenes.tflite")
    assert resolve_model("rooms", tmp_path) == kept
    assert resolve_model("./rooms", tmp_path) == Path("rooms")
    assert resolve_model("rooms.tflite", tmp_path) == Path("rooms.tflite")
    first, *others = list_models(tmp_path)
    assert first == StoredModel("builtin", resolve_model("", tmp_path))
    assert StoredModel("deeplabv3", None) in others
    assert StoredModel("rooms", kept) in others
    assert [each.name for each in others] == sorted([*downloads(), "rooms"])


def test_an_unknown_model_name_says_what_to_do(tmp_path: Path) -> None:
    for name, advice in (
        ("deeplabv3", "run `edgesegd models pull deeplabv3`"),
        ("deeplab3", "did you mean deeplabv3?"),
        ("zzz", "`edgesegd models list`"),
    ):
        with pytest.raises(ModelMissing, match=advice.replace("?", r"\?")):
            resolve_model(name, tmp_path)
