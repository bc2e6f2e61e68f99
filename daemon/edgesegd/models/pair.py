"""Pairs of a model compiled for an Edge TPU and the same model for the CPU and other delegates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgesegd.core.errors import ModelInvalid, ModelUnsupported, StartupError
from edgesegd.delegates.spec import DelegateSpec
from edgesegd.models.compiled import EDGETPU_OP, compiled_path, plain_path
from edgesegd.models.reading import read_model
from edgesegd.models.sidecar import sidecar_path
from edgesegd.models.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class ModelPair:
    """The model that is served, and the files that run it.

    `plain` is for the CPU and `compiled` for an Edge TPU. One of them is `served`, the other may be
    None. `ignored` is why a file with the right name is not used as the other; empty if there is no
    such file.
    """

    served: ModelSpec
    plain: ModelSpec | None
    compiled: ModelSpec | None = None
    ignored: str = ""

    @property
    def cpu(self) -> ModelSpec:
        """The file that the CPU runs; raises ModelUnsupported, which says how to name one."""
        if self.plain is not None:
            return self.plain
        served = self.served.path
        if beside := plain_path(served):
            ways = f"put it beside it as {beside.name}, or name it"
        else:
            ways = "name it"
        why = f" ({self.ignored})" if self.ignored else ""
        raise ModelUnsupported(
            f"{served} is compiled for an Edge TPU, and its twin for the CPU is not known{why}: "
            f'{ways} in {sidecar_path(served).name}: pair = {{ cpu = "NAME.tflite" }}'
        )

    def for_delegate(self, delegate: DelegateSpec) -> ModelSpec:
        """The file that a delegate runs; raises ModelUnsupported for the CPU without a plain file.

        Known delegates with their own operator run the compiled file, all other known ones the
        plain file. If that file is not known, they get the served file, so that the delegate itself
        reports what is wrong. A library given by its path runs the served file.
        """
        if delegate.is_cpu:
            return self.cpu
        known = delegate.known
        if known is None:
            return self.served
        return (self.compiled if known.custom_op else self.plain) or self.served


def find_pair(served: ModelSpec) -> ModelPair:
    """The pair to which a model belongs.

    Its other file is the one that the sidecar of the compiled file names; if there is none,
    NAME.tflite for NAME_edgetpu.tflite, in the same folder. For a file that a sidecar names, this
    raises the errors of `read_model`, and ModelInvalid if the two do not match. A file that is
    found only by its name is ignored in these cases.
    """
    if is_compiled(served):
        if served.cpu_twin is None:
            return _find_beside(served, ModelPair(served, None, served), plain_path(served.path))
        plain = read_model(served.cpu_twin)
        if mismatch := why_no_pair(served, plain):
            raise ModelInvalid(mismatch)
        return ModelPair(served, plain, served)
    return _find_beside(served, ModelPair(served, served), compiled_path(served.path))


def is_compiled(model: ModelSpec) -> bool:
    """Whether only an Edge TPU can run the model."""
    return EDGETPU_OP in model.custom_ops


def why_no_pair(compiled: ModelSpec, plain: ModelSpec) -> str:
    """Why the two do not match, naming both; empty if they do."""
    files = f"{compiled.path} and {plain.path} are no pair"
    if not is_compiled(compiled):
        return f"{files}: the first is not compiled for an Edge TPU"
    if is_compiled(plain):
        return f"{files}: the second is compiled for an Edge TPU too"
    for what, one, other in (
        ("inputs", _size(compiled.input_size), _size(plain.input_size)),
        ("outputs", _size(compiled.output_size), _size(plain.output_size)),
        ("kinds of output", compiled.output_kind.value, plain.output_kind.value),
        ("thresholds", f"{compiled.threshold:g}", f"{plain.threshold:g}"),
        ("classes", *_classes(compiled, plain)),
    ):
        if one != other:
            return f"{files}: their {what} are {one} and {other}"
    return ""


def _find_beside(served: ModelSpec, alone: ModelPair, path: Path | None) -> ModelPair:
    """The pair with the file at `path`, if they match; else `alone`."""
    if path is None or not path.is_file():
        return alone
    try:
        other = read_model(path)
    except StartupError as fault:
        return ModelPair(served, alone.plain, alone.compiled, str(fault))
    compiled, plain = (served, other) if alone.compiled else (other, served)
    mismatch = why_no_pair(compiled, plain)
    if not mismatch and compiled.cpu_twin and compiled.cpu_twin.resolve() != plain.path.resolve():
        mismatch = f"{compiled.path} has another twin: {compiled.cpu_twin}"
    if mismatch:
        return ModelPair(served, alone.plain, alone.compiled, mismatch)
    return ModelPair(served, plain, compiled)


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _classes(one: ModelSpec, other: ModelSpec) -> tuple[str, str]:
    """The classes of both: their numbers or, if both have names, the first names that differ."""
    if one.has_scores and len(one.classes) != len(other.classes):
        return f"{len(one.classes)}", f"{len(other.classes)}"
    if "default" not in {one.sources["names"], other.sources["names"]}:
        for class_id in range(max(len(one.classes), len(other.classes))):
            names = one.class_spec(class_id).name, other.class_spec(class_id).name
            if names[0] != names[1]:
                return f"{names[0]!r}", f"{names[1]!r} at {class_id}"
    return "", ""
