"""A choice is remembered for as long as what it depends on is the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgesegd.core.delegates.locate import locate_library
from edgesegd.core.delegates.selection import Selection
from edgesegd.core.delegates.spec import DelegateSpec, parse_delegate
from edgesegd.probe.memory import ChoiceMemory, library_facts, machine_facts

CHOICES = Selection(
    ladder=((parse_delegate("/opt/libnpu.so:cores=2"), 1), (DelegateSpec(), 4)),
    beside=((parse_delegate("edgetpu:usb:1"), 2),),
)
FACTS = {"model": "5d", "libraries": {"libnpu.so": "ab"}}


def memory(folder: Path, **facts: object) -> ChoiceMemory:
    return ChoiceMemory(folder, "5d" * 32, {**FACTS, **facts})


def test_a_kept_choice_is_recalled(tmp_path: Path) -> None:
    memory(tmp_path / "state").keep(CHOICES, [])
    assert memory(tmp_path / "state").recall() == CHOICES


def test_without_a_kept_choice_nothing_is_recalled(tmp_path: Path) -> None:
    first = memory(tmp_path)
    assert first.recall() is None
    assert first.gap == "no probe was made before"


def test_a_kept_choice_is_not_recalled_where_a_fact_changed(tmp_path: Path) -> None:
    memory(tmp_path).keep(CHOICES, [])
    other = memory(tmp_path, libraries={"libnpu.so": "cd"})
    assert other.recall() is None
    assert other.gap == "since the last probe changed: libraries"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"facts": {}, "schema": 1, "ladder": [1], "beside": []}',
        '{"facts": 1}',
        '{"facts": [], "schema": 1, "ladder": [], "beside": []}',
        '{"facts": {}, "schema": 1, "ladder": [{"delegate": [], "threads": 1}], "beside": []}',
        "[" * 100_000,
        "\0",
    ],
)
def test_a_damaged_file_of_the_choice_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    memory(tmp_path).path.write_text(text)
    assert memory(tmp_path).recall() is None
    memory(tmp_path).keep(CHOICES, [])
    assert memory(tmp_path).recall() == CHOICES


def test_a_kept_choice_of_another_schema_is_not_recalled(tmp_path: Path) -> None:
    kept = memory(tmp_path)
    kept.keep(CHOICES, [])
    kept.path.write_text(json.dumps(json.loads(kept.path.read_text()) | {"schema": 0}))
    assert kept.recall() is None


def test_a_choice_that_cannot_be_kept_is_a_warning_and_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    memory(tmp_path / "file").keep(CHOICES, [])
    assert "cannot be kept" in caplog.text


def test_the_facts_of_this_machine_do_not_change_by_themselves() -> None:
    assert machine_facts() == machine_facts()
    assert any(machine_facts()["runtimes"].values())


def test_libraries_are_told_apart_by_their_content(tmp_path: Path) -> None:
    library = tmp_path / "libnpu.so"
    delegates = [parse_delegate(str(library))]
    assert library_facts(delegates) == {str(library): ""}
    library.write_bytes(b"one")
    one = library_facts(delegates)
    library.write_bytes(b"two")
    assert len(one[str(library)]) == 64
    assert library_facts(delegates) != one


def test_libraries_are_found_where_the_linker_finds_them(tmp_path: Path) -> None:
    assert locate_library("libc.so.6") is not None
    assert locate_library("libnpu.so", {}) is None
    (tmp_path / "libnpu.so").write_bytes(b"")
    environ = {"LD_LIBRARY_PATH": f"/nowhere:{tmp_path}"}
    assert locate_library("libnpu.so", environ) == tmp_path / "libnpu.so"
