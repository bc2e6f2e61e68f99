"""Devices as Linux shows them, and the candidates that they make."""

from __future__ import annotations

from pathlib import Path

from edgesegd.delegates.table import KNOWN
from edgesegd.models.pair import ModelPair
from edgesegd.models.spec import ModelSpec
from edgesegd.probe.candidates import Candidate, find_candidates
from edgesegd.probe.devices import is_there, number_devices
from support.model_specs import model_spec

EDGETPU = KNOWN["edgetpu"]
FRESH, USED, HUB = ("1a6e", "089a"), ("18d1", "9302"), ("1d6b", "0002")


def plug(root: Path, port: str, ids: tuple[str, str]) -> None:
    """A USB device, and an interface of it, which has no ids."""
    devices = root / "sys" / "bus" / "usb" / "devices"
    (devices / f"{port}:1.0").mkdir(parents=True)
    (devices / port).mkdir()
    for name, content in zip(("idVendor", "idProduct"), ids, strict=True):
        (devices / port / name).write_text(f"{content}\n")


def add_node(root: Path, path: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).touch()


def named(candidates: list[Candidate], kind: str) -> list[str]:
    return [each.spec.name for each in candidates if each.spec.name.startswith(kind)]


def pair(*, compiled: bool = True) -> ModelPair:
    model: ModelSpec = model_spec()
    return ModelPair(model, model, model if compiled else None)


def test_edge_tpu_sticks_are_found_before_and_after_their_first_use(tmp_path: Path) -> None:
    plug(tmp_path, "1-1", FRESH)
    plug(tmp_path, "2-1.4", USED)
    plug(tmp_path, "usb1", HUB)
    assert number_devices(EDGETPU, tmp_path) == ("usb:0", "usb:1")
    assert is_there(EDGETPU, tmp_path)


def test_edge_tpu_cards_are_numbered_apart_from_sticks(tmp_path: Path) -> None:
    plug(tmp_path, "1-1", USED)
    add_node(tmp_path, "dev/apex_0")
    add_node(tmp_path, "dev/apex_1")
    assert number_devices(EDGETPU, tmp_path) == ("usb:0", "pci:0", "pci:1")


def test_other_devices_are_no_edge_tpu(tmp_path: Path) -> None:
    plug(tmp_path, "usb1", HUB)
    add_node(tmp_path, "dev/bus/usb/001/001")
    (tmp_path / "sys/bus/usb/devices/1-9").mkdir()
    (tmp_path / "sys/bus/usb/devices/1-9/idVendor").write_bytes(b"\xff")
    assert not is_there(EDGETPU, tmp_path)
    assert number_devices(EDGETPU, tmp_path) == ()


def test_each_device_is_a_candidate(tmp_path: Path) -> None:
    plug(tmp_path, "1-1", USED)
    plug(tmp_path, "1-2", USED)
    add_node(tmp_path, "dev/apex_0")
    found = find_candidates(pair(), ("edgetpu:usb:1", "libmine.so"), root=tmp_path)
    assert found[0].spec.is_cpu
    assert named(found, "edgetpu") == ["edgetpu:usb:0", "edgetpu:usb:1", "edgetpu:pci:0"]
    assert found[1].spec.options == {"device": "usb:0"}
    assert not any(each.absent for each in found[1:4])
    assert found[-1].spec.name == "mine"


def test_without_a_device_the_delegate_is_absent(tmp_path: Path) -> None:
    found = find_candidates(pair(), ("edgetpu",), root=tmp_path)
    assert named(found, "edgetpu") == ["edgetpu", "edgetpu"]
    assert found[1].absent == "no device: /dev/apex_* or USB 1a6e:089a or USB 18d1:9302"
    assert found[-1].absent == "", "a named device is tried"
    add_node(tmp_path, "dev/galcore")
    absent = {each.spec.name: each.absent for each in find_candidates(pair(), root=tmp_path)}
    assert absent["vx"] == ""
    assert absent["ethosu"] == "no device: /dev/ethosu*"
    assert absent["armnn"] == ""


def test_without_a_compiled_model_the_edge_tpu_is_absent_though_one_is_plugged_in(
    tmp_path: Path,
) -> None:
    plug(tmp_path, "1-1", USED)
    found = find_candidates(pair(compiled=False), root=tmp_path)
    assert named(found, "edgetpu") == ["edgetpu"]
    assert found[1].absent == "runs only models compiled for it, with edgetpu-custom-op"
