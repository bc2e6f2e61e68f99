"""Who has a quota: a token, or a client's certificate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from edgesegd.access.tokens import Token


@dataclass(frozen=True, slots=True)
class QuotaHolder:
    """All clients with the same token, or with certificates of the same name.

    As a text it is what messages call it.
    """

    kind: str
    key: str
    name: str = field(compare=False)

    @classmethod
    def of_token(cls, token: Token) -> Self:
        """The clients with a token; a later one of the same name is another holder."""
        return cls("token", token.identity, token.name)

    @classmethod
    def of_certificate(cls, name: str) -> Self:
        """The clients with certificates of that name."""
        return cls("certificate", name, name)

    def __str__(self) -> str:
        return f"the {self.kind} {self.name!r}"
