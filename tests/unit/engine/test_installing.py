"""Who has no TFLite runtime is told what to install on that system."""

from __future__ import annotations

from typing import Any

import pytest

from edgesegd.engine.runtimes.installing import how_to_install

BOARD: dict[str, Any] = {
    "python": (3, 11),
    "is_32_bit": False,
    "is_android": False,
    "is_glibc": True,
}


@pytest.mark.parametrize(
    ("system", "advice"),
    [
        ({}, "pip install 'edgeseg[daemon]'"),
        ({"python": (3, 14)}, "pip install 'edgeseg[daemon]'"),
        # A Raspberry Pi 5 with a 32-bit Raspberry Pi OS 12, whose kernel is a 64-bit one.
        ({"is_32_bit": True}, "pip install 'edgeseg[daemon-tflite]'"),
        # Debian 13 on 32-bit ARM.
        ({"is_32_bit": True, "python": (3, 13)}, "use a 64-bit system"),
        # Alpine.
        ({"is_glibc": False}, "use one with glibc"),
        # Termux.
        ({"is_glibc": False, "is_android": True}, "pkg install python-tflite-runtime"),
    ],
)
def test_the_advice_fits_the_system(system: dict[str, Any], advice: str) -> None:
    assert advice in how_to_install(**{**BOARD, **system})
