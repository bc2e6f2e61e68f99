"""The broker's address and the password."""

from __future__ import annotations

import traceback

import pytest

from edgeseg_client import InvalidRequest
from edgeseg_mqtt.broker_address import BrokerAddress, read_address


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://host", BrokerAddress("host", 1883, False)),
        ("mqtts://host/", BrokerAddress("host", 8883, True)),
        ("mqtt://host:99", BrokerAddress("host", 99, False)),
        ("mqtt://[::1]:99", BrokerAddress("::1", 99, False)),
        ("mqtt://me@host", BrokerAddress("host", 1883, False, "me", "of the file")),
        ("mqtt://me:p%40ss%3A@host", BrokerAddress("host", 1883, False, "me", "p@ss:")),
        ("mqtt://me@home:p@[]@host", BrokerAddress("host", 1883, False, "me@home", "p@[]")),
        ("MQTT://Host", BrokerAddress("host", 1883, False)),
        ("mqtt://a%20b:c@host", BrokerAddress("host", 1883, False, "a b", "c")),
    ],
)
def test_an_address_has_a_host_a_port_and_a_user(url: str, expected: BrokerAddress) -> None:
    password = "of the file" if "me@" in url else ""
    assert read_address(url, password) == expected


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mqtt://me:secret\udce9@host", "is not in UTF-8"),
        ("mqtt://me:secret%E9@host", "is not in UTF-8"),
        ("mqtt://m\udce9:secret@host", "is not in UTF-8"),
        ("host", "does not begin with mqtt://; write mqtt://USER@HOST:1883"),
        ("http://host", "does not begin with mqtt://"),
        ("mqtt://", "names no host"),
        ("mqtt://me:secret@", "names no host"),
        ("mqtt://host:99999", "port or host is not valid"),
        ("mqtt://[::1", "port or host is not valid"),
        ("mqtt://host/topic", "more than a host and a port"),
        ("mqtt://host?x=1", "more than a host and a port"),
        ("mqtt://:secret@host", "a password needs a user"),
        ("mqt://me:secret@host", "does not begin with mqtt://"),
        ("me:secret@host", "does not begin with mqtt://"),
        ("me:secret", "does not begin with mqtt://"),
        ("me:secret://secret@host", "does not begin with mqtt://"),
        ("mqtt://me:secret", "port or host is not valid"),
        ("mqtt://me:secret@host:secret", "port or host is not valid"),
        ("mqtt://me:secret/secret@host", "write %2F, %3F or %23"),
        ("mqtt://me:secret?secret@host", "write %2F, %3F or %23"),
        ("mqtt://me:secret#secret@host", "write %2F, %3F or %23"),
        ("mqtt://me:secret@secret/@host", "write %2F, %3F or %23"),
    ],
)
def test_what_is_no_address_is_an_error_that_says_why_and_quotes_nothing(
    url: str, message: str
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        read_address(url)
    assert message in str(raised.value)
    shown = "".join(traceback.format_exception(raised.value, chain=True))
    assert "secret" not in str(raised.value)
    assert "ValueError" not in shown
    assert "Unicode" not in shown


def test_a_password_alone_is_an_error_and_never_shown() -> None:
    with pytest.raises(InvalidRequest, match="a password needs a user"):
        read_address("mqtt://host", "secret")
    with pytest.raises(InvalidRequest, match="is not in UTF-8"):
        read_address("mqtt://me@host", "secret\udce9")
    address = read_address("mqtt://me:secret@[::1]")
    assert (str(address), "secret" in repr(address)) == ("[::1]:1883", False)
