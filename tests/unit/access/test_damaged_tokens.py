"""A damaged file of tokens opens no door, and is no fault of the daemon."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest

from edgesegd.access.keyring import Keyring
from edgesegd.access.quota import Quota
from edgesegd.access.token_file import changing_content, changing_tokens, read_content
from edgesegd.access.tokens import make_token
from edgesegd.core.errors import ConfigError, Unauthenticated
from edgesegd.core.priority import Priority
from support.mutations import mutations

COUNT = 1000
NOW = 1_800_000_000.0
OTHER = "edgeseg_0123456789ab_" + "0" * 64


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens.json"
    with changing_tokens(path) as tokens:
        tokens.append(make_token("robot", ["infer"], now=NOW, expires=NOW + 1e6)[0])
        tokens.append(make_token("panel", ["metrics"], now=NOW)[0])
    return path


@pytest.fixture
def file_with_quotas(file: Path) -> Path:
    with changing_content(file) as content:
        content.certificates["fleet"] = Quota(models=("road",))
        (robot, panel) = content.tokens or []
        content.tokens = [replace(robot, quota=Quota(2, 7.5, 4_000_000, Priority.LOW)), panel]
    return file


@pytest.mark.parametrize("fixture", ["file", "file_with_quotas"])
def test_no_start_with_a_damaged_file_of_tokens_serves_without_tokens(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    file: Path = request.getfixturevalue(fixture)
    reasons = []
    for damaged in mutations(file.read_bytes(), COUNT, seed=1):
        file.write_bytes(damaged)
        try:
            keyring = Keyring(file)
        except ConfigError as error:
            reasons.append(str(error))
        else:
            assert keyring.in_force, damaged
            for text in ("", OTHER):
                with pytest.raises(Unauthenticated):
                    keyring.find(text)
    assert COUNT / 2 < len(reasons) < COUNT
    assert all(str(file) in reason for reason in reasons)


def test_a_file_of_tokens_damaged_while_serving_is_logged_and_opens_nothing(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sound, kept = file.read_bytes(), 0
    before = read_content(file).tokens or []
    assert len(before) == 2
    keyring = Keyring(file, clock=lambda: NOW)
    for number, damaged in enumerate(mutations(sound, COUNT, seed=2)):
        caplog.clear()
        lay(file, damaged, 2 * number)
        assert keyring.in_force, damaged
        for text in ("", OTHER):
            with pytest.raises(Unauthenticated):
                keyring.find(text)
        assert not [line for line in caplog.records if line.exc_info], caplog.text
        if any("stay as they were" in line.message for line in caplog.records):
            assert [line.levelno for line in caplog.records] == [logging.ERROR]
            assert all(keyring.still_valid(token) for token in before)
            kept += 1
        lay(file, sound, 2 * number + 1)
        assert all(keyring.still_valid(token) for token in before)
    assert COUNT / 2 < kept < COUNT


def lay(file: Path, content: bytes, moment: int) -> None:
    """Write it with a time of its own: the kernel's clock of files is coarser than this test."""
    file.write_bytes(content)
    os.utime(file, ns=(moment, moment))
