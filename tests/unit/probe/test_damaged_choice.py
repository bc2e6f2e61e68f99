"""A damaged choice is as good as none: the daemon probes anew."""

from __future__ import annotations

from pathlib import Path

from edgesegd.probe.choice_store import ChoiceStore
from support.mutations import mutations
from support.stored_choice import CHOICE

COUNT = 1000


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
