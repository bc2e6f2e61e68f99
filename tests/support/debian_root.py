"""A Debian of its own in a folder, for a container."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def debian_root(suite: str, packages: Sequence[str]) -> Iterator[Path]:
    """A minimal Debian with these packages, which is removed at the end of the block.

    Skips where none can be made.
    """
    if os.geteuid() != 0 or shutil.which("mmdebstrap") is None:
        pytest.skip("needs root and mmdebstrap; on Debian: apt install mmdebstrap")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        root = Path(folder) / "root"
        making = ["mmdebstrap", "--variant=minbase", f"--include={','.join(packages)}", suite]
        made = subprocess.run([*making, root], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            pytest.skip(f"mmdebstrap can make no {suite} here: {made.stderr[-1000:]}")
        yield root
