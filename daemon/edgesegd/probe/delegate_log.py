"""Logs what is known about the delegates of this board, and does not repeat it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from edgesegd.probe.report import Finding, Verdict

log = logging.getLogger(__name__)


class DelegateLog:
    """One line for each delegate, with the reason why it is used or not.

    Several models on one board have the same findings, and each start of a model has them again: a
    line that was written before is left out.
    """

    def __init__(self) -> None:
        self._written: set[str] = set()

    def probed(self, findings: Iterable[Finding]) -> None:
        """The findings of a probe; those of absent delegates are written once."""
        for finding in findings:
            self._write(finding, once=finding.verdict is Verdict.ABSENT)

    def remembered(self, findings: Iterable[Finding]) -> None:
        """The findings of an earlier probe; those of the CPU are left out."""
        for finding in findings:
            if not finding.delegate.is_cpu:
                self._write(finding, once=True)

    def twin_serves(self, model: str, twin: Path, why: str) -> None:
        """The model `model` is compiled for an Edge TPU; `why` its `twin` has to run instead."""
        line = f"model {model}: {why}"
        if line not in self._written:
            log.warning(
                "model %s is compiled for an Edge TPU, and nothing here can run it (%s): its twin "
                "%s is served instead, so service is degraded",
                *(model, why, twin),
            )
        self._written.add(line)

    def _write(self, finding: Finding, *, once: bool) -> None:
        line = f"{finding}: {finding.verdict.value}: {finding.reason}"
        if not (once and line in self._written):
            log.info("%s: %s: %s", finding, finding.verdict.value, finding.reason)
        self._written.add(line)
