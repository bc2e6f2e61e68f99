"""The parts of the page about the library."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from reference.markdown import code, join, table
from reference.members import (
    Field,
    bases_of,
    constructor_of,
    dictionary_of,
    fields_of,
    function_of,
    is_class,
    methods_of,
    parameters_of,
    signature_of,
    summary_of,
    text_of,
    values_of,
)
from reference.source import Definition, Incomplete, Package, source_of, value_of


def clients(package: Package, blocking: str, asynchronous: str) -> str:
    """The keywords of both clients and of their methods; both must have the same."""
    first, second = package.find(blocking), package.find(asynchronous)
    _require_same(first, second)
    parts = [
        f"### {blocking}, {asynchronous}",
        f"`{blocking}`: {text_of(first.doc)}",
        f"`{asynchronous}`: {text_of(second.doc)}",
        _keyword_table(asynchronous, parameters_of(constructor_of(second), second.doc)),
        _field_table(fields_of(second)),
    ]
    for plain, method in zip(methods_of(first), methods_of(second), strict=True):
        waited = isinstance(method, ast.AsyncFunctionDef)
        other = f"await client.{method.name}(…)" if waited else source_of(method.returns)
        parts += [
            f"### {blocking}.{method.name}",
            f"`{signature_of(plain)}` returns `{source_of(plain.returns)}`, in asyncio `{other}`.",
            text_of(ast.get_docstring(method) or ""),
        ]
        if keywords := parameters_of(method):
            parts.append(_keyword_table(f"{asynchronous}.{method.name}", keywords))
    return join(parts)


def functions(package: Package, names: Iterable[str]) -> str:
    """The keywords of functions."""
    parts: list[str] = []
    for name in names:
        definition = package.find(name)
        found = function_of(definition)
        parts += [
            f"### {name}",
            f"`{signature_of(found)}` returns `{source_of(found.returns)}`.",
            text_of(definition.doc),
            _keyword_table(name, parameters_of(found)),
        ]
    return join(parts)


def options(package: Package, name: str, defaults: str) -> str:
    """The keywords that say how frames are segmented."""
    definition = package.find(name)
    values = dictionary_of(package.find(defaults))
    fields = fields_of(definition)
    if {one.name for one in fields} != set(values):
        raise Incomplete(f"{name} and {defaults} do not have the same names")
    given = [replace(one, default=values[one.name]) for one in fields]
    return join([f"### {name}", definition.doc, _keyword_table(name, given)])


def classes(package: Package, names: Iterable[str], *, defaults: bool = False) -> str:
    """The fields and methods of classes; with `defaults`, of those that a caller makes."""
    return join(_describe(package, package.find(name), defaults=defaults) for name in names)


def types(package: Package, names: Iterable[str]) -> str:
    """Types with a name, and what each of their values means."""
    parts: list[str] = []
    for name in names:
        definition = package.find(name)
        values = values_of(definition)
        parts += [f"### {name}", summary_of(definition)]
        shown = source_of(value_of(definition))
        parts.append("" if shown.startswith("Literal") and values else f"It is `{shown}`.")
        if values:
            parts.append(table(["value", "meaning"], [[code(v.name), v.meaning] for v in values]))
    return join(parts)


def constants(package: Package, names: Iterable[str]) -> str:
    """Names with a value."""
    found = [package.find(name) for name in names]
    rows = [[code(d.name), code(source_of(value_of(d))), d.doc] for d in found]
    return table(["name", "value", "meaning"], rows)


def errors(package: Package, names: Iterable[str]) -> str:
    """All errors, and the fields that some of them have."""
    found = [package.find(name) for name in names]
    rows = [[code(d.name), code(", ".join(bases_of(d))), d.doc] for d in found]
    fields = [
        replace(one, name=f"{definition.name}.{one.name}")
        for definition in found
        for one in fields_of(definition)
    ]
    return join([table(["error", "is a kind of", "meaning"], rows), _field_table(fields)])


def names_in_types(package: Package, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The package's own types that the types on the page mention, and where they do."""
    for name in names:
        definition = package.find(name)
        found = [(name, source_of(value_of(definition)))]
        if is_class(definition):
            found += [(f"{name}.{one.name}", one.type) for one in fields_of(definition)]
            for method in methods_of(definition):
                where = f"{name}.{method.name}"
                found += [(where, one.type) for one in parameters_of(method)]
                found.append((where, source_of(method.returns)))
        for where, text in found:
            words = re.findall(r"[\w.]+", re.sub(r'"[^"]*"', "", text))
            yield from ((word, where) for word in words if word in package.types)


def _describe(package: Package, definition: Definition, *, defaults: bool) -> str:
    kinds = [code(base) for base in bases_of(definition) if base in package.types]
    methods = [
        [code(signature_of(one)), code(source_of(one.returns)), ast.get_docstring(one) or ""]
        for one in methods_of(definition)
    ]
    return join(
        [
            f"### {definition.name}",
            text_of(definition.doc),
            f"It has the fields and methods of {', '.join(kinds)}, too." if kinds else "",
            _field_table(fields_of(definition), defaults=defaults),
            table(["method", "returns", "meaning"], methods),
        ]
    )


def _field_table(fields: Iterable[Field], *, defaults: bool = False) -> str:
    rows = []
    for one in fields:
        # Without a type it is a member of an enumeration, and its value is shown.
        shown = one.default if defaults or not one.type else ""
        rows.append([code(one.name), code(one.type), code(shown), one.meaning])
    return table(["field", "type", "default" if defaults else "value", "meaning"], rows)


def _keyword_table(owner: str, keywords: Sequence[Field]) -> str:
    if missing := [one.name for one in keywords if not one.meaning]:
        raise Incomplete(f"the docstring of {owner} does not describe {', '.join(missing)}")
    rows = [[code(k.name), code(k.type), code(k.default), k.meaning] for k in keywords]
    return table(["keyword", "type", "default", "meaning"], rows)


def _require_same(first: Definition, second: Definition) -> None:
    """Raises `Incomplete` unless both classes have the same methods with the same keywords."""
    ours, theirs = (
        [signature_of(one) for one in (constructor_of(client), *methods_of(client))]
        for client in (first, second)
    )
    if odd := [one for one in [*ours, *theirs] if one not in ours or one not in theirs]:
        raise Incomplete(f"only one of {first.name} and {second.name} has {odd[0]}")
    if ours != theirs:
        raise Incomplete(f"{first.name} and {second.name} have their methods in different orders")
