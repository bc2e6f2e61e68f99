"""What is made of what a trial measured."""

from __future__ import annotations

import dataclasses

import pytest

from edgesegd.core.delegates.spec import DelegateSpec
from edgesegd.core.trial import Measured
from edgesegd.probe.report import Finding, Verdict, choose, judge

GOOD = Measured(
    runtime="ai-edge-litert 2.3",
    threads=2,
    delegated=3,
    operators=70,
    agreement=1.0,
    largest_difference=0.0,
    deviation=0.0,
    finite=True,
    seconds_p10=0.009,
    seconds_p50=0.010,
    seconds_p90=0.011,
    memory=80_000_000,
)


def finding(name: str, **changes: object) -> Finding:
    measured = dataclasses.replace(GOOD, **changes)  # type: ignore[arg-type]
    return judge(DelegateSpec(name, (f"lib{name}.so",)), name, measured)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"agreement": 0.8349}, "agrees on 83.49% of pixels, 99% needed"),
        ({"agreement": 0.9899}, "agrees on 98.99% of pixels, 99% needed"),
        ({"deviation": 0.11}, "values are off by 0.11 standard deviations, 0.1 are allowed"),
        ({"finite": False, "agreement": 1.0}, "gives values that are no numbers"),
    ],
)
def test_what_is_wrong_is_never_chosen(changes: dict[str, object], reason: str) -> None:
    found = choose([finding("cpu"), finding("liar", seconds_p50=0.001, **changes)])
    assert [each.verdict for each in found] == [Verdict.CHOSEN, Verdict.WRONG]
    assert found[1].reason == reason


def test_labels_have_no_deviation() -> None:
    assert finding("npu", deviation=None, largest_difference=None).verdict is Verdict.SLOWER


def test_the_fastest_of_those_that_agree() -> None:
    found = choose(
        [
            finding("cpu"),
            finding("npu", seconds_p50=0.004),
            finding("gpu", seconds_p50=0.006, agreement=0.99),
        ]
    )
    assert [each.verdict for each in found] == [Verdict.SLOWER, Verdict.CHOSEN, Verdict.SLOWER]
    assert found[0].reason == "takes 2.50 times as long as npu"
    assert found[2].reason == "takes 1.50 times as long as npu"


def test_of_equals_the_first() -> None:
    assert choose([finding("cpu"), finding("npu")])[0].verdict is Verdict.CHOSEN


def test_nothing_to_choose() -> None:
    absent = Finding(DelegateSpec(), "cpu", Verdict.FAILED, "no")
    assert choose([absent]) == [absent]
