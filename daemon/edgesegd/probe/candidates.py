"""Finds the delegates that are worth trying on this board."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgesegd.delegates.spec import CPU, DelegateSpec, parse_delegate
from edgesegd.delegates.table import KNOWN, KnownDelegate
from edgesegd.models.pair import ModelPair
from edgesegd.probe.devices import ROOT, is_there, number_devices


@dataclass(frozen=True, slots=True)
class Candidate:
    """A delegate to try; if it cannot work here, `absent` is the reason.

    `threads` are those of the interpreter; 0 lets the probe choose.
    """

    spec: DelegateSpec
    title: str
    absent: str = ""
    threads: int = 0


def find_candidates(
    pair: ModelPair, extra: tuple[str, ...] = (), *, root: Path = ROOT
) -> list[Candidate]:
    """The CPU first, then every known delegate, then those of `extra`, written as for `--delegate`.

    A delegate with several devices is one candidate for each device. `root` is the root of the file
    system in which devices are searched.
    """
    found = [Candidate(DelegateSpec(), "the runtime's CPU kernels")]
    for name, known in KNOWN.items():
        found += _candidates_of(name, known, pair, root)
    tried = [each.spec for each in found if not each.absent]
    for text in extra:
        spec = parse_delegate(text)
        if text != CPU and spec not in tried:
            found.append(Candidate(spec, text))
    return found


def _candidates_of(
    name: str, known: KnownDelegate, pair: ModelPair, root: Path
) -> Iterator[Candidate]:
    if why := why_absent(known, pair, root):
        yield Candidate(parse_delegate(name), known.title, why)
        return
    devices = number_devices(known, root)
    for spec in [f"{name}:{device}" for device in devices] or [name]:
        yield Candidate(parse_delegate(spec), known.title)


def why_absent(known: KnownDelegate, pair: ModelPair, root: Path) -> str:
    """Why a known delegate cannot run this model on this board; empty if it may."""
    if known.custom_op and pair.compiled is None:
        why = f"runs only models compiled for it, with {known.custom_op}"
        return f"{why}; {pair.ignored}" if pair.ignored else why
    if not is_there(known, root):
        usb = [f"USB {each}" for each in known.usb_ids]
        return f"no device: {' or '.join([*known.devices, *usb])}"
    return ""
