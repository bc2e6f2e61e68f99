"""The devices of this board that a known delegate could use."""

from __future__ import annotations

from pathlib import Path

from edgesegd.delegates.table import KnownDelegate

ROOT = Path("/")
USB_DEVICES = "sys/bus/usb/devices"


def is_there(known: KnownDelegate, root: Path = ROOT) -> bool:
    """Whether there is a device, or none is needed; `root` is the root of the file system."""
    needs_none = not known.devices and not known.usb_ids
    return needs_none or count_nodes(known, root) > 0 or count_usb(known, root) > 0


def number_devices(known: KnownDelegate, root: Path = ROOT) -> tuple[str, ...]:
    """The values of `device_option`, as in libedgetpu: usb:0, usb:1 and so on, pci:0 and so on."""
    if not known.device_option:
        return ()
    return (
        *(f"usb:{number}" for number in range(count_usb(known, root))),
        *(f"pci:{number}" for number in range(count_nodes(known, root))),
    )


def count_nodes(known: KnownDelegate, root: Path) -> int:
    """How many device nodes match its patterns."""
    return sum(
        len(list(root.glob(pattern.removeprefix(ROOT.as_posix())))) for pattern in known.devices
    )


def count_usb(known: KnownDelegate, root: Path) -> int:
    """How many USB devices have one of its ids; only Linux lists them as files."""
    ids = (_usb_id(folder) for folder in (root / USB_DEVICES).glob("*"))
    return sum(each in known.usb_ids for each in ids)


def _usb_id(folder: Path) -> str:
    """vendor:product; "" for a folder that is not a device, such as one of its interfaces."""
    try:
        vendor, product = (
            (folder / name).read_text(encoding="ascii").strip()
            for name in ("idVendor", "idProduct")
        )
    except (OSError, ValueError):
        return ""
    return f"{vendor}:{product}"
