"""Shared memory of clients of the Open Inference Protocol, hostile ones among them."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from edgeseg.inference import open_inference_pb2 as pb
from support.oip_calls import inference, of_bytes, picture, request, status_of
from support.running_daemon import RunningDaemon
from support.tcp_proxy import TcpProxy

Code = grpc.StatusCode
FOLDER = Path("/dev/shm")  # noqa: S108 # where they are
LABELS = 193 * 193
Segment = Callable[[bytes], Path]


@pytest.fixture(scope="module")
def sharing() -> Iterator[RunningDaemon]:
    running = RunningDaemon(
        "--oip-shared-memory=allow", "--delegate=cpu", "--max-frame-bytes=4000000"
    )
    yield running
    assert running.stop() == 0


@pytest.fixture
def segment() -> Iterator[Segment]:
    """Makes segments with some content, and removes them."""
    made: list[Path] = []

    def make(content: bytes) -> Path:
        path = FOLDER / f"edgeseg-test-{secrets.token_hex(6)}"
        path.touch(mode=0o600)
        made.append(path)
        path.write_bytes(content)
        return path

    yield make
    for path in made:
        path.unlink(missing_ok=True)


async def register(service: Any, path: Path, size: int = 0, *, name: str = "", at: int = 0) -> str:  # noqa: ANN401 # a stub
    """Register all of a segment, or a part; its name."""
    await service.SystemSharedMemoryRegister(
        pb.SystemSharedMemoryRegisterRequest(
            name=name or path.name,
            key=f"/{path.name}",
            offset=at,
            byte_size=size or path.stat().st_size - at,
        )
    )
    return name or path.name


def place(region: str, size: int, offset: int = 0) -> dict[str, str | int]:
    return {
        "shared_memory_region": region,
        "shared_memory_byte_size": size,
        "shared_memory_offset": offset,
    }


async def works(service: Any, jpeg: bytes) -> bytes:  # noqa: ANN401 # a stub
    response = await service.ModelInfer(picture(jpeg))
    labels: bytes = response.raw_output_contents[0]
    assert len(labels) == LABELS
    return labels


async def test_frames_and_results_are_where_the_client_says(
    sharing: RunningDaemon, segment: Segment, jpeg: bytes
) -> None:
    data = of_bytes(jpeg)
    given, taken = segment(bytes(100) + data), segment(bytes(64 + 7 + 3 * LABELS))
    async with inference(sharing.address) as service:
        region = await register(service, given, at=36)
        results = await register(service, taken, at=64)
        asked = request(
            None,
            place=place(region, len(data), 64),
            outputs=("labels", "confidence"),
            places={"labels": place(results, LABELS, 7)},
        )
        response = await service.ModelInfer(asked)
        wanted = await service.ModelInfer(picture(jpeg, outputs=("labels", "confidence")))
        assert list(response.raw_output_contents) == [b"", wanted.raw_output_contents[1]]
        parameters = response.outputs[0].parameters
        assert parameters["shared_memory_region"].string_param == results
        assert parameters["shared_memory_byte_size"].int64_param == LABELS
        assert parameters["shared_memory_offset"].int64_param == 7
    content = taken.read_bytes()
    assert content[71 : 71 + LABELS] == wanted.raw_output_contents[0]
    assert not any(content[:71] + content[71 + LABELS :])


async def test_pixels_and_tensors_are_read_from_there_too(
    sharing: RunningDaemon, segment: Segment
) -> None:
    pixels = os.urandom(40 * 30 * 3)
    tensor = bytes(193 * 193 * 3 * 4)
    async with inference(sharing.address) as service:
        cases: tuple[tuple[bytes, dict[str, Any]], ...] = (
            (pixels, {"datatype": "UINT8", "shape": (30, 40, 3)}),
            (tensor, {"name": "image_tensor", "datatype": "FP32", "shape": (1, 193, 193, 3)}),
        )
        for data, about in cases:
            region = await register(service, segment(data))
            shared = await service.ModelInfer(
                request(None, place=place(region, len(data)), outputs=(), **about)
            )
            sent = await service.ModelInfer(request(data, outputs=(), **about))
            assert shared.raw_output_contents == sent.raw_output_contents


async def test_regions_are_listed_and_forgotten(
    sharing: RunningDaemon, segment: Segment, jpeg: bytes
) -> None:
    first, second = segment(bytes(10)), segment(bytes(20))
    status, forget = pb.SystemSharedMemoryStatusRequest, pb.SystemSharedMemoryUnregisterRequest
    async with inference(sharing.address) as service:
        await service.SystemSharedMemoryUnregister(forget())
        await register(service, first, name="a")
        await register(service, second, name="b", at=5)
        code, why = await status_of(register(service, second, name="a"))
        assert (code, "already registered" in why) == (Code.ALREADY_EXISTS, True)
        regions = (await service.SystemSharedMemoryStatus(status())).regions
        assert {(each.name, each.offset, each.byte_size) for each in regions.values()} == {
            ("a", 0, 10),
            ("b", 5, 15),
        }
        assert set((await service.SystemSharedMemoryStatus(status(name="b"))).regions) == {"b"}
        await service.SystemSharedMemoryUnregister(forget(name="a"))
        await service.SystemSharedMemoryUnregister(forget(name="a"))  # as in Triton no error
        for name in ("a", "c"):
            code, _ = await status_of(service.SystemSharedMemoryStatus(status(name=name)))
            assert code is Code.NOT_FOUND
        asked = request(None, place=place("a", 5))
        assert (await status_of(service.ModelInfer(asked)))[0] is Code.NOT_FOUND
        await service.SystemSharedMemoryUnregister(forget())
        assert not (await service.SystemSharedMemoryStatus(status())).regions
        await works(service, jpeg)


async def test_the_name_of_a_segment_that_is_unlinked_is_free_again(
    sharing: RunningDaemon, segment: Segment, jpeg: bytes
) -> None:
    """A client that crashed and comes again need not know what it registered."""
    data = of_bytes(jpeg)
    async with inference(sharing.address) as service:
        old = segment(bytes(len(data)))
        await register(service, old, name="again")
        old.unlink()
        await register(service, segment(data), name="again")
        response = await service.ModelInfer(request(None, place=place("again", len(data))))
        assert response.raw_output_contents[0] == await works(service, jpeg)


KEYS = {
    "nothing": "",
    "a slash": "/",
    "itself": ".",
    "the folder above": "..",
    "a path": "/../../etc/passwd",
    "another path": "/a/b",
    "two slashes": "//a",
    "a semaphore": "/sem.mutex",
    "no such segment": "/edgeseg-test-no-such",
    "a name without end": "/" + "x" * 256,
}


@pytest.mark.parametrize("name", KEYS)
async def test_a_key_that_is_none_is_refused(
    sharing: RunningDaemon, jpeg: bytes, name: str
) -> None:
    asked = pb.SystemSharedMemoryRegisterRequest(name="key", key=KEYS[name], byte_size=1)
    async with inference(sharing.address) as service:
        code, why = await status_of(service.SystemSharedMemoryRegister(asked))
        assert code is Code.INVALID_ARGUMENT, why
        await works(service, jpeg)


@pytest.mark.parametrize("kind", ["symlink", "folder", "fifo", "socket"])
async def test_what_is_no_segment_is_refused(
    sharing: RunningDaemon, jpeg: bytes, kind: str
) -> None:
    path = FOLDER / f"edgeseg-test-{secrets.token_hex(6)}"
    try:
        match kind:
            case "symlink":
                path.symlink_to("/etc/passwd")
            case "folder":
                path.mkdir()
            case "fifo":
                os.mkfifo(path)
            case "socket":
                with socket.socket(socket.AF_UNIX) as bound:
                    bound.bind(str(path))
        async with inference(sharing.address) as service:
            code, why = await status_of(register(service, path, 1))
            assert code is Code.INVALID_ARGUMENT, why
            await works(service, jpeg)
    finally:
        if kind == "folder":
            path.rmdir()
        else:
            path.unlink()


async def test_a_segment_of_another_user_is_refused_though_root_could_open_it(
    sharing: RunningDaemon, segment: Segment, jpeg: bytes
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a segment of another user; run the tests as root")
    nobody, data = 65534, of_bytes(jpeg)
    async with inference(sharing.address) as service:
        private, readable = segment(data), segment(data)
        for path, mode in ((private, 0o600), (readable, 0o644)):
            os.chown(path, nobody, nobody)
            path.chmod(mode)
        code, why = await status_of(register(service, private))
        assert (code, "another user" in why) == (Code.INVALID_ARGUMENT, True)
        region = await register(service, readable)
        response = await service.ModelInfer(request(None, place=place(region, len(data))))
        assert response.raw_output_contents[0] == await works(service, jpeg)
        asked = picture(jpeg, places={"labels": place(region, 10)})
        code, why = await status_of(service.ModelInfer(asked))
        assert (code, "may not write" in why) == (Code.INVALID_ARGUMENT, True), why
        assert readable.read_bytes() == data


async def test_a_client_of_another_user_has_nothing_of_the_daemons_user(
    sharing: RunningDaemon, segment: Segment, jpeg: bytes
) -> None:
    """It comes through a proxy of its own, because gRPC cannot connect as another user."""
    if os.geteuid() != 0:
        pytest.skip("only root can be another user for a while; run the tests as root")
    nobody = 65534
    private, own = segment(bytes(100)), segment(of_bytes(jpeg))
    os.chown(own, nobody, nobody)
    with TcpProxy(sharing.address, user=nobody) as proxy:
        async with inference(proxy.address) as service:
            code, why = await status_of(register(service, private))
            assert (code, "another user" in why) == (Code.INVALID_ARGUMENT, True), why
            region = await register(service, own)
            asked = request(None, place=place(region, own.stat().st_size))
            response = await service.ModelInfer(asked)
            assert response.raw_output_contents[0] == await works(service, jpeg)


@pytest.mark.parametrize(
    ("size", "offset"), [(0, 0), (101, 0), (1, 100), (2**64 - 1, 0), (50, 2**64 - 1), (1, 2**63)]
)
async def test_a_region_beyond_its_segment_is_refused(
    sharing: RunningDaemon, segment: Segment, jpeg: bytes, size: int, offset: int
) -> None:
    path = segment(bytes(100))
    asked = pb.SystemSharedMemoryRegisterRequest(
        name=path.name, key=path.name, byte_size=size, offset=offset
    )
    async with inference(sharing.address) as service:
        code, why = await status_of(service.SystemSharedMemoryRegister(asked))
        assert (code, "not within" in why) == (Code.INVALID_ARGUMENT, True), why
        await works(service, jpeg)


@pytest.mark.parametrize(
    ("size", "offset"), [(0, 0), (101, 0), (1, 100), (2**63 - 1, 1), (50, 2**63 - 1), (-1, 0)]
)
async def test_a_place_beyond_its_region_is_refused(
    sharing: RunningDaemon, segment: Segment, jpeg: bytes, size: int, offset: int
) -> None:
    async with inference(sharing.address) as service:
        region = await register(service, segment(bytes(100)))
        where = place(region, size, offset)
        for asked in (request(None, place=where), picture(jpeg, places={"labels": where})):
            code, why = await status_of(service.ModelInfer(asked))
            assert code is Code.INVALID_ARGUMENT, why
        await works(service, jpeg)


async def test_an_output_that_does_not_fit_is_refused_and_nothing_is_written(
    sharing: RunningDaemon, segment: Segment, jpeg: bytes
) -> None:
    path = segment(bytes(LABELS))
    async with inference(sharing.address) as service:
        region = await register(service, path)
        for parameters in ({}, {"size": "frame"}, {"width": 400, "height": 400}):
            asked = picture(
                jpeg, parameters=parameters, places={"labels": place(region, LABELS - 1)}
            )
            code, why = await status_of(service.ModelInfer(asked))
            assert (code, "the output 'labels' has" in why) == (Code.INVALID_ARGUMENT, True), why
        assert not any(path.read_bytes())
        await works(service, jpeg)


async def test_a_segment_that_shrinks_costs_its_request_and_no_engine(
    sharing: RunningDaemon, segment: Segment, jpeg: bytes
) -> None:
    engines = sharing.engines()
    data = of_bytes(jpeg)
    given, taken = segment(data), segment(bytes(LABELS))
    async with inference(sharing.address) as service:
        region, results = await register(service, given), await register(service, taken)
        os.truncate(given, 40)
        code, why = await status_of(
            service.ModelInfer(request(None, place=place(region, len(data))))
        )
        assert (code, "shorter" in why) == (Code.INVALID_ARGUMENT, True), why
        os.truncate(given, 0)
        code, why = await status_of(
            service.ModelInfer(request(None, place=place(region, len(data))))
        )
        assert (code, "shorter" in why) == (Code.INVALID_ARGUMENT, True), why
        os.truncate(taken, 10)
        asked = picture(jpeg, places={"labels": place(results, LABELS)})
        code, why = await status_of(service.ModelInfer(asked))
        assert (code, "shorter" in why) == (Code.INVALID_ARGUMENT, True), why
        assert taken.stat().st_size == 10
        await works(service, jpeg)
    assert sharing.engines() == engines


async def test_a_segment_that_changes_all_the_time_costs_no_engine(
    sharing: RunningDaemon, segment: Segment, jpeg: bytes
) -> None:
    engines = sharing.engines()
    data = of_bytes(jpeg)
    path = segment(data)
    async with inference(sharing.address) as service:
        region = await register(service, path)
        asked = request(None, place=place(region, len(data)))
        outcomes: list[object] = []
        for _ in range(6):
            calls = [asyncio.ensure_future(service.ModelInfer(asked)) for _ in range(6)]
            await asyncio.sleep(0)
            os.truncate(path, 100)
            outcomes += await asyncio.gather(*calls, return_exceptions=True)
            path.write_bytes(os.urandom(40) + data[40:])
            path.write_bytes(data)
        assert len(outcomes) == 36
        codes = {each.code() for each in outcomes if isinstance(each, grpc.aio.AioRpcError)}
        assert codes <= {Code.INVALID_ARGUMENT}
        response = await service.ModelInfer(asked)
        assert response.raw_output_contents[0] == await works(service, jpeg)
    assert sharing.engines() == engines


async def test_regions_are_limited_in_number(
    sharing: RunningDaemon, segment: Segment, jpeg: bytes
) -> None:
    path = segment(bytes(1))
    async with inference(sharing.address) as service:
        await service.SystemSharedMemoryUnregister(pb.SystemSharedMemoryUnregisterRequest())
        code = Code.OK
        count = 0
        for number in range(300):
            try:
                await register(service, path, name=f"region {number}")
            except grpc.aio.AioRpcError as error:
                code = error.code()
                break
            count += 1
        assert code is Code.UNAVAILABLE
        assert 64 <= count <= 128
        await service.SystemSharedMemoryUnregister(pb.SystemSharedMemoryUnregisterRequest())
        await register(service, path, name="one more")
        await service.SystemSharedMemoryUnregister(pb.SystemSharedMemoryUnregisterRequest())
        await works(service, jpeg)


async def test_the_extension_is_listed_where_it_is_allowed(sharing: RunningDaemon) -> None:
    async with inference(sharing.address) as service:
        server = await service.ServerMetadata(pb.ServerMetadataRequest())
    assert "system_shared_memory" in server.extensions
