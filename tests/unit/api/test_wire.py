"""Messages are looked over before they are parsed, and parsed as protobuf parses them."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.inference import open_inference_pb2 as pb
from edgesegd.api.wire import MAX_FIELDS, MAX_TEXT, parser_of
from edgesegd.core.errors import ClientError, InvalidFrame, Unimplemented

PARSE = parser_of(pb.ModelInferRequest)
Tensor = pb.ModelInferRequest.InferInputTensor
PARAMETERS = st.dictionaries(
    st.text(max_size=8),
    st.one_of(
        st.booleans().map(lambda value: pb.InferParameter(bool_param=value)),
        st.integers(-(2**63), 2**63 - 1).map(lambda value: pb.InferParameter(int64_param=value)),
        st.text(max_size=8).map(lambda value: pb.InferParameter(string_param=value)),
        st.floats(allow_nan=False).map(lambda value: pb.InferParameter(double_param=value)),
        st.integers(0, 2**64 - 1).map(lambda value: pb.InferParameter(uint64_param=value)),
    ),
    max_size=3,
)
TENSORS = st.builds(
    Tensor,
    name=st.text(max_size=8),
    datatype=st.text(max_size=8),
    shape=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5),
    parameters=PARAMETERS,
    contents=st.none()
    | st.builds(pb.InferTensorContents, bytes_contents=st.lists(st.binary(), max_size=3)),
)
REQUESTS = st.builds(
    pb.ModelInferRequest,
    model_name=st.text(max_size=8),
    id=st.text(max_size=8),
    parameters=PARAMETERS,
    inputs=st.lists(TENSORS, max_size=3),
    raw_input_contents=st.lists(st.binary(max_size=100), max_size=3),
)


@given(REQUESTS)
def test_a_request_arrives_as_it_was_sent(request: pb.ModelInferRequest) -> None:
    assert PARSE(request.SerializeToString()) == request


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_a_fault_of_the_client(raw: bytes) -> None:
    try:
        parsed = PARSE(raw)
    except ClientError:
        return
    assert parsed == pb.ModelInferRequest.FromString(raw)


@given(REQUESTS, st.data())
def test_so_are_bytes_of_a_request_that_were_changed(
    request: pb.ModelInferRequest, data: st.DataObject
) -> None:
    raw = bytearray(request.SerializeToString())
    if raw:
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        PARSE(bytes(raw))
    except ClientError:
        return


MANY = 500_000
BOMBS = {
    "inputs": b"\x2a\x00" * MANY,
    "outputs": b"\x32\x00" * MANY,
    "contents": b"\x3a\x00" * MANY,
    "parameters": b"\x22\x00" * MANY,
    "numbers of a shape in a row": b"\x2a\x84\xb5\x18\x1a\x80\xb5\x18" + b"\x01" * 400_000,
    "numbers of a shape one by one": b"\x2a\x80\xb5\x18" + b"\x18\x01" * 200_000,
    "elements": b"\x2a\x84\xb5\x18\x2a\x80\xb5\x18" + b"\x42\x00" * 200_000,
    "unknown fields": b"\x78\x01" * MANY,
    "a long name": b"\x0a\x80\xb5\x18" + b"x" * 400_000,
    "a long unknown field": b"\x7a\x80\xb5\x18" + b"x" * 400_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_would_take_more_memory_than_its_bytes_is_refused_first(name: str) -> None:
    raw = BOMBS[name]
    pb.ModelInferRequest.FromString(raw)  # it is a message
    tracemalloc.start()
    with pytest.raises(InvalidFrame, match=f"{MAX_FIELDS:,} fields|at most {MAX_TEXT:,}"):
        PARSE(raw)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


@pytest.mark.parametrize(
    "raw",
    [
        b"\x0a",
        b"\x0a\x05ab",
        b"\x2a\x02\x0a\x05",
        b"\x0b",
        b"\x0c",
        b"\x07",
        b"\xff" * 12,
        b"\x09\0",
    ],
)
def test_a_message_that_is_cut_off_or_none_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidFrame):
        PARSE(raw)


def test_the_error_for_a_compressed_message_says_what_to_do() -> None:
    with pytest.raises(Unimplemented, match="--compression=accept"):
        PARSE(b"\x1f\x8b\x08\0\0\0\0\0")
