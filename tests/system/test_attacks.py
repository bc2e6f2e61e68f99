"""Attacks that need few resources, on a daemon with little memory, next to a good client.

The same that `benchmarks/attack.py` measures, for a shorter time.
"""

from __future__ import annotations

import sys

import pytest
from attacks.catalogue import ATTACKS
from attacks.memory_limit import MemoryLimit
from attacks.target import Attack
from attacks.trial import MAX_KEPT_MB, MAX_PEAK_MB, MAX_WAIT, try_attack

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("no_resource_tracker_is_left"),
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]

MEMORY = 512 << 20
SECONDS = 4.0
MIN_RATE = 0.05
"""Of the good client's usual rate. The benchmark asks for half; but here whatever else this machine
does counts too, as it does for the time without an answer and what is kept."""
NOISE = 2.0


def allowed_memory() -> int | None:
    """The limit; None if no control group can be created, which needs root."""
    try:
        MemoryLimit(MEMORY).close()
    except OSError:
        return None
    return MEMORY


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_a_daemon_that_is_attacked_goes_on_serving_others(attack: Attack, jpeg: bytes) -> None:
    outcome = try_attack(
        attack,
        flags=[],
        jpeg=jpeg,
        seconds=SECONDS,
        memory=allowed_memory(),
        progress=lambda _: None,
    )
    details = f"{outcome.attacker}, {outcome.good_client}, {outcome.log[-20:]}"
    assert outcome.front == "the same", details
    assert outcome.peak_mb <= MAX_PEAK_MB, details
    assert outcome.kept_mb is not None
    assert outcome.kept_mb <= NOISE * MAX_KEPT_MB, details
    assert outcome.wait <= NOISE * MAX_WAIT, details
    assert outcome.engines_lost == 0, details
    if attack.name != "resets":  # gRPC itself is busy with them
        assert outcome.rate >= MIN_RATE, details
    if attack.name not in ("nothing", "busy"):
        assert outcome.attacker, "it did not attack"
