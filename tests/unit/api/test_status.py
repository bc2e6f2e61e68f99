"""The status of each error."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.api.oip.status import OIP_STATUS_OF
from edgesegd.api.status import STATUS_OF, StatusTable, grpc_status, trailing_metadata
from edgesegd.api.v1.status import FRAME_STATUS_OF, frame_status
from edgesegd.core.errors import (
    AccessRefused,
    ClientError,
    Draining,
    EdgesegError,
    EngineUnfit,
    InvalidFrame,
    NotAnswered,
    Overloaded,
    StartupError,
)


def kinds_of(base: type[EdgesegError]) -> Iterator[type[EdgesegError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from kinds_of(kind)


OF_FRAMES = [*kinds_of(ClientError), *kinds_of(NotAnswered)]
SENT_TO_CLIENTS = [*OF_FRAMES, *kinds_of(AccessRefused)]


def an_error(kind: type[EdgesegError]) -> EdgesegError:
    return Overloaded("full", 0.25) if kind is Overloaded else kind("why")


def test_every_error_says_whose_fault_it_is_by_its_base() -> None:
    assert set(EdgesegError.__subclasses__()) == {
        AccessRefused,
        ClientError,
        NotAnswered,
        StartupError,
        EngineUnfit,
    }


def test_every_error_that_a_call_or_a_frame_can_meet_is_in_its_status_table() -> None:
    assert set(STATUS_OF) == set(OIP_STATUS_OF) == set(SENT_TO_CLIENTS)
    assert set(FRAME_STATUS_OF) == set(OF_FRAMES)


@pytest.mark.parametrize("kind", SENT_TO_CLIENTS)
def test_no_error_has_the_status_ok_or_unknown(kind: type[EdgesegError]) -> None:
    error = an_error(kind)
    if kind in OF_FRAMES:
        assert frame_status(error) not in (pb.FRAME_STATUS_UNSPECIFIED, pb.FRAME_STATUS_OK)
    for table in (STATUS_OF, OIP_STATUS_OF):
        assert grpc_status(error, table) not in (grpc.StatusCode.OK, grpc.StatusCode.UNKNOWN)


@pytest.mark.parametrize("table", [STATUS_OF, OIP_STATUS_OF])
def test_faults_of_clients_have_no_status_that_clients_retry(table: StatusTable) -> None:
    """UNAVAILABLE, RESOURCE_EXHAUSTED and ABORTED are what clients retry."""
    again = {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
    }
    theirs = [*kinds_of(ClientError), *kinds_of(AccessRefused)]
    assert not {grpc_status(an_error(kind), table) for kind in theirs} & again
    assert grpc_status(Draining("stopping"), table) in again


def test_every_frame_status_of_the_contract_is_used() -> None:
    never = {pb.FRAME_STATUS_UNSPECIFIED, pb.FRAME_STATUS_OK}
    assert set(FRAME_STATUS_OF.values()) == set(pb.FrameStatus.values()) - never


@pytest.mark.parametrize("kind", OF_FRAMES)
def test_metrics_and_frames_call_an_error_the_same(kind: type[EdgesegError]) -> None:
    status = pb.FrameStatus.Name(frame_status(an_error(kind)))
    assert f"FRAME_STATUS_{an_error(kind).outcome.upper()}" == status


def test_only_an_overload_says_when_to_try_again() -> None:
    pushback = ("grpc-retry-pushback-ms", "250")
    assert pushback in trailing_metadata(Overloaded("full", 0.25))
    assert trailing_metadata(InvalidFrame("empty")) == (("edgeseg-status", "INVALID"),)
