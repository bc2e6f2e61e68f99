"""How many threads make sense."""

from __future__ import annotations

import os

import pytest

from edgesegd.board.threads import thread_cap

LITERT, TFLITE = "ai-edge-litert 2.3.0", "tflite-runtime 2.14.0"


@pytest.mark.parametrize(
    ("runtime", "caps"),
    [(LITERT, (1, 2, 2, 3, 4, 4)), (TFLITE, (1, 1, 2, 3, 4, 4)), ("", (1, 1, 2, 3, 4, 4))],
)
def test_the_thread_cap_leaves_a_core_to_the_front(
    monkeypatch: pytest.MonkeyPatch, runtime: str, caps: tuple[int, ...]
) -> None:
    found = []
    for cores in (1, 2, 3, 4, 5, 64):
        monkeypatch.setattr(
            os, "sched_getaffinity", lambda _, n=cores: set(range(n)), raising=False
        )
        found.append(thread_cap(runtime))
    assert tuple(found) == caps


def test_without_an_affinity_the_thread_cap_follows_the_cpu_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert thread_cap(LITERT) == 1
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert thread_cap(LITERT) == 3
