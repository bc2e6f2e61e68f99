"""Which tokens are valid, whatever happens to their file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from edgesegd.access.keyring import Keyring, bearer
from edgesegd.access.token_file import MAX_FILE, changing_tokens, marker_of, read_content
from edgesegd.access.tokens import Token, make_token
from edgesegd.core.errors import ConfigError, Unauthenticated
from edgesegd.files import watch

NOW = 1_800_000_000.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


def add(file: Path, name: str = "robot", expires: float | None = None) -> str:
    token, text = make_token(name, ["infer"], now=NOW, expires=expires)
    with changing_tokens(file) as tokens:
        tokens.append(token)
    return text


def is_valid(keyring: Keyring, text: str) -> bool:
    try:
        keyring.find(text)
    except Unauthenticated:
        return False
    return True


def test_without_a_file_no_token_is_asked_for(file: Path) -> None:
    assert not Keyring(file).in_force
    assert not Keyring(None).in_force


def test_a_home_that_is_no_folder_has_no_tokens() -> None:
    """As in containers."""
    assert not Keyring(Path("/dev/null/.local/share/edgeseg/tokens.json")).in_force


def test_the_first_token_is_in_force_at_once(file: Path) -> None:
    keyring = Keyring(file)
    in_force = [keyring.in_force]
    text = add(file)
    assert [*in_force, keyring.in_force] == [False, True]
    assert is_valid(keyring, text)
    assert not is_valid(keyring, text[:-1])
    assert not is_valid(keyring, "")


def test_a_token_is_valid_until_it_expires_and_is_not_hashed_then(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, times = add(file, expires=NOW + 10), [NOW]
    keyring = Keyring(file, clock=lambda: times[-1])
    assert not keyring.is_quick(text)
    token = keyring.find(text)
    assert keyring.is_quick(text)
    times.append(NOW + 10)
    assert not keyring.still_valid(token)
    monkeypatch.setattr(Token, "matches", None)
    assert not is_valid(keyring, text)


def cannot_read(_path: Path, _largest: int) -> bytes:
    raise OSError(24, "Too many open files")


def test_a_change_that_cannot_be_read_at_first_counts_as_soon_as_it_can(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As where no descriptor is free at that moment: a revoked token must not stay valid."""
    monkeypatch.setattr(watch, "RETRY_SECONDS", 0.0)
    text, keyring = add(file), Keyring(file)
    assert is_valid(keyring, text)
    with changing_tokens(file) as tokens:
        tokens.clear()
    with monkeypatch.context() as patched:
        patched.setattr("edgesegd.access.token_file.read_regular_file", cannot_read)
        assert is_valid(keyring, text), "what was valid stays so"
        assert is_valid(keyring, text)
    assert len([one for one in caplog.records if "stay as they were" in one.message]) == 1
    assert not is_valid(keyring, text)


def test_a_first_file_that_cannot_be_read_closes_the_daemon(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "RETRY_SECONDS", 0.0)
    keyring = Keyring(file)
    with monkeypatch.context() as patched:
        patched.setattr("edgesegd.access.token_file.read_regular_file", cannot_read)
        file.write_text("whatever")
        assert keyring.in_force
    text = "edgeseg_0123456789ab_" + "0" * 64
    assert not is_valid(keyring, text)
    file.unlink()
    assert is_valid(keyring, add(file))


@pytest.mark.parametrize("field", ["name", "identity", "salt", "scrypt", "scopes", "created"])
@pytest.mark.parametrize("value", [None, [[]], {}, 7, "", "zz", ["x"]])
def test_a_damaged_file_changes_nothing_and_is_an_error_at_the_start(
    file: Path, field: str, value: object
) -> None:
    text, keyring = add(file), Keyring(file)
    assert is_valid(keyring, text)
    table = json.loads(file.read_text())
    table["tokens"][0][field] = value
    if (field == "name" and value == "zz") or (field == "scopes" and value in ({}, "")):
        return  # another name, or a token for nothing, is no damage
    file.write_text(json.dumps(table))
    with pytest.raises(ConfigError):
        Keyring(file)
    assert is_valid(keyring, text)


def test_a_file_that_is_lost_opens_nothing_now_or_at_the_next_start(file: Path) -> None:
    text, keyring = add(file), Keyring(file)
    file.unlink()
    assert keyring.in_force
    assert not is_valid(keyring, text)
    with pytest.raises(ConfigError, match="is gone: restore it, or delete"):
        Keyring(file)
    marker_of(file).unlink()
    assert not Keyring(file).in_force


def test_a_link_that_leads_nowhere_is_an_error(file: Path) -> None:
    file.symlink_to(file.with_name("unmounted.json"))
    with pytest.raises(ConfigError, match="cannot read"):
        Keyring(file)


def test_tokens_are_changed_where_a_link_leads(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    add(file)
    link.symlink_to(file)
    with changing_tokens(link) as tokens:
        tokens.clear()
    assert link.is_symlink()
    assert read_content(file).tokens == []


def test_a_file_that_could_not_be_read_again_is_not_written(file: Path) -> None:
    add(file)
    before, (token,) = file.read_bytes(), read_content(file).tokens or []
    with pytest.raises(ConfigError, match="too many tokens"), changing_tokens(file) as tokens:
        tokens.extend([token] * (MAX_FILE // 300))
    assert file.read_bytes() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
def test_the_file_belongs_to_whom_its_folder_belongs(file: Path) -> None:
    """Else a daemon of another user could not read what root writes for it."""
    os.chown(file.parent, 12345, 12345)
    add(file, "one")
    add(file, "two")
    made = list(file.parent.iterdir())
    assert {file, marker_of(file)} < set(made)
    for path in made:
        assert (path.stat().st_uid, path.stat().st_mode & 0o777) == (12345, 0o600)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
@pytest.mark.parametrize("name", ["tokens.json.required", ".tokens.json.lock"])
def test_root_gives_away_no_file_to_which_the_owner_of_the_folder_made_a_link(
    file: Path, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    """Else who has the daemon's user would have every file of the machine."""
    of_root = tmp_path_factory.mktemp("root") / "shadow"
    of_root.write_text("secret", encoding="utf-8")
    before = of_root.stat()
    os.chown(file.parent, 12345, 12345)
    file.with_name(name).symlink_to(of_root)
    with pytest.raises(ConfigError, match="cannot write the tokens"):
        add(file)
    assert of_root.stat() == before
    assert not file.exists()
    file.with_name(name).unlink()
    add(file)
    assert file.stat().st_uid == 12345


@pytest.mark.parametrize(
    ("header", "text"),
    [("Bearer x", "x"), ("bearer  x ", "x"), ("Basic x", ""), ("x", ""), ("", "")],
)
def test_a_token_is_in_a_header_of_its_kind(header: str, text: str) -> None:
    assert bearer(header) == text
