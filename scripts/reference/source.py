"""Finds classes and names in the source of a package, with their docstrings.

Only the source is read, and nothing is imported: Python does not keep the docstrings of fields, and
the page does not depend on the versions of what the package imports.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Incomplete(Exception):
    """The code does not say something that belongs on the page."""


@dataclass(frozen=True)
class Definition:
    """A class, a function, or a name that a module gives a value, and its docstring."""

    name: str
    node: ast.ClassDef | Function | ast.AnnAssign | ast.Assign
    doc: str
    module: str


@dataclass(frozen=True)
class Assignment:
    """What is assigned, and the docstring after it."""

    target: ast.expr
    annotation: ast.expr | None
    value: ast.expr | None
    doc: str
    node: ast.AnnAssign | ast.Assign


class Package:
    """The modules of a package, and those of some of the packages in it."""

    def __init__(self, folder: Path, *within: str) -> None:
        self.name = folder.name
        self.exported: list[str] = []
        """The names in `__all__`."""
        self._found: dict[str, list[Definition]] = {}
        for place in (folder, *(folder / one for one in within)):
            for path in sorted(place.glob("*.py")):
                tree = ast.parse(path.read_text(encoding="utf-8"))
                if path.name == "__init__.py":
                    self.exported += _exports_of(tree)
                for definition in _definitions_in(tree, path.stem):
                    self._found.setdefault(definition.name, []).append(definition)

    @property
    def types(self) -> set[str]:
        """The public classes and types of all modules."""
        return {name for name in self._found if name[0].isupper() and not name.isupper()}

    def classes_in(self, module: str) -> list[str]:
        """The classes of a module, in their order."""
        found = [one for each in self._found.values() for one in each if one.module == module]
        return [one.name for one in found if isinstance(one.node, ast.ClassDef)]

    def find(self, name: str) -> Definition:
        """The class or name; raises `Incomplete` if there is none, several, or no docstring."""
        found = self._found.get(name, [])
        if len(found) != 1:
            raise Incomplete(f"{name} is defined {len(found)} times in {self.name}")
        if not found[0].doc:
            raise Incomplete(f"{name} has no docstring")
        return found[0]


def assignments(body: list[ast.stmt]) -> Iterator[Assignment]:
    """All assignments of a module, a class or a function."""
    for node, following in zip(body, [*body[1:], None], strict=True):
        doc = _docstring(following)
        if isinstance(node, ast.AnnAssign):
            yield Assignment(node.target, node.annotation, node.value, doc, node)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                yield Assignment(target, None, node.value, doc, node)


def source_of(node: ast.expr | None) -> str:
    """The source of an expression in one line; empty for None."""
    return "" if node is None else ast.unparse(node).replace("'", '"')


def value_of(definition: Definition) -> ast.expr | None:
    """What a module assigns to a name; None for a class or a function."""
    node = definition.node
    return node.value if isinstance(node, ast.AnnAssign | ast.Assign) else None


def _exports_of(tree: ast.Module) -> list[str]:
    for one in assignments(tree.body):
        if source_of(one.target) == "__all__" and one.value is not None:
            return [str(name) for name in ast.literal_eval(one.value)]
    raise Incomplete("the package has no __all__")


def _definitions_in(tree: ast.Module, module: str) -> Iterator[Definition]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef | Function):
            yield Definition(node.name, node, ast.get_docstring(node) or "", module)
    for one in assignments(tree.body):
        if isinstance(one.target, ast.Name):
            yield Definition(one.target.id, one.node, one.doc, module)


def _docstring(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return inspect.cleandoc(str(node.value.value))
    return ""
