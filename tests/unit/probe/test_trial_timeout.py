"""How long a trial may be silent."""

from __future__ import annotations

from edgesegd.probe.trial_timeout import CPU_FACTOR, INVOKE_FACTOR, CpuTrialTimeout, TrialTimeout


def test_a_step_has_the_given_seconds_while_invokes_are_short() -> None:
    timeout = TrialTimeout(30)
    assert timeout.seconds == 30
    timeout.observe(0.1)
    assert timeout.seconds == 30


def test_a_long_invoke_gives_all_later_steps_more_time() -> None:
    timeout = TrialTimeout(30)
    timeout.observe(17)
    timeout.observe(16)
    assert timeout.seconds == INVOKE_FACTOR * 17


def test_what_the_cpu_took_counts_before_the_first_invoke() -> None:
    assert TrialTimeout(30, invoke_seconds=17).seconds == INVOKE_FACTOR * 17


def test_the_cpu_has_a_long_timeout_until_its_first_invoke() -> None:
    timeout = CpuTrialTimeout(30)
    assert timeout.seconds == CPU_FACTOR * 30
    timeout.observe(0.1)
    assert timeout.seconds == 30
    timeout.observe(17)
    assert timeout.seconds == INVOKE_FACTOR * 17
