"""Which runtime is used, and the error if there is none."""

from __future__ import annotations

import sys
from importlib import metadata

import pytest

from edgesegd.board.threads import USES_ALL_OF_FEW_CORES, thread_cap
from edgesegd.core.errors import RuntimeMissing
from edgesegd.engine.runtimes.runtime import MODULES, Runtime, load_runtime

pytestmark = pytest.mark.runtime


def hide(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let an installed runtime be missing."""
    monkeypatch.setitem(sys.modules, MODULES[name], None)


def test_the_runtime_auto_is_the_first_that_is_installed() -> None:
    runtime = load_runtime("auto")
    assert runtime.name in MODULES
    assert str(runtime) == f"{runtime.name} {metadata.version(runtime.name)}"
    assert callable(runtime.interpreter)


def test_a_runtime_is_loaded_by_its_name() -> None:
    there = load_runtime("auto").name
    assert load_runtime(there).name == there


def test_a_missing_runtime_is_an_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = load_runtime("auto").name
    hide(monkeypatch, there)
    with pytest.raises(RuntimeMissing, match=f"{there}: .*pip install 'edgeseg") as caught:
        load_runtime(there)
    for other in MODULES:
        assert (f"{other}: " in str(caught.value)) == (other == there)


def test_without_any_runtime_the_error_has_the_reason_of_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in MODULES:
        hide(monkeypatch, name)
    with pytest.raises(RuntimeMissing) as caught:
        load_runtime("auto")
    for name in MODULES:
        assert f"{name}: " in str(caught.value)


@pytest.mark.parametrize("name", MODULES)
def test_a_runtime_without_a_measurement_uses_as_many_threads_as_the_cap(name: str) -> None:
    assert Runtime(name, "1", object, object).default_threads() == thread_cap(name)


def test_the_runtime_that_the_thread_cap_names_exists() -> None:
    assert USES_ALL_OF_FEW_CORES in MODULES
