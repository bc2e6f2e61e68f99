"""A choice of delegates as a daemon stores it, with everything that there may be in one."""

from __future__ import annotations

from edgesegd.delegates.selection import Selection
from edgesegd.delegates.spec import DelegateSpec, parse_delegate
from edgesegd.probe.choice_store import StoredChoice
from edgesegd.probe.report import Finding, Verdict

CHOICE = StoredChoice(
    Selection(
        ranking=((parse_delegate("/opt/libnpu.so:cores=2"), 1), (DelegateSpec(), 4)),
        extra=((parse_delegate("edgetpu:usb:1"), 2),),
    ),
    "frames were served meanwhile",
    0.0125,
    (Finding(parse_delegate("edgetpu"), "Coral", Verdict.ABSENT, "no device: /dev/apex_*"),),
)
