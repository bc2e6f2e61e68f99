"""What is taken from an earlier probe, and whether anything can run a model for an Edge TPU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgesegd.delegates.selection import Selection
from edgesegd.delegates.spec import DelegateSpec, parse_delegate
from edgesegd.models.pair import ModelPair
from edgesegd.probe.choice import Chooser
from edgesegd.probe.choice_store import StoredChoice
from edgesegd.probe.report import Finding, Verdict
from support.model_specs import model_spec


def chooser(folder: Path) -> Chooser:
    model = model_spec()
    return Chooser(
        ModelPair(model, model), runtime="auto", threads=0, extra=("/opt/libnpu.so",), folder=folder
    )


def test_what_is_a_candidate_is_remembered(tmp_path: Path) -> None:
    selection = Selection(((parse_delegate("/opt/libnpu.so"), 1), (DelegateSpec(), 2)))
    chooser(tmp_path).store.save(StoredChoice(selection, "", 0.01))
    assert chooser(tmp_path).remembered() == StoredChoice(selection, "", 0.01)


def test_a_library_that_was_not_named_is_not_loaded(tmp_path: Path) -> None:
    """However it came into the file."""
    choice = parse_delegate("/tmp/libother.so")  # noqa: S108 # never opened
    selection = Selection(((choice, 1), (DelegateSpec(), 2)))
    chooser(tmp_path).store.save(StoredChoice(selection, "", 0.01))
    again = chooser(tmp_path)
    assert again.remembered() is None
    assert again.store.reason.endswith("names other, which is not a candidate here")


def for_an_edge_tpu(folder: Path, *extra: str, has_twin: bool = True) -> Chooser:
    """The chooser for a compiled model on this board, which has no Edge TPU."""
    plain = model_spec()
    served = replace(plain, custom_ops=("edgetpu-custom-op",))
    pair = ModelPair(served, plain if has_twin else None, served)
    return Chooser(pair, runtime="auto", threads=0, extra=extra, folder=folder)


def found(delegate: str, verdict: Verdict, reason: str) -> Finding:
    return Finding(parse_delegate(delegate), "", verdict, reason)


def test_without_a_device_the_twin_runs_and_the_reason_is_known_before_a_probe(
    tmp_path: Path,
) -> None:
    assert for_an_edge_tpu(tmp_path).why_twin().startswith("edgetpu: no device: /dev/apex_* or USB")


@pytest.mark.parametrize(
    ("verdict", "runs_it"),
    [
        (Verdict.CHOSEN, True),
        (Verdict.SLOWER, True),
        (Verdict.EXTRA, True),
        (Verdict.WRONG, False),
        (Verdict.FAILED, False),
        (Verdict.ABSENT, False),
    ],
)
def test_the_twin_has_to_run_unless_a_delegate_is_right_with_the_compiled_file(
    tmp_path: Path, verdict: Verdict, runs_it: bool
) -> None:
    library = "/opt/libnpu.so:a=1"
    board = for_an_edge_tpu(tmp_path, library)
    assert board.why_twin() == "", "it was not tried yet"
    why = board.why_twin([found(library, verdict, "it is broken")])
    assert (why == "") is runs_it
    assert why.endswith("; npu: it is broken") is not runs_it


def test_delegates_with_the_same_name_are_told_apart(tmp_path: Path) -> None:
    libraries = "/opt/libnpu.so:a=1", "/opt/libnpu.so:a=2"
    board = for_an_edge_tpu(tmp_path, *libraries)
    wrong, right = (
        found(library, verdict, "so it is")
        for library, verdict in zip(libraries, (Verdict.WRONG, Verdict.SLOWER), strict=True)
    )
    assert board.why_twin([wrong]) == "", "the other was not tried"
    assert board.why_twin([wrong, right]) == ""
    assert board.why_twin([wrong, replace(right, verdict=Verdict.FAILED)]).count("so it is") == 2


def test_no_twin_is_said_to_run_for_a_plain_model_or_without_a_twin(tmp_path: Path) -> None:
    assert chooser(tmp_path).why_twin() == ""
    assert for_an_edge_tpu(tmp_path, has_twin=False).why_twin() == ""
