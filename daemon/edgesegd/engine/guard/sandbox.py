"""The sandbox of a process that runs a delegate: an engine's, or a trial's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgesegd.delegates.spec import DelegateSpec
from edgesegd.sandbox.files import files_for
from edgesegd.sandbox.modes import OFF
from edgesegd.sandbox.sandbox import CPU, DRIVER, SandboxReport, enter_sandbox


def enter_for_delegate(
    delegate: DelegateSpec, mode: str, *, models: Sequence[Path], private: Sequence[str] = ()
) -> SandboxReport:
    """Give up for ever what the delegate does not need; `models` are files opened by their path.

    It counts as missing if something `private` stays readable. Raises SandboxMissing if `mode` is
    "require" and a part is missing.
    """
    if mode == OFF:
        return SandboxReport()
    driver = not delegate.is_cpu
    files = files_for(driver=driver, libraries=delegate.libraries, models=models)
    return enter_sandbox(mode, DRIVER if driver else CPU, files, private)
