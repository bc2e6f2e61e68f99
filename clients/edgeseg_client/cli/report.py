"""Counts what became of the frames of a stream, and shows it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import partial

from rich.console import Console
from rich.live import Live

from edgeseg_client.cli.terminal_view import live_view, summary_table
from edgeseg_client.errors import EdgesegClientError
from edgeseg_client.sources.following import AnsweredFrame
from edgeseg_client.summary import Summary


class Report:
    """Counts the answers of each source, and shows them on the terminal."""

    def __init__(self, names: Iterable[str], *, as_json: bool) -> None:
        self._summaries = {name: Summary() for name in names}
        self._states: dict[str, str] = {}
        self._as_json = as_json
        self._source_failed = False
        self.unwritten = 0
        """How many results were not written whole."""

    @property
    def failed(self) -> bool:
        """Whether a frame failed, or a source."""
        if self._source_failed or self.unwritten:
            return True
        return any(one.failed for one in self._summaries.values())

    def live(self) -> Live | nullcontext[None]:
        """A context that shows the numbers while it is open, if standard error is a terminal."""
        screen = Console(stderr=True)
        if not screen.is_terminal:
            return nullcontext()
        return Live(
            get_renderable=lambda: live_view(self._summaries, self._states),
            console=screen,
            transient=True,
            refresh_per_second=8,
        )

    def state_of(self, name: str) -> Callable[[str], None]:
        """What is called with why a source is lost, and with "" when it is back."""
        return partial(self._states.__setitem__, name)

    def add(self, answered: AnsweredFrame) -> None:
        """Count one answer; one that failed is printed."""
        answer = answered.answer
        self._summaries.setdefault(answered.source.name, Summary()).add(answer)
        if answer.failed:
            print(f"edgeseg: {_name(answered)}: {answer.message}", file=sys.stderr)

    def not_written(self, answered: AnsweredFrame, error: EdgesegClientError) -> None:
        """Print why a result was not written whole; the others go on."""
        self.unwritten += 1
        print(f"edgeseg: {_name(answered)}: not written whole: {error}", file=sys.stderr)

    def source_failed(self, name: str, error: EdgesegClientError) -> None:
        """Print why a source ended; the others go on."""
        self._source_failed = True
        print(f"edgeseg: {name}: {error}", file=sys.stderr)

    def print_summaries(self) -> None:
        """Print the numbers of each source, as tables or as lines of JSON."""
        for name, summary in self._summaries.items():
            if self._as_json:
                line = {"type": "summary", "source": name, **summary.as_dict()}
                print(json.dumps(line))
            else:  # with a file, rich uses its encoding
                Console(file=sys.stdout).print(summary_table(name, summary))


def _name(answered: AnsweredFrame) -> str:
    """What a frame is called in messages."""
    return answered.frame.label or f"{answered.source.name}, frame {answered.answer.frame_id}"
