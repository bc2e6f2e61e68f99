"""Quotas in the file of tokens."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgesegd.access.keyring import Keyring
from edgesegd.access.quota import LIMITS, NO_LIMITS, Quota, parse_quota
from edgesegd.access.quota_holder import QuotaHolder
from edgesegd.access.token_file import changing_content, changing_tokens, marker_of, read_content
from edgesegd.access.tokens import make_token
from edgesegd.core.errors import ConfigError, Unauthenticated
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
    assert [token.quota for token in read_content(file).tokens or []] == [ALL, NO_LIMITS]
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
    assert len(read_content(file).tokens or []) == 2


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
        read_content(file)
    assert str(file) in str(wrong.value)
    assert "'robot'" in str(wrong.value)
    with pytest.raises(ConfigError, match=complaint):
        parse_quota(given)


def test_a_key_without_an_effect_is_an_error(file: Path) -> None:
    add(file, "robot", ALL)
    table = json.loads(file.read_text())
    for changed, complaint in (
        ({**table, "limits": {}}, "the file has a key 'limits', which is unknown"),
        ({**table, "schema": 1, "certificates": {}}, "the file has a key 'certificates'"),
        (
            {"schema": 1, "tokens": table["tokens"]},
            "the token 'robot' has a key 'quota', which is unknown",
        ),
        (
            {**table, "tokens": [{**table["tokens"][0], "Quota": {}}]},
            "the token 'robot' has a key 'Quota', which is unknown",
        ),
    ):
        file.write_text(json.dumps(changed))
        with pytest.raises(ConfigError, match=complaint):
            read_content(file)


def test_a_token_with_another_quota_is_the_same_token_and_is_found_with_it_at_once(
    file: Path,
) -> None:
    text, keyring = add(file, "robot", NO_LIMITS), Keyring(file)
    token = keyring.find(text)
    assert token.quota == NO_LIMITS
    limit(file, "robot", ALL)
    assert keyring.still_valid(token)
    assert keyring.quota_of(QuotaHolder.of_token(token)) == ALL
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


FLEET = QuotaHolder.of_certificate("fleet")


def limit_certificate(file: Path, quota: Quota, name: str = "fleet") -> None:
    with changing_content(file) as content:
        content.certificates[name] = quota


def test_a_quota_of_a_certificate_asks_nobody_for_a_token(file: Path) -> None:
    limit_certificate(file, ALL)
    keyring = Keyring(file)
    assert not keyring.in_force
    assert keyring.has_file
    assert keyring.quota_of(FLEET) == ALL
    assert keyring.quota_of(QuotaHolder.of_certificate("other")) is None


def test_quotas_of_certificates_and_tokens_are_in_one_file(file: Path) -> None:
    limit_certificate(file, ALL)
    keyring = Keyring(file)
    text = add(file, "robot", Quota(max_streams=1))
    assert keyring.in_force, "the first token is in force at once"
    token = keyring.find(text)
    assert keyring.quota_of(QuotaHolder.of_token(token)) == Quota(max_streams=1)
    assert keyring.quota_of(FLEET) == ALL
    with changing_tokens(file) as tokens:
        tokens.clear()
    assert keyring.in_force
    assert keyring.quota_of(FLEET) == ALL


@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_a_file_of_certificates_alone_that_is_lost_locks_nobody_out_and_lifts_no_limit(
    file: Path, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    limit_certificate(file, ALL)
    keyring = Keyring(file)
    if how == "gone":
        file.unlink()
    else:
        file.write_text("[")
    assert not keyring.in_force
    assert keyring.quota_of(FLEET) == ALL
    (line,) = caplog.messages
    assert "stay as they were" in line
    with pytest.raises(ConfigError, match="is gone: restore it" if how == "gone" else "no file of"):
        Keyring(file)
    assert marker_of(file).exists()


def test_tokens_stay_in_force_if_the_file_asks_for_none_any_more(file: Path) -> None:
    text, keyring = add(file, "robot", NO_LIMITS), Keyring(file)
    assert keyring.find(text)
    file.write_text('{"schema": 2, "tokens": null, "certificates": {}}')
    assert keyring.in_force
    with pytest.raises(Unauthenticated):
        keyring.find(text)


@pytest.mark.parametrize(
    ("certificates", "complaint"),
    [
        ([], "certificates is a table of quotas by name"),
        ({"": {}}, "the name in a certificate has 1 to 256 printable characters, not ''"),
        ({"fleet": {"models": 7}}, "the certificate 'fleet': models is a list"),
        ({"fleet": None}, "the certificate 'fleet': a quota is a table of limits, not None"),
    ],
)
def test_a_wrong_quota_of_a_certificate_is_an_error(
    file: Path, certificates: object, complaint: str
) -> None:
    file.write_text(json.dumps({"schema": 2, "tokens": None, "certificates": certificates}))
    with pytest.raises(ConfigError, match=complaint):
        Keyring(file)
