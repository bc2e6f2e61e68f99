"""What a model's inputs and outputs are called, whatever its file calls them."""

from __future__ import annotations

import pytest

from edgesegd.api.oip.metadata import DATA_TYPES, model_config, model_metadata
from edgesegd.api.oip.tensors import DATATYPES, inputs_of, outputs_of
from edgesegd.core.options import Output
from edgesegd.models.spec import ITEM_BYTES, OutputKind, TensorSpec
from support.model_specs import model_spec


def test_a_model_has_a_picture_and_its_own_input_and_three_outputs() -> None:
    model = model_spec(image=TensorSpec("input:0", (1, 8, 8, 3), "float32"))
    assert [(each.name, each.datatype, each.shape) for each in inputs_of(model)] == [
        ("image", "BYTES", (1,)),
        ("input:0", "FP32", (1, 8, 8, 3)),
    ]
    assert [(each.name, each.datatype, each.shape) for each in outputs_of(model).values()] == [
        ("labels", "UINT8", (-1, -1)),
        ("confidence", "UINT8", (-1, -1)),
        ("logits", "FP32", (1, 4, 6, 3)),
    ]


@pytest.mark.parametrize("name", ["labels", "confidence", ""])
def test_names_that_mean_something_here_are_not_the_models_own(name: str) -> None:
    model = model_spec(output=TensorSpec(name, (1, 4, 6, 3), "float32"))
    names = [each.name for each in outputs_of(model).values()]
    assert names == ["labels", "confidence", f"{name or 'output'}_tensor"]
    model = model_spec(image=TensorSpec("image", (1, 8, 8, 3), "uint8"))
    assert [each.name for each in inputs_of(model)] == ["image", "image_tensor"]


def test_a_model_that_gives_labels_has_no_confidence() -> None:
    output = TensorSpec("argmax", (1, 4, 6), "int64")
    model = model_spec(output=output, kind=OutputKind.LABELS)
    assert set(outputs_of(model)) == {Output.LABELS, Output.OUTPUT_TENSOR}
    assert outputs_of(model)[Output.OUTPUT_TENSOR].datatype == "INT64"


def test_every_type_of_a_tensor_has_a_name_in_the_protocol_and_its_configuration() -> None:
    assert set(DATATYPES) == set(ITEM_BYTES)
    assert set(DATATYPES.values()) | {"BYTES"} == set(DATA_TYPES)


def test_metadata_and_configuration_say_the_same() -> None:
    model = model_spec()
    metadata, config = model_metadata(model), model_config(model).config
    inputs = [(each.name, DATA_TYPES[each.datatype], each.shape) for each in metadata.inputs]
    outputs = [(each.name, DATA_TYPES[each.datatype], each.shape) for each in metadata.outputs]
    assert [(each.name, each.data_type, each.dims) for each in config.input] == inputs
    assert [(each.name, each.data_type, each.dims) for each in config.output] == outputs
    assert config.parameters["classes"].string_value == "ground,sky,tree"
