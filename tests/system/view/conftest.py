"""A browser and a daemon for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.browser import Browser, chromium
from support.labelling_daemon import labelling_daemon


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a daemon whose labels say which frame they are of."""
    with labelling_daemon() as port:
        yield f"127.0.0.1:{port}"
