"""The part of the page about a command, from its parser."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator

from reference.markdown import code, join, table
from reference.source import Incomplete


def commands(parser: argparse.ArgumentParser) -> str:
    """The command and all commands below it; raises `Incomplete` if an option has no help."""
    return join(part for one in _with_subcommands(parser) for part in _describe(one))


def _with_subcommands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:  # noqa: SLF001  # argparse has no public way to them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            seen = set()
            for below in action.choices.values():
                if id(below) not in seen:  # a command may have several names
                    yield from _with_subcommands(below)
                seen.add(id(below))


def _describe(parser: argparse.ArgumentParser) -> Iterator[str]:
    rows = [_row(parser, action) for action in parser._actions if _is_shown(action)]  # noqa: SLF001
    yield f"### {parser.prog}"
    yield _sentence(parser.description or "")
    yield table(["argument", "values", "meaning"], rows)
    if parser.epilog:
        yield f"```text\n{textwrap.dedent(parser.epilog).strip()}\n```"


def _is_shown(action: argparse.Action) -> bool:
    hidden = isinstance(action, argparse._HelpAction | argparse._SubParsersAction)  # noqa: SLF001
    return not hidden and action.help != argparse.SUPPRESS


def _row(parser: argparse.ArgumentParser, action: argparse.Action) -> list[str]:
    if isinstance(action, argparse._VersionAction):  # noqa: SLF001
        return [code(", ".join(action.option_strings)), "", "Prints the version."]
    if not action.help:
        raise Incomplete(f"`{parser.prog}`: {action.dest} has no help")
    meaning = action.help % {**vars(action), "prog": parser.prog}  # as argparse does it
    values = ", ".join(code(str(one)) for one in action.choices or ())
    return [code(_name(action)), values, _sentence(meaning)]


def _name(action: argparse.Action) -> str:
    """The argument as it is written, with a word for its value."""
    word = action.metavar if isinstance(action.metavar, str) else action.dest
    repeated = "…" if action.nargs in {"+", "*"} else ""
    if not action.option_strings:
        return word + repeated
    names = ", ".join(action.option_strings)
    if action.nargs == 0:
        return names
    return f"{names} {word if action.metavar else word.upper()}{repeated}"


def _sentence(text: str) -> str:
    """Help as a sentence, with a capital letter and a full stop."""
    return text[:1].upper() + text[1:] + ("" if not text or text.endswith(".") else ".")
