"""Daemons are looked for on loopback only, so that no test asks the network around it."""

from __future__ import annotations

from ipaddress import ip_interface

import pytest

from edgeseg_client.discovery import browser
from support.announcing import LOOPBACK


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    own = [ip_interface(f"{address}/8") for address in LOOPBACK]
    monkeypatch.setattr(browser, "own_interfaces", lambda: own)
