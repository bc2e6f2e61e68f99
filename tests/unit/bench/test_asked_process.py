"""A process that is measured: what it writes to stderr is shown only if it ends."""

from __future__ import annotations

import re

import pytest

from edgesegd.bench.asked_process import AskedProcess

PROGRAM = """
import json, sys
print("INFO: a runtime says hello", file=sys.stderr, flush=True)
for line in sys.stdin:
    if json.loads(line) == "end":
        sys.exit("the model is gone")
    print(line, end="", flush=True)
"""


def test_lines_of_runtimes_are_not_shown_unless_the_process_ends(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with AskedProcess("-c", PROGRAM) as process:
        process.ask([1, 2])
        assert process.answer() == [1, 2]
        process.ask("end")
        error = "ended:\nINFO: a runtime says hello\nthe model is gone"
        with pytest.raises(RuntimeError, match=re.escape(error)):
            process.answer()
    assert capfd.readouterr() == ("", "")
