"""Reads TFLite Metadata, which the author of a model may have added to its file.

Field numbers are those of `metadata_schema.fbs` of TFLite Support: ModelMetadata,
SubGraphMetadata, TensorMetadata, ProcessUnit, NormalizationOptions and AssociatedFile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edgesegd.models.label_text import parse_labels
from edgesegd.models.normalization import Normalization
from edgesegd.models.tflite.appended_files import read_appended_text
from edgesegd.models.tflite.flatbuffer import INT8, UINT8, FlatBuffer, Table

_BUFFER_NAME: Final = "TFLITE_METADATA"
_IDENTIFIER: Final = b"M001"
_NORMALIZATION_OPTIONS: Final = 1
_LABEL_FILE_TYPES: Final = (2, 3)  # TENSOR_AXIS_LABELS, TENSOR_VALUE_LABELS


@dataclass(frozen=True, slots=True)
class Metadata:
    """The facts in the metadata; None or empty for those that are missing.

    `class_names` are those of each output.
    """

    normalization: Normalization | None = None
    class_names: tuple[tuple[str, ...], ...] = ()

    def names_of(self, output: int) -> tuple[str, ...]:
        """The class names of an output, by its position."""
        return self.class_names[output] if output < len(self.class_names) else ()


def read_metadata(pieces: dict[str, memoryview], model: bytes) -> Metadata:
    """Read the metadata of the first input and of all outputs.

    `pieces` are the named metadata of the file, `model` is the whole file. Raises `Malformed` if
    they are damaged, or name a label file that does not exist; unknown metadata are ignored.
    """
    if _BUFFER_NAME not in pieces:
        return Metadata()
    buffer = FlatBuffer(pieces[_BUFFER_NAME])
    if buffer.identifier != _IDENTIFIER:
        return Metadata()
    graphs = buffer.root().tables(3)
    if not graphs:
        return Metadata()
    inputs, outputs = graphs[0].tables(2), graphs[0].tables(3)
    return Metadata(
        normalization=_normalization(inputs[0]) if inputs else None,
        class_names=tuple(_class_names(each, model) for each in outputs),
    )


def _normalization(tensor: Table) -> Normalization | None:
    for unit in tensor.tables(4):
        options = unit.table(1)
        if options and unit.integer(0, UINT8) == _NORMALIZATION_OPTIONS:
            try:
                return Normalization.of(options.floats(0), options.floats(1))
            except ValueError:
                return None
    return None


def _class_names(tensor: Table, model: bytes) -> tuple[str, ...]:
    """The names in the first label file; files without a locale come before translated ones."""
    files = [each for each in tensor.tables(6) if each.integer(2, INT8) in _LABEL_FILE_TYPES]
    files.sort(key=lambda each: each.text(3) != "")
    return parse_labels(read_appended_text(model, files[0].text(0))) if files else ()
