"""What is worth trying on this board."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgesegd.core.delegates.spec import CPU, DelegateSpec, parse_delegate
from edgesegd.core.delegates.table import KNOWN, KnownDelegate
from edgesegd.core.model.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class Candidate:
    """A delegate to try; with `absent` the reason why there is no use in trying."""

    spec: DelegateSpec
    title: str
    absent: str = ""


def find_candidates(model: ModelSpec, also: tuple[str, ...] = ()) -> list[Candidate]:
    """The CPU first, then every known delegate, then those of `also`, as `--delegate` has them."""
    return [
        Candidate(DelegateSpec(), "the runtime's CPU kernels"),
        *(
            Candidate(parse_delegate(name), known.title, why_absent(known, model))
            for name, known in KNOWN.items()
        ),
        *(Candidate(parse_delegate(text), text) for text in also if text != CPU),
    ]


def exists(pattern: str) -> bool:
    """Whether there is a file like that; the pattern is absolute."""
    return any(Path("/").glob(pattern.removeprefix("/")))


def why_absent(known: KnownDelegate, model: ModelSpec) -> str:
    """Why a known delegate cannot run this model on this board; empty where it may."""
    if known.custom_op and known.custom_op not in model.custom_ops:
        return f"runs only models compiled for it, with {known.custom_op}"
    if known.devices and not any(map(exists, known.devices)):
        return f"no device: {' or '.join(known.devices)}"
    return ""
