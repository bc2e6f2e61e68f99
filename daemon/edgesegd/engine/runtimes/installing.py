"""Which TFLite runtime can be installed on a system."""

from __future__ import annotations

LAST_FOR_32_BIT = (3, 11)
"""The newest Python for which tflite-runtime has a wheel for 32-bit ARM."""


def how_to_install(
    *, python: tuple[int, int], is_32_bit: bool, is_android: bool, is_glibc: bool
) -> str:
    """What to install for a runtime, or what to do instead where there is none for this Python."""
    if is_android:
        return "install Termux's: pkg install python-tflite-runtime"
    if not is_glibc:
        return (
            "there is none for this system's C library: use one with glibc, such as Debian, "
            "or a container of it"
        )
    if not is_32_bit:
        return "install one: pip install 'edgeseg[daemon]' or 'edgeseg[daemon-tflite]'"
    if python > LAST_FOR_32_BIT:
        version, last = (".".join(map(str, each)) for each in (python, LAST_FOR_32_BIT))
        return (
            f"there is none for a 32-bit Python {version}: use a 64-bit system, or one with "
            f"Python {last}, such as the 32-bit Raspberry Pi OS 12"
        )
    return "this Python is a 32-bit one: pip install 'edgeseg[daemon-tflite]'"
