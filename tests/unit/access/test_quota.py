"""Quotas in the file of tokens."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgesegd.access.keyring import Keyring
from edgesegd.access.quota import LIMITS, NO_LIMITS, Quota, parse_quota
from edgesegd.access.token_file import changing_tokens, read_tokens
from edgesegd.access.tokens import make_token
from edgesegd.core.errors import ConfigError
from edgesegd.core.priority import Priority

NOW = 1_800_000_000.0
ALL = Quota(2, 7.5, 4_000_000, Priority.LOW, ("scenes", "road"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


def add(file: Path, name: str, quota: Quota) -> str:
    token, text = make_token(name, ["infer"], now=NOW, quota=quota)
    with changing_tokens(file) as tokens:
        tokens.append(token)
    return text


def limit(file: Path, name: str, quota: Quota) -> None:
    with changing_tokens(file) as tokens:
        tokens[:] = [
            replace(token, quota=quota) if token.name == name else token for token in tokens
        ]


def damage(file: Path, quota: object) -> None:
    """Replace the quota of the first token, with anything."""
    table = json.loads(file.read_text())
    table["tokens"][0]["quota"] = quota
    file.write_text(json.dumps(table))


def test_quotas_are_read_as_they_were_written(file: Path) -> None:
    add(file, "limited", ALL)
    add(file, "free", NO_LIMITS)
    assert [token.quota for token in read_tokens(file)] == [ALL, NO_LIMITS]
    assert json.loads(file.read_text())["tokens"][0]["quota"] == {
        "max_streams": 2,
        "max_frames_per_second": 7.5,
        "max_bytes_per_second": 4_000_000,
        "max_priority": "low",
        "models": ["scenes", "road"],
    }


def test_every_limit_has_a_short_name() -> None:
    assert set(LIMITS.values()) == set(ALL.given())


def test_a_file_has_the_new_form_only_while_a_token_has_a_quota(file: Path) -> None:
    """Older versions, which would not limit its clients, refuse the new form."""

    def schema() -> int:
        found: int = json.loads(file.read_text())["schema"]
        return found

    add(file, "free", NO_LIMITS)
    assert schema() == 1
    assert "quota" not in file.read_text()
    add(file, "limited", ALL)
    assert schema() == 2
    limit(file, "limited", NO_LIMITS)
    assert schema() == 1
    assert len(read_tokens(file)) == 2


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"max_stream": 2}, "a quota has no limit 'max_stream'; there are max_streams, "),
        ({"max_streams": -1}, "max_streams is a whole number from 0 to 1,000,000, not -1"),
        ({"max_streams": True}, "max_streams is a whole number"),
        ({"max_streams": 1.5}, "max_streams is a whole number"),
        ({"max_streams": 10**400}, "max_streams is a whole number .* not a huge number"),
        ({"max_frames_per_second": 0}, "max_frames_per_second is a number greater than 0"),
        ({"max_frames_per_second": float("nan")}, "max_frames_per_second is a number .* not nan"),
        ({"max_frames_per_second": float("inf")}, "max_frames_per_second is a number"),
        ({"max_frames_per_second": "10"}, "max_frames_per_second is a number .* not '10'"),
        ({"max_bytes_per_second": 0}, "max_bytes_per_second is a whole number from 1 to"),
        ({"max_bytes_per_second": None}, "max_bytes_per_second is a whole number"),
        ({"max_priority": "highest"}, "max_priority is one of low, normal, high, not 'highest'"),
        ({"max_priority": 3}, "max_priority is one of"),
        ({"models": []}, "models is a list of 1 to 1024 names"),
        ({"models": "scenes"}, "models is a list of 1 to 1024 names, not 'scenes'"),
        ({"models": ["scenes", ""]}, "models has names of 1 to 256 characters, not ''"),
        ({"models": [7]}, "models has names of 1 to 256 characters, not 7"),
        ([], "a quota is a table of limits"),
    ],
)
def test_a_wrong_quota_is_an_error_that_names_file_token_and_limit(
    file: Path,
    given: object,
    complaint: str,
) -> None:
    add(file, "robot", ALL)
    damage(file, given)
    with pytest.raises(ConfigError, match=complaint) as wrong:
        read_tokens(file)
    assert str(file) in str(wrong.value)
    assert "'robot'" in str(wrong.value)
    with pytest.raises(ConfigError, match=complaint):
        parse_quota(given)


def test_a_key_without_an_effect_is_an_error(file: Path) -> None:
    add(file, "robot", ALL)
    table = json.loads(file.read_text())
    for changed, complaint in (
        ({**table, "limits": {}}, "the file has a key 'limits', which is unknown"),
        ({**table, "schema": 1}, "the token 'robot' has a key 'quota', which is unknown"),
        (
            {**table, "tokens": [{**table["tokens"][0], "Quota": {}}]},
            "the token 'robot' has a key 'Quota', which is unknown",
        ),
    ):
        file.write_text(json.dumps(changed))
        with pytest.raises(ConfigError, match=complaint):
            read_tokens(file)


def test_a_token_with_another_quota_is_the_same_token_and_is_found_with_it_at_once(
    file: Path,
) -> None:
    text, keyring = add(file, "robot", NO_LIMITS), Keyring(file)
    token = keyring.find(text)
    assert token.quota == NO_LIMITS
    limit(file, "robot", ALL)
    assert keyring.still_valid(token)
    assert keyring.tokens[token.identity].quota == ALL
    assert keyring.is_quick(text), "a token that was found is not hashed again"
    assert keyring.find(text).quota == ALL


def test_a_wrong_quota_changes_nothing_while_a_daemon_runs(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text, keyring = add(file, "robot", ALL), Keyring(file)
    damage(file, {"max_streams": "many"})
    assert keyring.find(text).quota == ALL
    (line,) = caplog.messages
    assert "the tokens stay as they were" in line
    assert "max_streams is a whole number" in line
