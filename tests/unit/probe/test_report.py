"""What is made of what a trial measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest

from edgesegd.core.errors import ConfigError
from edgesegd.delegates.spec import DelegateSpec, parse_delegate
from edgesegd.ipc.trial_messages import TimedTrialResult
from edgesegd.probe.report import Finding, Verdict, best_on_cpu, choose, judge, ranking

GOOD = TimedTrialResult(
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
    relative=1.0,
    memory=80_000_000,
)


def finding(name: str, **changes: object) -> Finding:
    measured = dataclasses.replace(GOOD, **changes)  # type: ignore[arg-type]
    measured = dataclasses.replace(measured, relative=measured.seconds_p50 / GOOD.seconds_p50)
    try:
        delegate = parse_delegate(name)
    except ConfigError:
        delegate = DelegateSpec(name, (f"lib{name}.so",))
    judged = judge(delegate, name, measured)
    return dataclasses.replace(judged, threads=measured.threads)


def on_cpu(threads: int, milliseconds: float) -> Finding:
    return finding("cpu", threads=threads, seconds_p50=milliseconds / 1e3)


def verdicts(findings: Sequence[Finding]) -> list[str]:
    return [each.verdict.value for each in findings]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"agreement": 0.8349}, "agrees on 83.49% of pixels, 99% needed"),
        ({"agreement": 0.9899}, "agrees on 98.99% of pixels, 99% needed"),
        ({"deviation": 0.11}, "values are off by 0.11 standard deviations, 0.1 are allowed"),
        ({"finite": False, "agreement": 1.0}, "outputs values that are not finite"),
    ],
)
def test_a_delegate_with_wrong_masks_is_never_chosen(
    changes: dict[str, object], reason: str
) -> None:
    found = choose([finding("cpu"), finding("liar", seconds_p50=0.001, **changes)])
    assert [each.verdict for each in found] == [Verdict.CHOSEN, Verdict.WRONG]
    assert found[1].reason == reason


def test_a_delegate_that_gives_labels_needs_no_deviation() -> None:
    assert finding("npu", deviation=None, largest_difference=None).verdict is Verdict.SLOWER


def test_the_fastest_delegate_of_those_that_agree_is_chosen() -> None:
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


def test_of_equally_fast_delegates_the_first_is_chosen() -> None:
    assert choose([finding("cpu"), finding("npu")])[0].verdict is Verdict.CHOSEN


def test_nothing_is_chosen_where_all_trials_failed() -> None:
    failed = Finding(DelegateSpec(), "cpu", Verdict.FAILED, "no")
    assert choose([failed]) == [failed]
    assert ranking([failed]) == []


@pytest.mark.parametrize(
    ("milliseconds", "best"),
    [((40, 20.9, 20), 2), ((40, 21.1, 20), 3), ((20, 20, 20), 1), ((20, 25, 470), 1), ((9,), 1)],
)
def test_the_fewest_threads_that_are_not_much_slower_are_chosen(
    milliseconds: tuple[float, ...], best: int
) -> None:
    found = [on_cpu(threads, each) for threads, each in enumerate(milliseconds, 1)]
    chosen = choose(found)
    assert verdicts(chosen) == [
        "chosen" if at == best - 1 else "slower" for at in range(len(found))
    ]
    assert best_on_cpu(found) is found[best - 1]
    assert best_on_cpu(chosen) is chosen[best - 1]
    assert ranking(found) == [found[best - 1]]


def test_numbers_of_threads_are_compared_with_the_best_of_them() -> None:
    found = choose(
        [on_cpu(1, 36), on_cpu(2, 20), on_cpu(3, 19.2), finding("npu", seconds_p50=0.004)]
    )
    assert verdicts(found) == ["slower", "slower", "slower", "chosen"]
    assert [each.reason for each in found[:3]] == [
        "takes 1.80 times as long as cpu with 2 threads",
        "takes 5.00 times as long as npu",
        "takes 0.96 times as long as cpu with 2 threads, "
        "which leaves more cores to everything else",
    ]


def test_a_delegate_must_beat_the_best_of_the_cpu() -> None:
    found = choose([on_cpu(1, 40), on_cpu(2, 20), finding("npu", seconds_p50=0.03)])
    assert verdicts(found) == ["slower", "chosen", "slower"]
    assert found[2].reason == "takes 1.50 times as long as cpu with 2 threads"
    assert "takes 2.00 times as long as cpu with 1 thread" in {
        each.reason for each in choose([on_cpu(1, 10), finding("npu", seconds_p50=0.02)])
    }


def test_a_wrong_cpu_count_is_never_the_best() -> None:
    wrong = finding("cpu", threads=2, seconds_p50=0.001, agreement=0.5)
    assert verdicts(choose([on_cpu(1, 10), wrong])) == ["chosen", "wrong"]


def test_a_second_device_of_the_same_kind_gets_the_verdict_extra() -> None:
    sticks = [
        finding("edgetpu:usb:0", seconds_p50=0.005),
        finding("edgetpu:usb:1", seconds_p50=0.004),
        finding("edgetpu:pci:0", seconds_p50=0.0044),
        finding("edgetpu:usb:2", seconds_p50=0.004, agreement=0.5),
    ]
    found = choose([on_cpu(1, 10), *sticks])
    assert verdicts(found) == ["slower", "extra", "chosen", "extra", "wrong"]
    assert found[1].reason == (
        "another device of the same kind: can serve together with edgetpu:usb:1; "
        "takes 1.25 times as long as edgetpu:usb:1"
    )
    assert ranking(found) == [found[2], found[3], found[1], found[0]]


@pytest.mark.parametrize(
    "other",
    ["edgetpu", "edgetpu:device=usb:1,Performance=Low", "libedgetpu.so.1:device=usb:0", "npu"],
)
def test_a_slower_delegate_on_the_same_device_is_not_extra(other: str) -> None:
    found = choose([finding("edgetpu:usb:0", seconds_p50=0.004), finding(other)])
    assert verdicts(found) == ["chosen", "slower"]


def test_edge_tpu_sticks_that_are_slower_than_the_cpu_are_not_used() -> None:
    slow = [finding(f"edgetpu:usb:{at}", seconds_p50=0.02) for at in range(2)]
    found = choose([on_cpu(1, 10), *slow])
    assert verdicts(found) == ["chosen", "slower", "slower"]
    assert ranking(found) == [found[0]]


def test_the_ranking_is_what_beats_the_cpu_then_the_cpu() -> None:
    found = [
        on_cpu(1, 20),
        on_cpu(2, 10),
        finding("slow", seconds_p50=0.011),
        finding("fast", seconds_p50=0.002),
        finding("liar", seconds_p50=0.001, agreement=0.1),
        finding("fair", seconds_p50=0.009),
        Finding(DelegateSpec("gone", ("libgone.so",)), "gone", Verdict.ABSENT, "not there"),
    ]
    for findings in (found, choose(found)):
        assert [str(each) for each in ranking(findings)] == ["fast", "fair", "cpu with 2 threads"]
