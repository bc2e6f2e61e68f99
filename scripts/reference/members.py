"""The fields, methods, keywords and values of what a package defines."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace

from reference.source import (
    Assignment,
    Definition,
    Function,
    Incomplete,
    assignments,
    source_of,
    value_of,
)

_PROPERTIES = {"property", "cached_property"}
_ARGUMENTS = "\nArgs:\n"
"""The heading of the section of a docstring that describes arguments."""


@dataclass(frozen=True)
class Field:
    """A field, a property, a keyword or a value."""

    name: str
    type: str
    default: str
    meaning: str


def fields_of(definition: Definition) -> list[Field]:
    """The public fields and properties of a class, in their order.

    Raises `Incomplete` if one has no docstring, or no type unless it is a member of an enumeration.
    """
    found = [
        _field(definition, one.target.id, one)
        for one in assignments(_class_of(definition).body)
        if isinstance(one.target, ast.Name) and not one.target.id.startswith("_")
    ]
    for function in functions_of(definition):
        if function.name == "__init__":
            found += _fields_set_in(function, definition)
        elif _is_property(function) and not function.name.startswith("_"):
            doc = _require_doc(f"{definition.name}.{function.name}", ast.get_docstring(function))
            found.append(Field(function.name, source_of(function.returns), "", doc))
    return found


def methods_of(definition: Definition) -> list[Function]:
    """The public methods of a class, in their order; raises `Incomplete` without a docstring."""
    found = [
        one
        for one in functions_of(definition)
        if not one.name.startswith("_") and not _is_property(one)
    ]
    for one in found:
        _require_doc(f"{definition.name}.{one.name}", ast.get_docstring(one))
    return found


def functions_of(definition: Definition) -> list[Function]:
    """All methods and properties of a class."""
    return [node for node in _class_of(definition).body if isinstance(node, Function)]


def constructor_of(definition: Definition) -> Function:
    """The method `__init__` of a class that has one."""
    return next(one for one in functions_of(definition) if one.name == "__init__")


def function_of(definition: Definition) -> Function:
    """The function of a definition."""
    if not isinstance(definition.node, Function):
        raise Incomplete(f"{definition.name} is not a function")
    return definition.node


def parameters_of(function: Function, doc: str | None = None) -> list[Field]:
    """The parameters without `self`; `doc` describes them, by default the function's own."""
    meanings = _described_in(ast.get_docstring(function) or "" if doc is None else doc)
    return [replace(one, meaning=meanings.get(one.name, "")) for one in _parameters(function)]


def signature_of(function: Function) -> str:
    """The name and the parameters without types."""
    shown = [f"{p.name}={p.default}" if p.default else p.name for p in _parameters(function)]
    if function.args.kwonlyargs:
        shown.insert(len(shown) - len(function.args.kwonlyargs), "*")
    if function.args.kwarg:
        shown.append(f"**{function.args.kwarg.arg}")
    return f"{function.name}({', '.join(shown)})"


def text_of(doc: str) -> str:
    """A docstring without the section about arguments."""
    return doc.partition(_ARGUMENTS)[0].strip()


def values_of(definition: Definition) -> list[Field]:
    """The values of a Literal, each with the meaning that its docstring has in a line of its own.

    Raises `Incomplete` if a value has no such line.
    """
    value = value_of(definition)
    literals = [
        str(one.value)
        for node in (() if value is None else ast.walk(value))
        if isinstance(node, ast.Subscript) and source_of(node.value) == "Literal"
        for one in ast.walk(node.slice)
        if isinstance(one, ast.Constant)
    ]
    lines = _value_lines(definition.doc)
    if missing := [one for one in literals if one not in lines]:
        raise Incomplete(f"{definition.name} does not say what {missing[0]!r} means")
    return [Field(f'"{one}"', "", "", lines[one]) for one in literals]


def summary_of(definition: Definition) -> str:
    """The docstring of a type without the lines about its values."""
    return definition.doc.partition("\n`")[0].strip()


def dictionary_of(definition: Definition) -> dict[str, str]:
    """The keys and the source of the values of a name that is a dictionary."""
    value = value_of(definition)
    if not isinstance(value, ast.Dict):
        raise Incomplete(f"{definition.name} is not a dictionary")
    return {
        str(ast.literal_eval(key)): source_of(one)
        for key, one in zip(value.keys, value.values, strict=True)
        if key is not None
    }


def bases_of(definition: Definition) -> list[str]:
    """What a class is derived from."""
    return [source_of(base) for base in _class_of(definition).bases]


def is_class(definition: Definition) -> bool:
    """Whether it is a class, and not a name for a type or a value."""
    return isinstance(definition.node, ast.ClassDef)


def _class_of(definition: Definition) -> ast.ClassDef:
    if not isinstance(definition.node, ast.ClassDef):
        raise Incomplete(f"{definition.name} is not a class")
    return definition.node


def _is_property(function: Function) -> bool:
    return bool(_PROPERTIES & {source_of(one) for one in function.decorator_list})


def _fields_set_in(init: Function, definition: Definition) -> Iterator[Field]:
    """The public fields that a constructor sets, each where it is set first."""
    seen: set[str] = set()
    for one in assignments(init.body):
        if isinstance(one.target, ast.Attribute) and not one.target.attr.startswith("_"):
            if one.target.attr not in seen:
                yield replace(_field(definition, one.target.attr, one), default="")
            seen.add(one.target.attr)


def _field(owner: Definition, name: str, found: Assignment) -> Field:
    doc = _require_doc(f"{owner.name}.{name}", found.doc)
    if found.annotation is None and not any("Enum" in base for base in bases_of(owner)):
        raise Incomplete(f"{owner.name}.{name} has no type")
    return Field(name, source_of(found.annotation), _default_of(found.value), doc)


def _default_of(value: ast.expr | None) -> str:
    """The source of a field's default, also if it is in dataclasses' `field()`."""
    if isinstance(value, ast.Call) and source_of(value.func) == "field":
        return next((source_of(one.value) for one in value.keywords if one.arg == "default"), "")
    return source_of(value)


def _parameters(function: Function) -> list[Field]:
    arguments = function.args
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults))
    pairs = [*zip(plain, [*defaults, *arguments.defaults], strict=True)]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return [
        Field(parameter.arg, source_of(parameter.annotation), source_of(default), "")
        for parameter, default in pairs
        if parameter.arg not in {"self", "cls"}
    ]


def _described_in(doc: str) -> dict[str, str]:
    """What a docstring says of each argument."""
    found: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc(doc.partition(_ARGUMENTS)[2]).splitlines():
        rest = line
        if not line.startswith(" "):
            name, _, rest = line.partition(":")
        found[name] = f"{found.get(name, '')} {rest.strip()}".strip()
    return found


def _value_lines(doc: str) -> dict[str, str]:
    """The lines "`value`: meaning" of a docstring, with the indented ones after them."""
    found: dict[str, str] = {}
    name = ""
    for line in doc.splitlines():
        if line.startswith("`") and "`: " in line:
            name, _, meaning = line[1:].partition("`: ")
            found[name] = meaning
        elif line.startswith(" ") and name:
            found[name] += f" {line.strip()}"
    return found


def _require_doc(name: str, doc: str | None) -> str:
    if not doc:
        raise Incomplete(f"{name} has no docstring")
    return doc
