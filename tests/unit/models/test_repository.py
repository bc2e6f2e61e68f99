"""Where a daemon's models are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgesegd.core.errors import ConfigError, ModelMissing
from edgesegd.models.catalogue.repository import ModelRepository, ModelSource, parse_source


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def found(repository: ModelRepository) -> dict[str, str]:
    return {source.name: source.version for source in repository.sources()}


def test_a_folder_holds_files_and_folders_of_versions(tmp_path: Path) -> None:
    touch(
        tmp_path / "rooms.tflite",
        tmp_path / "rooms.toml",
        tmp_path / "streets" / "2" / "model.tflite",
        tmp_path / "streets" / "10" / "model.tflite",
        tmp_path / "streets" / "11" / "notes.txt",
        tmp_path / "streets" / "latest" / "model.tflite",
        tmp_path / "empty" / "readme.md",
        tmp_path / ".hidden.tflite",
        tmp_path / ".partial" / "1" / "model.tflite",
    )
    repository = ModelRepository((), tmp_path)
    assert found(repository) == {"rooms": "", "streets": "10"}
    assert repository.find("rooms").path == tmp_path / "rooms.tflite"
    assert repository.find("streets").version == "10"
    assert repository.find("streets", "2").path == tmp_path / "streets" / "2" / "model.tflite"


def test_a_version_that_is_held_is_served_only_if_it_is_named(tmp_path: Path) -> None:
    versions = [tmp_path / "streets" / number / "model.tflite" for number in ("2", "3", "4")]
    touch(*versions, tmp_path / "streets" / "4" / "held", tmp_path / "rooms" / "1" / "held")
    touch(tmp_path / "rooms" / "1" / "model.tflite")
    repository = ModelRepository((), tmp_path)
    assert found(repository) == {"streets": "3"}
    assert repository.find("streets").version == "3"
    held = repository.find("streets", "4")
    assert held.path == versions[2]
    assert [each.version for each in repository.older(held)] == ["3", "2"]
    assert repository.newest("rooms") == ()
    assert repository.find("rooms", "1").version == "1"
    before = repository.state()
    (tmp_path / "streets" / "4" / "held").unlink()
    assert repository.state() != before, "a watched folder is reloaded"
    assert found(repository) == {"streets": "4"}


def test_a_compiled_twin_belongs_to_the_file_beside_it(tmp_path: Path) -> None:
    touch(tmp_path / "a.tflite", tmp_path / "a_edgetpu.tflite", tmp_path / "b_edgetpu.tflite")
    assert set(found(ModelRepository((), tmp_path))) == {"a", "b_edgetpu"}


@pytest.mark.parametrize("name", ["nothing", "", ".", "..", "../rooms", "streets/2", "€" * 256])
def test_a_name_that_is_nowhere_is_an_error_that_says_what_to_do(tmp_path: Path, name: str) -> None:
    touch(tmp_path / "in" / "rooms.tflite", tmp_path / "rooms" / "1" / "model.tflite")
    with pytest.raises(ModelMissing, match=r"there is no model .*; name its file"):
        ModelRepository((), tmp_path / "in").find(name)


def test_a_version_that_is_nowhere_is_an_error_with_those_that_there_are(tmp_path: Path) -> None:
    touch(tmp_path / "streets" / "2" / "model.tflite")
    with pytest.raises(ModelMissing, match="no version 3 of the model streets; there are 2"):
        ModelRepository((), tmp_path).find("streets", "3")


def test_a_model_that_was_named_is_found_by_its_name(tmp_path: Path) -> None:
    given = (ModelSource(tmp_path / "x.tflite"), ModelSource(tmp_path / "y.tflite", "rooms"))
    repository = ModelRepository(given, None)
    assert repository.find("rooms").path == tmp_path / "y.tflite"
    assert repository.find("x").path == tmp_path / "x.tflite"
    assert repository.sources() == given


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        ModelRepository((), tmp_path / "nowhere").sources()


def test_the_state_changes_with_each_file_and_sidecar(tmp_path: Path) -> None:
    touch(tmp_path / "rooms.tflite")
    repository = ModelRepository((), tmp_path)
    states = [repository.state()]
    (tmp_path / "rooms.toml").write_text("")
    states.append(repository.state())
    (tmp_path / "rooms.tflite").write_bytes(b"longer")
    states.append(repository.state())
    touch(tmp_path / "streets" / "1" / "model.tflite")
    states.append(repository.state())
    assert repository.state() == states[-1]
    assert all(one != other for number, one in enumerate(states) for other in states[:number])


@pytest.mark.parametrize(
    ("text", "name", "path"),
    [
        ("rooms=a.tflite", "rooms", "a.tflite"),
        ("a.tflite", "", "a.tflite"),
        ("./a=b.tflite", "", "./a=b.tflite"),
        ("/models/a=b.tflite", "", "/models/a=b.tflite"),
        ("rooms=/models/a=b.tflite", "rooms", "/models/a=b.tflite"),
    ],
)
def test_a_model_may_be_given_another_name(tmp_path: Path, text: str, name: str, path: str) -> None:
    assert parse_source(text, tmp_path) == ModelSource(Path(path), name)
