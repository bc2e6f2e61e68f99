"""What `--delegate` may say."""

from __future__ import annotations

import pytest

from edgesegd.core.errors import ConfigError
from edgesegd.delegates.spec import DelegateSpec, parse_delegate
from edgesegd.delegates.table import KNOWN


def test_the_cpu_as_a_delegate_has_no_library() -> None:
    assert parse_delegate("cpu") == DelegateSpec("cpu", (), {})
    assert parse_delegate("cpu").is_cpu


@pytest.mark.parametrize(
    ("text", "name", "library", "options"),
    [
        ("/opt/x/libmine.so", "mine", "/opt/x/libmine.so", {}),
        ("libmine.so.1", "mine", "libmine.so.1", {}),
        ("libmine.so.1.2:a=b", "mine", "libmine.so.1.2", {"a": "b"}),
        ("./x/libx_y.so:mode=slow,ms=5", "x_y", "./x/libx_y.so", {"mode": "slow", "ms": "5"}),
        ("libx.dylib:path=C:\\y", "x", "libx.dylib", {"path": "C:\\y"}),
        ("/a:b/libx.so:k=v=w", "x", "/a:b/libx.so", {"k": "v=w"}),
    ],
)  # fmt: skip
def test_a_delegates_library_is_parsed_with_its_options(
    text: str, name: str, library: str, options: dict[str, str]
) -> None:
    assert parse_delegate(text) == DelegateSpec(name, (library,), options)


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_delegate_is_parsed_by_its_name(name: str) -> None:
    spec = parse_delegate(name)
    assert (spec.name, spec.libraries) == (name, KNOWN[name].libraries)
    assert spec.options == KNOWN[name].options
    assert not spec.is_cpu


def test_a_delegate_on_one_of_several_devices_is_parsed() -> None:
    spec = parse_delegate("edgetpu:usb:1")
    assert (spec.name, spec.options) == ("edgetpu:usb:1", {"device": "usb:1"})


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("edgetpu", "edgetpu"),
        ("edgetpu:usb:1", "edgetpu"),
        ("armnn:backends=CpuAcc", "armnn"),
        ("cpu", None),
        ("/opt/libmine.so", None),
        ("/opt/libedgetpu.so.1", None),
    ],
)
def test_a_delegate_says_which_known_one_it_is(text: str, name: str | None) -> None:
    assert parse_delegate(text).known is (KNOWN[name] if name else None)


def test_two_devices_of_one_delegate_are_distinguished() -> None:
    first, second = parse_delegate("edgetpu:usb:0"), parse_delegate("edgetpu:usb:1")
    assert first.is_another_device_than(second)
    for other in (first, parse_delegate("edgetpu"), parse_delegate("armnn"), DelegateSpec()):
        assert not first.is_another_device_than(other)
        assert not other.is_another_device_than(first)
    assert not parse_delegate("armnn").is_another_device_than(parse_delegate("armnn:a=b"))


def test_options_of_a_known_delegate_override_its_defaults() -> None:
    assert parse_delegate("armnn:backends=CpuAcc").options["backends"] == "CpuAcc"
    assert parse_delegate("qnn:htp_performance_mode=2").options["backend_type"] == "htp"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("tpu", "there is no delegate 'tpu'"),
        ("", "there is no delegate ''"),
        ("/opt/delegate", "give a library"),
        ("libx.so:fast", "'fast' in the delegate 'libx.so:fast' is not key=value"),
        ("armnn:GpuAcc", "'GpuAcc' in the delegate"),
        ("libx.so:=1", "'=1' in the delegate"),
    ],
)
def test_a_delegate_that_cannot_be_parsed_is_refused_with_the_reason(
    text: str, reason: str
) -> None:
    with pytest.raises(ConfigError) as failure:
        parse_delegate(text)
    assert reason in str(failure.value)
