"""What an engine is told of its model is what the front read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgesegd.models.catalogue.store import resolve_model
from edgesegd.models.reading import read_model
from edgesegd.models.spec import ModelSpec, OutputKind, TensorSpec
from edgesegd.models.spec_message import from_message, to_message
from support.model_specs import model_spec

QUANTIZED = model_spec(
    image=TensorSpec("image", (1, 8, 8, 3), "uint8", 0.5, 128),
    output=TensorSpec("labels", (1, 4, 6), "int64"),
    kind=OutputKind.LABELS,
    mean=None,
    std=None,
    classes=(),
)


@pytest.mark.parametrize(
    "model",
    [
        model_spec(),
        QUANTIZED,
        replace(model_spec(), cpu_twin=Path("/twin.tflite"), version_number="3"),
        read_model(resolve_model("builtin", Path())),
    ],
    ids=["logits", "labels", "versioned", "built-in"],
)
def test_the_facts_of_a_model_arrive_as_they_were_sent(model: ModelSpec) -> None:
    arrived = from_message(json.loads(json.dumps(to_message(model))))
    assert arrived == model
    assert hash(arrived.identity) == hash(model.identity)


def test_where_the_bytes_are_is_each_processs_own_affair() -> None:
    model = replace(model_spec(), content=Path("/dev/fd/3"))
    assert from_message(to_message(model), Path("/dev/fd/9")).content == Path("/dev/fd/9")
    assert from_message(to_message(model)).content is None
