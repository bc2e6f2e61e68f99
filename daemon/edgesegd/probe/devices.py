"""The devices of this board that a known delegate could use."""

from __future__ import annotations

from pathlib import Path

from edgesegd.delegates.table import KnownDelegate

ROOT = Path("/")
USB_DEVICES = "sys/bus/usb/devices"


def is_there(known: KnownDelegate, root: Path = ROOT) -> bool:
    """Whether there is one, or none is needed; `root` is where the file system begins."""
    needs_none = not known.devices and not known.usb_ids
    return needs_none or count_nodes(known, root) > 0 or count_usb(known, root) > 0


def number_devices(known: KnownDelegate, root: Path = ROOT) -> tuple[str, ...]:
    """What its `device_option` calls each: usb:0, usb:1, … and pci:0, …, as libedgetpu counts."""
    if not known.device_option:
        return ()
    return (
        *(f"usb:{number}" for number in range(count_usb(known, root))),
        *(f"pci:{number}" for number in range(count_nodes(known, root))),
    )


def count_nodes(known: KnownDelegate, root: Path) -> int:
    """How many files its patterns match."""
    return sum(
        len(list(root.glob(pattern.removeprefix(ROOT.as_posix())))) for pattern in known.devices
    )


def count_usb(known: KnownDelegate, root: Path) -> int:
    """How many USB devices have one of its ids; Linux lists them as files, others do not."""
    ids = (_usb_id(folder) for folder in (root / USB_DEVICES).glob("*"))
    return sum(each in known.usb_ids for each in ids)


def _usb_id(folder: Path) -> str:
    """vendor:product, "" for what is no device, such as an interface of one."""
    try:
        vendor, product = (
            (folder / name).read_text(encoding="ascii").strip()
            for name in ("idVendor", "idProduct")
        )
    except (OSError, ValueError):
        return ""
    return f"{vendor}:{product}"
