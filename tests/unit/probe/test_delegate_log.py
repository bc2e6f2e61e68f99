"""Each finding about a delegate is one line of the log, and is not repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgesegd.delegates.spec import DelegateSpec, parse_delegate
from edgesegd.probe.delegate_log import DelegateLog
from edgesegd.probe.report import Finding, Verdict

CPU = Finding(DelegateSpec(), "", Verdict.CHOSEN, "the fastest of those that agree", threads=2)
NO_STICK = Finding(parse_delegate("edgetpu"), "", Verdict.ABSENT, "no device: /dev/apex_*")
WRONG = Finding(parse_delegate("gpu"), "", Verdict.WRONG, "outputs values that are not finite")
TWIN = Path("x.tflite")


@pytest.fixture(autouse=True)
def _from_info_on(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")


def test_an_absent_delegate_is_logged_once_and_each_measurement_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    delegate_log = DelegateLog()
    for _ in range(2):
        delegate_log.probed([CPU, NO_STICK, WRONG])
    assert caplog.messages == [
        "cpu with 2 threads: chosen: the fastest of those that agree",
        "edgetpu: absent: no device: /dev/apex_*",
        "gpu: wrong: outputs values that are not finite",
        "cpu with 2 threads: chosen: the fastest of those that agree",
        "gpu: wrong: outputs values that are not finite",
    ]


def test_what_is_remembered_about_accelerators_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    delegate_log = DelegateLog()
    for _ in range(2):
        delegate_log.remembered([CPU, NO_STICK, WRONG])
    assert caplog.messages == [
        "edgetpu: absent: no device: /dev/apex_*",
        "gpu: wrong: outputs values that are not finite",
    ]


def test_that_a_twin_serves_is_a_warning_for_each_model_and_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    delegate_log = DelegateLog()
    for model, why in (("x", "no device"), ("x", "no device"), ("y", "no device"), ("x", "hangs")):
        delegate_log.twin_serves(model, TWIN, why)
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    assert caplog.messages[0] == (
        "model x is compiled for an Edge TPU, and nothing here can run it (no device): its twin "
        "x.tflite is served instead, so service is degraded"
    )
    assert len(caplog.messages) == 3
