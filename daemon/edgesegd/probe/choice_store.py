"""Stores the choice of a probe for the next start, with the facts that it depends on."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from edgesegd.delegates.locate import locate_library
from edgesegd.delegates.selection import Selection
from edgesegd.delegates.spec import Choice, DelegateSpec
from edgesegd.files.regular import read_regular_file
from edgesegd.files.replacing import replacing
from edgesegd.probe.choice_parsing import (
    parse_findings,
    parse_reason,
    parse_seconds,
    parse_selection,
)
from edgesegd.probe.report import Finding

log = logging.getLogger(__name__)

SCHEMA = 4
MAX_FILE_BYTES = 1 << 20
"""Bytes of the file; the findings of a probe are far smaller."""
RUNTIMES = ("ai-edge-litert", "tflite-runtime")
MACHINE_ID = Path("/etc/machine-id")
VULKAN_DRIVERS = (Path("/usr/share/vulkan/icd.d"), Path("/etc/vulkan/icd.d"))

Facts = dict[str, Any]
"""What a choice depends on, as JSON values."""


def machine_facts() -> Facts:
    """The facts about this machine and what is installed on it."""
    try:
        machine_id = MACHINE_ID.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        machine_id = platform.node()
    return {
        "machine": [machine_id, platform.machine(), platform.release()],
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "runtimes": {name: _version(name) for name in RUNTIMES},
        "vulkan": sorted(str(file) for folder in VULKAN_DRIVERS for file in folder.glob("*.json")),
    }


def library_facts(delegates: Sequence[DelegateSpec]) -> Facts:
    """The SHA-256 of each library that these delegates may load; "" if it does not exist."""
    names = sorted({name for delegate in delegates for name in delegate.libraries})
    return {name: _digest(locate_library(name)) for name in names}


@dataclass(frozen=True, slots=True)
class StoredChoice:
    """A choice; `disturbed` is what disturbed its measurement, "" for nothing.

    `invoke_seconds` is how long an invoke of the best delegate took. `findings` are those of the
    probe that chose.
    """

    selection: Selection
    disturbed: str
    invoke_seconds: float
    findings: tuple[Finding, ...] = ()


class ChoiceStore:
    """The stored choice for one model, in a file of the state folder.

    It is valid as long as the `facts` are the same. A file that is damaged or of another machine is
    ignored. `reason` says why there is no choice to load.
    """

    def __init__(self, folder: Path, model_sha256: str, facts: Facts) -> None:
        self.path = folder / f"delegates-{model_sha256[:16]}.json"
        self.reason = "no probe was made before"
        self._facts = json.loads(json.dumps(facts))

    def load(self) -> StoredChoice | None:
        """The stored choice; None if there is none, or if a fact has changed since."""
        try:
            saved = json.loads(read_regular_file(self.path, MAX_FILE_BYTES))
            if saved["schema"] != SCHEMA:
                self.reason = f"{self.path} was written by another version"
                return None
            facts = dict(saved["facts"])
            remembered = StoredChoice(
                parse_selection(saved["ranking"], saved["extra"]),
                parse_reason(saved["disturbed"]),
                parse_seconds(saved["invoke_seconds"]),
                parse_findings(saved["findings"]),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as why:
            self.reason = f"{self.path} cannot be used: {type(why).__name__}: {why}"
            return None
        changed = [name for name, value in self._facts.items() if facts.get(name) != value]
        if changed:
            self.reason = f"changed since the last probe: {', '.join(changed)}"
            return None
        return remembered

    def save(self, chosen: StoredChoice) -> str:
        """Store a choice; returns why it cannot be written, which is logged, or ""."""
        saved = {
            "schema": SCHEMA,
            "facts": self._facts,
            "disturbed": chosen.disturbed,
            "invoke_seconds": chosen.invoke_seconds,
            "ranking": _plain(chosen.selection.ranking),
            "extra": _plain(chosen.selection.extra),
            "findings": [finding.to_json() for finding in chosen.findings],
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self.path) as file:
                file.write(json.dumps(saved, indent=2).encode())
        except OSError as error:
            log.warning("the choice of the delegate cannot be stored in %s: %s", self.path, error)
            return error.strerror or str(error)
        return ""

    def delete(self) -> bool:
        """Delete the stored choice; whether there was one. Raises OSError."""
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        return True


def _plain(choices: Sequence[Choice]) -> list[Facts]:
    return [{"delegate": asdict(delegate), "threads": threads} for delegate, threads in choices]


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def _digest(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError:
        return ""
