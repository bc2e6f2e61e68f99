"""A choice is remembered for as long as what it depends on is the same."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from edgesegd.delegates.locate import locate_library
from edgesegd.delegates.spec import DelegateSpec, parse_delegate
from edgesegd.probe.choice_store import ChoiceStore, library_facts, machine_facts
from edgesegd.probe.report import Finding, Verdict
from support.stored_choice import CHOICE, MEASURED

CHOICES = replace(CHOICE, findings=())
FACTS = {"model": "5d", "libraries": {"libnpu.so": "ab"}}


def store(folder: Path, **facts: object) -> ChoiceStore:
    return ChoiceStore(folder, "5d" * 32, {**FACTS, **facts})


def test_a_kept_choice_is_recalled(tmp_path: Path) -> None:
    store(tmp_path / "state").save(CHOICES)
    assert store(tmp_path / "state").load() == CHOICES


def test_findings_are_recalled_with_what_was_measured(tmp_path: Path) -> None:
    absent = Finding(parse_delegate("edgetpu"), "Coral", Verdict.ABSENT, "no device: /dev/apex_*")
    slower = Finding(DelegateSpec(), "", Verdict.SLOWER, "slower", model="x.tflite", threads=2)
    measured = replace(slower, measured=MEASURED)
    labels = replace(
        slower, measured=replace(MEASURED, largest_difference=None, deviation=None, finite=False)
    )
    kept = replace(CHOICES, findings=(absent, measured, labels))
    store(tmp_path).save(kept)
    assert store(tmp_path).load() == kept


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("threads", -1),
        ("runtime", None),
        ("fallback", 5),
        ("seconds_p50", -0.1),
        ("seconds_p50", "0.1"),
        ("seconds_p50", True),
        ("seconds_p90", float("nan")),
        ("relative", float("inf")),
        pytest.param("relative", 10**400, id="relative-huge"),
        ("memory", 0.5),
        ("operators", -1),
        ("agreement", None),
        ("deviation", []),
        ("finite", "true"),
    ],
)
def test_a_choice_with_damaged_measurements_is_not_loaded(
    tmp_path: Path, key: str, value: object
) -> None:
    slower = Finding(DelegateSpec(), "", Verdict.SLOWER, "slower", MEASURED, "x.tflite", 2)
    store(tmp_path).save(replace(CHOICES, findings=(slower,)))
    kept = store(tmp_path).path
    saved = json.loads(kept.read_text())
    assert saved["findings"][0]["measured"][key] != value
    saved["findings"][0]["measured"][key] = value
    kept.write_text(json.dumps(saved))
    older = store(tmp_path)
    assert older.load() is None
    assert "cannot be used" in older.reason


@pytest.mark.parametrize("damaged", [1, "npu", [1], [{}], [{"verdict": "chosen"}], None])
def test_a_choice_with_damaged_findings_is_not_loaded(tmp_path: Path, damaged: object) -> None:
    store(tmp_path).save(CHOICES)
    kept = store(tmp_path).path
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"findings": damaged}))
    older = store(tmp_path)
    assert older.load() is None
    assert "cannot be used" in older.reason


def test_without_a_kept_choice_nothing_is_loaded(tmp_path: Path) -> None:
    first = store(tmp_path)
    assert first.load() is None
    assert first.reason == "no probe was made before"


def test_a_kept_choice_is_not_loaded_where_a_fact_changed(tmp_path: Path) -> None:
    store(tmp_path).save(CHOICES)
    other = store(tmp_path, libraries={"libnpu.so": "cd"})
    assert other.load() is None
    assert other.reason == "changed since the last probe: libraries"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"facts": {}, "schema": 4, "ranking": [1], "extra": []}',
        '{"facts": 1}',
        '{"facts": [], "schema": 4, "ranking": [], "extra": []}',
        '{"facts": {}, "schema": 4, "ranking": [{"delegate": [], "threads": 1}], "extra": []}',
        "[" * 100_000,
        "\0",
    ],
)
def test_a_damaged_file_of_the_choice_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    store(tmp_path).path.write_text(text)
    assert store(tmp_path).load() is None
    store(tmp_path).save(CHOICES)
    assert store(tmp_path).load() == CHOICES


def test_a_choice_of_an_older_schema_is_not_loaded(tmp_path: Path) -> None:
    store(tmp_path).save(CHOICES)
    kept = store(tmp_path).path
    kept.write_text(kept.read_text().replace('"schema": 4', '"schema": 3'))
    older = store(tmp_path)
    assert older.load() is None
    assert older.reason.endswith("was written by another version")


CPU_SAVED = {"delegate": asdict(DelegateSpec()), "threads": 1}
NPU_SAVED = {"delegate": asdict(parse_delegate("/opt/libnpu.so")), "threads": 1}


def npu(**changed: object) -> dict[str, object]:
    return NPU_SAVED | {"delegate": asdict(parse_delegate("/opt/libnpu.so")) | changed}


@pytest.mark.parametrize(
    ("ranking", "extra"),
    [
        *(([CPU_SAVED | {"threads": each}], []) for each in (-5, 257, True, "2", 1.0, None)),
        ([CPU_SAVED | {"threads": 10**400}], []),
        ([], []),
        ([NPU_SAVED], []),
        ([CPU_SAVED, NPU_SAVED], []),
        ([CPU_SAVED, CPU_SAVED], []),
        ([CPU_SAVED], [CPU_SAVED]),
        ({"0": CPU_SAVED}, []),
        ("ranking", []),
        ([CPU_SAVED], None),
        *(
            ([npu(**changed), CPU_SAVED], [])
            for changed in (
                {"name": 1},
                {"name": ""},
                {"libraries": "/opt/libnpu.so"},
                {"libraries": [""]},
                {"libraries": ["/opt\0"]},
                {"libraries": [1]},
                {"options": {"cores": 2}},
                {"options": [["cores", "2"]]},
                {"built_in": 1},
            )
        ),
        ([{"delegate": asdict(DelegateSpec("npu")), "threads": 1}], []),
    ],
)
def test_what_no_daemon_could_serve_with_is_as_good_as_none(
    tmp_path: Path, ranking: object, extra: object
) -> None:
    kept = store(tmp_path)
    kept.save(CHOICES)
    saved = json.loads(kept.path.read_text()) | {"ranking": ranking, "extra": extra}
    kept.path.write_text(json.dumps(saved))
    assert kept.load() is None
    assert "cannot be used" in kept.reason


NO_SECONDS: list[object] = [-1, True, "0.01", None, [], 10**400, 1e999]
NO_REASONS: list[object] = [None, 1, []]


@pytest.mark.parametrize(
    "changed",
    [
        *({"invoke_seconds": each} for each in NO_SECONDS),
        *({"disturbed": each} for each in NO_REASONS),
    ],
)
def test_what_is_no_duration_and_no_reason_is_as_good_as_none(
    tmp_path: Path, changed: dict[str, object]
) -> None:
    kept = store(tmp_path)
    kept.save(CHOICES)
    kept.path.write_text(json.dumps(json.loads(kept.path.read_text()) | changed))
    assert kept.load() is None
    assert "cannot be used" in kept.reason


def test_what_is_forgotten_is_not_loaded(tmp_path: Path) -> None:
    kept = store(tmp_path)
    assert not kept.delete()
    kept.save(CHOICES)
    assert kept.delete()
    assert kept.load() is None


def test_a_number_beyond_all_numbers_is_as_good_as_none(tmp_path: Path) -> None:
    kept = store(tmp_path)
    kept.save(CHOICES)
    kept.path.write_text(kept.path.read_text().replace('"threads": 4', '"threads": 1e999'))
    assert kept.load() is None


def lay_fifo(path: Path) -> None:
    os.mkfifo(path)


def lay_large_file(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


@pytest.mark.parametrize("lay", [Path.mkdir, lay_fifo, lay_large_file])
def test_what_is_no_small_file_is_as_good_as_none(
    tmp_path: Path, lay: Callable[[Path], None]
) -> None:
    kept = store(tmp_path)
    lay(kept.path)
    assert kept.load() is None
    assert "cannot be used" in kept.reason


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can have more than 100 bytes; the one that the tests' own output goes to neither."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_nothing_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with full_disk():
        store(tmp_path).save(CHOICES)
    assert "cannot be stored" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_a_kept_choice_of_another_schema_is_not_loaded(tmp_path: Path) -> None:
    kept = store(tmp_path)
    kept.save(CHOICES)
    kept.path.write_text(json.dumps(json.loads(kept.path.read_text()) | {"schema": 0}))
    assert kept.load() is None


def test_a_choice_that_cannot_be_kept_is_a_warning_and_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    store(tmp_path / "file").save(CHOICES)
    assert "cannot be stored" in caplog.text


def test_the_facts_of_this_machine_do_not_change_by_themselves() -> None:
    assert machine_facts() == machine_facts()
    assert any(machine_facts()["runtimes"].values())


def test_a_machine_id_that_is_no_text_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "machine-id").write_bytes(b"\xff\n")
    monkeypatch.setattr("edgesegd.probe.choice_store.MACHINE_ID", tmp_path / "machine-id")
    assert machine_facts()["machine"][0]


def test_libraries_are_distinguished_by_their_content(tmp_path: Path) -> None:
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
