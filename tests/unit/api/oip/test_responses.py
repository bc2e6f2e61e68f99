"""Results become responses, of the version that made them."""

from __future__ import annotations

import dataclasses

import pytest

from edgesegd.api.oip.outputs import RequestedOutput
from edgesegd.api.oip.requests import ResponseSpec, frame_deadline
from edgesegd.api.oip.responses import infer_response
from edgesegd.api.oip.tensors import outputs_of
from edgesegd.core.errors import NoEngine
from edgesegd.core.model import ModelIdentity
from edgesegd.core.options import Output
from edgesegd.core.result import FrameResult
from edgesegd.models.spec import ModelSpec
from edgesegd.serving.received_frame import FrameTag
from support.model_specs import model_spec
from support.served import served

SPEC = model_spec()
RESULT = FrameResult(
    6,
    4,
    (640, 480),
    planes={Output.LABELS: bytes(24), Output.OUTPUT_TENSOR: bytes(288)},
    delegate="cpu",
    model=SPEC.identity,
)
OTHER = dataclasses.replace(RESULT, model=ModelIdentity("rooms", "2"))


def wanted(
    *outputs: Output, exact: bool, pinned: bool = False, now: ModelSpec = SPEC
) -> ResponseSpec:
    """Of a request that was read for SPEC; meanwhile `now` serves."""
    tensors = outputs_of(SPEC)
    ranges = tuple(RequestedOutput(each, tensors[each], None) for each in outputs)
    return ResponseSpec(served(now), SPEC, "seven", ranges, exact, pinned)


def test_a_response_has_the_outputs_in_the_order_that_they_were_asked_for() -> None:
    response = infer_response(wanted(Output.OUTPUT_TENSOR, Output.LABELS, exact=True), RESULT)
    assert [(each.name, each.datatype, list(each.shape)) for each in response.outputs] == [
        ("logits", "FP32", [1, 4, 6, 3]),
        ("labels", "UINT8", [4, 6]),
    ]
    assert list(map(len, response.raw_output_contents)) == [288, 24]
    assert (response.model_name, response.model_version, response.id) == (
        *("rooms", SPEC.version, "seven"),
    )


def test_another_version_may_make_labels_and_is_named() -> None:
    response = infer_response(wanted(Output.LABELS, exact=False), OTHER)
    assert response.model_version == "2"


SECOND = dataclasses.replace(SPEC, version_number="2")
CHANGED = dataclasses.replace(SECOND, mean=(0.0, 0.0, 0.0))


def test_another_version_with_the_same_tensors_may_give_its_own() -> None:
    response = infer_response(wanted(Output.OUTPUT_TENSOR, exact=True, now=SECOND), OTHER)
    assert response.model_version == "2"


@pytest.mark.parametrize(("pinned", "now"), [(True, SECOND), (False, CHANGED), (False, SPEC)])
def test_but_nothing_whose_meaning_is_the_versions_own(pinned: bool, now: ModelSpec) -> None:
    """If the request names the version, the tensors differ, or that version no longer serves."""
    asked = wanted(Output.OUTPUT_TENSOR, exact=True, pinned=pinned, now=now)
    with pytest.raises(NoEngine, match="has replaced version 0123456789ab; send the request again"):
        infer_response(asked, OTHER)


def test_the_earlier_of_two_deadlines_counts() -> None:
    tag = FrameTag(0, 0, 0, 100.0)
    assert frame_deadline(0, tag, None) is None
    assert frame_deadline(0, tag, 103.0) == 103.0
    assert frame_deadline(2_500_000, tag, None) == 102.5
    assert frame_deadline(2_500_000, tag, 103.0) == 102.5
    assert frame_deadline(2_500_000, tag, 101.0) == 101.0
