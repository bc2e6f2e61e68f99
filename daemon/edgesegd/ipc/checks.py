"""Checks of a delegate against the CPU, as an engine adds them to its answers.

A check ends after its frame was answered, so it travels with the answer to a later one.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgesegd.core.delegate_check import DelegateCheck
from edgesegd.ipc.messages import Message

CHECKS = "checks"
"""The key of the checks that ended since the answer before; without any, it is missing."""
MAX_CHECKS = 16
"""How many checks may travel with one answer. An engine makes one at a time, of its newest frame.
"""


def write_checks(checks: Sequence[DelegateCheck], message: Message) -> None:
    """Add checks, at most MAX_CHECKS, to an answer."""
    if checks:
        message[CHECKS] = [[each.agreement, each.agrees] for each in checks]


def read_checks(message: Message) -> list[DelegateCheck]:
    """The checks in an answer; raises ValueError or TypeError for what no engine sends."""
    found = message.get(CHECKS, [])
    if not isinstance(found, list) or len(found) > MAX_CHECKS:
        raise ValueError("the checks are not a list of a few")
    return [_check(*each) for each in found]


def _check(agreement: object, agrees: object) -> DelegateCheck:
    if not isinstance(agreement, float) or not 0 <= agreement <= 1:
        raise ValueError("an agreement is not a share")
    if not isinstance(agrees, bool):
        raise TypeError("a check agrees or does not")
    return DelegateCheck(agreement, agrees)
