"""A choice of delegates as an earlier probe would have left it."""

from __future__ import annotations

from pathlib import Path

from edgesegd.delegates.selection import Selection
from edgesegd.delegates.spec import DelegateSpec, parse_delegate
from edgesegd.models.catalogue.store import resolve_model
from edgesegd.models.pair import find_pair
from edgesegd.models.reading import read_model
from edgesegd.probe.choice import Chooser
from edgesegd.probe.choice_store import StoredChoice
from edgesegd.probe.report import Finding, Verdict
from support.stored_choice import MEASURED


def remember(
    folder: Path, *delegates: str, extra: tuple[str, ...] = (), model: str = "builtin"
) -> tuple[str, ...]:
    """Let `folder` hold these delegates as the choice for the model, then the CPU, and findings.

    Those of `extra` have engines of their own. Returns the flags of a daemon that finds it.
    """
    chooser = Chooser(
        find_pair(read_model(resolve_model(model, folder))),
        runtime="auto",
        threads=1,
        extra=(*delegates, *extra),
        folder=folder,
    )
    ranking = [*map(parse_delegate, delegates), DelegateSpec()]
    selection = Selection(
        ranking=tuple((delegate, 1) for delegate in ranking),
        extra=tuple((parse_delegate(text), 1) for text in extra),
    )
    best, *others = ranking
    findings = (
        Finding(best, best.name, Verdict.CHOSEN, "", MEASURED, model, 1),
        *(Finding(each, each.name, Verdict.SLOWER, "", MEASURED, model, 1) for each in others),
    )
    chooser.store.save(StoredChoice(selection, "", 0.0, findings))
    return (
        f"--data-dir={folder}",
        f"--model={model}",
        "--threads=1",
        *(f"--candidates={text}" for text in (*delegates, *extra)),
    )
