"""How many unknown tokens of an address are looked for."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from edgesegd.access.keyring import Keyring
from edgesegd.access.token_file import changing_tokens
from edgesegd.access.tokens import Token, make_token
from edgesegd.api import access_control
from edgesegd.api.access_control import NEW_TOKENS_AT_ONCE, AccessControl
from edgesegd.api.open_call import OpenCall
from edgesegd.core.errors import Overloaded, Unauthenticated


@pytest.fixture
def text(tmp_path: Path) -> str:
    """A valid token of the file."""
    token, text = make_token("robot", ["infer"], now=0.0)
    with changing_tokens(tmp_path / "tokens.json") as tokens:
        tokens.append(token)
    return text


async def test_an_address_that_guesses_is_slowed_down_and_others_are_not(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []
    access = AccessControl(
        Keyring(tmp_path / "tokens.json"),
        scope_of=lambda _: "infer",
        public_metrics=False,
        on_refused=refused.append,
        on_limit=lambda _: None,
    )
    right, hashed = Token.matches, []

    def counted(token: Token, text: str) -> bool:
        hashed.append(text)
        return right(token, text)

    monkeypatch.setattr(Token, "matches", counted)
    wrong = [f"{text[:-2]}{number:02x}" for number in range(3 * NEW_TOKENS_AT_ONCE)]
    for each in filter(lambda other: other != text, wrong):
        with pytest.raises((Unauthenticated, Overloaded)):
            await access.check(OpenCall(("attacker", "attacker:1")), "method", f"Bearer {each}")
    assert len(hashed) <= NEW_TOKENS_AT_ONCE + 5, "each takes a core for 50 ms"
    assert len(refused) >= len(wrong) - 1
    call = OpenCall(("robot", "robot:1"))
    await access.check(call, "method", f"Bearer {text}")
    assert call.token is not None


async def test_a_call_whose_token_is_being_looked_for_is_not_ended(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_control, "REVOKED_SECONDS", 0.01)
    access = AccessControl(
        Keyring(tmp_path / "tokens.json"),
        scope_of=lambda _: "infer",
        public_metrics=False,
        on_refused=lambda _: None,
        on_limit=lambda _: None,
    )
    right, call = Token.matches, OpenCall(("robot", "robot:1"))

    def slowly(token: Token, text: str) -> bool:
        time.sleep(0.2)
        return right(token, text)

    monkeypatch.setattr(Token, "matches", slowly)
    watching = asyncio.create_task(access.run({call}))
    with call.raising_if_evicted():
        await access.check(call, "method", f"Bearer {text}")
        await asyncio.sleep(0.05)
    watching.cancel()
    assert call.token is not None
