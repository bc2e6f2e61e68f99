"""The metadata with which a stream is accepted."""

from __future__ import annotations

from dataclasses import replace

from edgeseg_client.model_version import read_model_version
from edgesegd.api.v1.metadata import model_metadata
from support.model_specs import model_spec


def test_any_name_of_a_model_comes_through_metadata_which_are_ascii() -> None:
    spec = replace(model_spec(), name="Räume 100% (größer)")
    metadata = model_metadata(spec)
    assert all(value.isascii() and value.isprintable() for _, value in metadata)
    assert read_model_version(metadata) == (spec.name, spec.version)


def test_metadata_without_a_model_are_those_of_an_older_daemon() -> None:
    assert read_model_version(()) is None
    assert read_model_version(None) is None
    assert read_model_version((("edgeseg-model", "toy"),)) is None
