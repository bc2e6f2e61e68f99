"""A stream that is opened and never says anything does not stay for ever."""

from __future__ import annotations

import grpc
import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.api.admission import Admission
from edgesegd.api.first_message import FirstMessages
from edgesegd.api.image_lanes import ImageLanes
from edgesegd.api.open_work import OpenWork
from edgesegd.api.region_leases import RegionLeases
from edgesegd.api.v1.request_reader import RequestReader
from edgesegd.api.v1.service import SegmentationService
from edgesegd.core.frame import FrameLimits
from edgesegd.scheduling.fair_limit import FairLimit
from edgesegd.serving.data_plane import DataPlane
from support.calls import stub
from support.counted import Counted
from support.model_specs import model_spec
from support.served import registry_of, served


async def test_a_stream_without_a_first_message_ends_with_deadline_exceeded() -> None:
    models = registry_of(served(model_spec()))
    limits = FrameLimits(1000, 1000)
    data_plane = DataPlane(
        models=models,
        limits=limits,
        frames=FairLimit(1000, "bytes"),
        results=FairLimit(1000, "bytes"),
        without_model=Counted(),
    )
    work = OpenWork(data_plane, FairLimit(1, "streams"))
    service = SegmentationService(
        reader=RequestReader(models, limits, RegionLeases(FairLimit(0, "bytes"))),
        data_plane=data_plane,
        images=ImageLanes(1),
        work=work,
        server_info=pb.GetServerInfoResponse,
    )
    admission = Admission(
        limit=FairLimit(1, "calls"),
        first_messages=FirstMessages(0.05),
        large_messages=(),
        on_call=lambda: None,
    )
    server = grpc.aio.server(interceptors=[admission])
    service.add_to(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with stub(f"127.0.0.1:{port}") as client:
            with pytest.raises(grpc.aio.AioRpcError) as failure:
                await client.Segment().read()
    finally:
        await server.stop(None)
    assert failure.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert "no message arrived in 0.05 s" in (failure.value.details() or "")
    assert work.streams(models.find()) == 0
