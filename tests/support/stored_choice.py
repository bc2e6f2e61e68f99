"""A choice of delegates as a daemon stores it, with everything that there may be in one."""

from __future__ import annotations

from edgesegd.delegates.selection import Selection
from edgesegd.delegates.spec import DelegateSpec, parse_delegate
from edgesegd.ipc.trial_messages import TimedTrialResult
from edgesegd.probe.choice_store import StoredChoice
from edgesegd.probe.report import Finding, Verdict

MEASURED = TimedTrialResult(
    runtime="ai-edge-litert 2.1",
    threads=2,
    delegated=0,
    operators=0,
    agreement=1.0,
    largest_difference=0.0,
    deviation=0.0,
    finite=True,
    memory=1,
    seconds_p10=0.01,
    seconds_p50=0.01,
    seconds_p90=0.01,
    relative=1.0,
)
CHOICE = StoredChoice(
    Selection(
        ranking=((parse_delegate("/opt/libnpu.so:cores=2"), 1), (DelegateSpec(), 4)),
        extra=((parse_delegate("edgetpu:usb:1"), 2),),
    ),
    "frames were served meanwhile",
    0.0125,
    (
        Finding(DelegateSpec(), "the CPU", Verdict.CHOSEN, "", MEASURED, "x.tflite", 2),
        Finding(parse_delegate("edgetpu"), "Coral", Verdict.ABSENT, "no device: /dev/apex_*"),
    ),
)
