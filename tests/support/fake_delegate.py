"""The delegate of the tests, which behaves as its options say: tests/delegate/fake_delegate.c."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "build-fake-delegate"


def build(folder: Path) -> Path:
    """Compile the delegate into `folder`; skips if there is no gcc."""
    if shutil.which("gcc") is None:
        pytest.skip("no gcc to compile the test delegate with; on Debian: apt install gcc")
    library = folder / "libfake_delegate.so"
    subprocess.run([SCRIPT, library], check=True)
    return library


@pytest.fixture(scope="session")
def fake_delegate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled delegate's library."""
    return build(tmp_path_factory.mktemp("delegate"))
