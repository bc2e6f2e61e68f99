"""A damaged choice is as good as none: the daemon probes anew."""

from __future__ import annotations

from pathlib import Path

from edgesegd.delegates.selection import Selection
from edgesegd.delegates.spec import DelegateSpec, parse_delegate
from edgesegd.probe.choice_store import ChoiceStore, StoredChoice
from edgesegd.probe.report import Finding, Verdict
from support.mutations import mutations

COUNT = 1000
CHOICE = StoredChoice(
    Selection(
        ranking=((parse_delegate("/opt/libnpu.so:cores=2"), 1), (DelegateSpec(), 4)),
        extra=((parse_delegate("edgetpu:usb:1"), 2),),
    ),
    "frames were served meanwhile",
    0.0125,
    (Finding(parse_delegate("edgetpu"), "Coral", Verdict.ABSENT, "no device: /dev/apex_*"),),
)


def test_a_damaged_choice_is_ignored_with_a_reason_or_ends_with_the_cpu(tmp_path: Path) -> None:
    facts = {"model": "5d", "libraries": {"libnpu.so": "ab"}}
    store = ChoiceStore(tmp_path, "5d" * 32, facts)
    store.save(CHOICE)
    sound, ignored = store.path.read_bytes(), 0
    for damaged in mutations(sound, COUNT, seed=3):
        store.path.write_bytes(damaged)
        fresh = ChoiceStore(tmp_path, "5d" * 32, facts)
        loaded = fresh.load()
        if loaded is None:
            assert fresh.reason != "no probe was made before"
            ignored += 1
        else:
            *_, (last, threads) = loaded.selection.ranking
            assert last.is_cpu, damaged
            assert threads >= 0
    assert COUNT / 2 < ignored < COUNT
    store.path.write_bytes(sound)
    assert store.load() == CHOICE
