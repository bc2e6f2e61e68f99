"""What is taken from the memory of an earlier probe."""

from __future__ import annotations

from pathlib import Path

from edgesegd.delegates.selection import Selection
from edgesegd.delegates.spec import DelegateSpec, parse_delegate
from edgesegd.models.pair import ModelPair
from edgesegd.probe.choice import Chooser
from edgesegd.probe.memory import Remembered
from support.model_specs import model_spec


def chooser(folder: Path) -> Chooser:
    model = model_spec()
    return Chooser(
        ModelPair(model, model), runtime="auto", threads=0, also=("/opt/libnpu.so",), folder=folder
    )


def test_what_is_a_candidate_is_remembered(tmp_path: Path) -> None:
    selection = Selection(((parse_delegate("/opt/libnpu.so"), 1), (DelegateSpec(), 2)))
    chooser(tmp_path).memory.keep(Remembered(selection, "", 0.01), [])
    assert chooser(tmp_path).remembered() == Remembered(selection, "", 0.01)


def test_a_library_that_nobody_named_is_not_loaded(tmp_path: Path) -> None:
    """However it came into the file."""
    choice = parse_delegate("/tmp/libother.so")  # noqa: S108 # never opened
    selection = Selection(((choice, 1), (DelegateSpec(), 2)))
    chooser(tmp_path).memory.keep(Remembered(selection, "", 0.01), [])
    again = chooser(tmp_path)
    assert again.remembered() is None
    assert again.memory.gap.endswith("names other, which is not a candidate here")
