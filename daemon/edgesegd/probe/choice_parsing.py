"""Reads a stored choice from JSON, and checks it.

The file may be damaged or edited by hand, so everything that a daemon could not serve with is
refused here.
"""

from __future__ import annotations

import sys
from typing import Any

from edgesegd.board.threads import MAX_THREADS
from edgesegd.delegates.selection import Selection
from edgesegd.delegates.spec import Choice, DelegateSpec
from edgesegd.ipc.trial_messages import TimedTrialResult
from edgesegd.probe.report import Finding, Verdict

MAX_SECONDS = 1e6

Plain = Any
"""A JSON value."""


def parse_selection(ranking: Plain, extra: Plain) -> Selection:
    """The selection; raises ValueError with the reason, LookupError or TypeError.

    The CPU must be the last of the ranking and nowhere else.
    """
    selection = Selection(_choices(ranking), _choices(extra))
    *better, last = (delegate for delegate, _ in selection.ranking)
    others = [*better, *(delegate for delegate, _ in selection.extra)]
    if not last.is_cpu or any(delegate.is_cpu for delegate in others):
        raise ValueError("the CPU is not the last choice")
    return selection


def parse_reason(plain: Plain) -> str:
    """A string; raises ValueError."""
    if not isinstance(plain, str):
        raise ValueError(f"a reason is a string, not {plain!r}")  # noqa: TRY004 # as below
    return plain


def parse_seconds(plain: Plain) -> float:
    """A duration; raises ValueError."""
    if not _is_number(plain) or plain >= MAX_SECONDS:
        raise ValueError(f"an invoke takes seconds, not {plain!r}")
    return float(plain)


def parse_findings(plain: Plain) -> tuple[Finding, ...]:
    """Findings; raises ValueError, LookupError or TypeError."""
    if not isinstance(plain, list):
        raise ValueError("the findings are not a list")  # noqa: TRY004 # all of it is one kind of fault
    return tuple(
        Finding(
            _delegate(each["delegate"]),
            parse_reason(each["title"]),
            Verdict(each["verdict"]),
            parse_reason(each["reason"]),
            None if each["measured"] is None else _measured(each["measured"]),
            model=parse_reason(each["model"]),
            threads=_threads(each["threads"]),
        )
        for each in plain
    )


def _choices(plain: Plain) -> tuple[Choice, ...]:
    if not isinstance(plain, list):
        raise ValueError("the choices are not a list")  # noqa: TRY004 # all of it is one kind of fault
    return tuple((_delegate(each["delegate"]), _threads(each["threads"])) for each in plain)


def _delegate(plain: Plain) -> DelegateSpec:
    delegate = DelegateSpec.from_message(plain)
    texts = (*delegate.libraries, *delegate.options, *delegate.options.values())
    sound = (
        isinstance(plain["libraries"], list)
        and isinstance(plain["options"], dict)
        and isinstance(plain["built_in"], bool)
        and all(isinstance(text, str) and "\0" not in text for text in (delegate.name, *texts))
        and all((delegate.name, *delegate.libraries))
        and (not delegate.is_cpu or delegate == DelegateSpec())
    )
    if not sound:
        raise ValueError(f"{plain!r} is not a delegate")
    return delegate


def _measured(plain: Plain) -> TimedTrialResult:
    return TimedTrialResult(
        runtime=parse_reason(plain["runtime"]),
        threads=_threads(plain["threads"]),
        delegated=_count(plain["delegated"]),
        operators=_count(plain["operators"]),
        agreement=_number(plain["agreement"]),
        largest_difference=_number_or_none(plain["largest_difference"]),
        deviation=_number_or_none(plain["deviation"]),
        finite=_flag(plain["finite"]),
        memory=_count(plain["memory"]),
        adapter=parse_reason(plain["adapter"]),
        fallback=parse_reason(plain["fallback"]),
        seconds_p10=parse_seconds(plain["seconds_p10"]),
        seconds_p50=parse_seconds(plain["seconds_p50"]),
        seconds_p90=parse_seconds(plain["seconds_p90"]),
        relative=_number(plain["relative"]),
    )


def _is_number(plain: Plain) -> bool:
    """Whether it is a number from 0 on that a float can hold."""
    return type(plain) in (int, float) and 0 <= plain <= sys.float_info.max


def _number(plain: Plain) -> float:
    if not _is_number(plain):
        raise ValueError(f"{plain!r} is not a number from 0 on")
    return float(plain)


def _number_or_none(plain: Plain) -> float | None:
    return None if plain is None else _number(plain)


def _count(plain: Plain) -> int:
    if type(plain) is not int or plain < 0:
        raise ValueError(f"{plain!r} is not a count")
    return plain


def _flag(plain: Plain) -> bool:
    if not isinstance(plain, bool):
        raise ValueError(f"{plain!r} is neither true nor false")  # noqa: TRY004 # as above
    return plain


def _threads(plain: Plain) -> int:
    if type(plain) is not int or not 0 <= plain <= MAX_THREADS:
        raise ValueError(f"threads is a number from 0 to {MAX_THREADS}, not {plain!r}")
    return plain
