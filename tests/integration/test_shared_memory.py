"""Frames in memory that clients on the same board lease from the daemon."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import Client, RawImage, Result
from edgeseg_client.errors import InvalidRequest, Unavailable
from edgeseg_client.frame import ImageLike
from edgeseg_client.frame_buffer import FrameBuffer
from edgeseg_client.shared_memory import SLOTS, lease_region
from edgesegd.core.errors import EngineStartFailed
from support.calls import every, segment, stub
from support.pictures import gradient
from support.running_daemon import Launch, RunningDaemon

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is leased on Linux only")

PIXELS = np.asarray(gradient(320, 240))
LIMIT = 64 << 20


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"unix://{tmp_path_factory.mktemp('run')}/grpc.sock"


@pytest.fixture(scope="module")
def unix_daemon(address: str) -> Iterator[RunningDaemon]:
    with RunningDaemon(f"--listen={address}", f"--shared-memory-bytes={LIMIT}") as running:
        yield running


def leased_bytes(running: RunningDaemon) -> float:
    return running.metric("edgeseg_shared_memory_bytes")


async def until_leased(running: RunningDaemon, size: float) -> None:
    async with asyncio.timeout(10):
        while leased_bytes(running) != size:
            await asyncio.sleep(0.01)


def labels(result: Result) -> bytes:
    return result.labels.tobytes()


def mapped(running: RunningDaemon) -> int:
    """How many regions its engine reads."""
    maps = Path(f"/proc/{running.engine_pid}/maps").read_text()
    return sum("edgeseg-region" in line for line in maps.splitlines())


async def until_unmapped(running: RunningDaemon) -> None:
    async with asyncio.timeout(10):
        while mapped(running):
            await asyncio.sleep(0.01)


def nothing_is_left() -> bool:
    shared = Path("/dev/shm")  # noqa: S108 # looked at, not used
    return not [each for each in shared.iterdir() if "edgeseg" in each.name]


def test_frames_in_shared_memory_give_the_masks_of_the_same_frames_in_messages(
    unix_daemon: RunningDaemon, address: str, jpeg: bytes
) -> None:
    """More frames than there are slots, of every kind, one at a time and many at once."""
    images: list[ImageLike] = [PIXELS, jpeg, RawImage(PIXELS.tobytes(), "bgr", 320, 240)] * (
        SLOTS + 1
    )
    with Client(address) as plain, Client(address, shared_memory=True) as sharing:
        expected = [labels(plain.segment(image)) for image in images[:3]]
        assert [labels(sharing.segment(image)) for image in images[:3]] == expected
        assert leased_bytes(unix_daemon) > 0
        answers = {each.frame_id: each for each in sharing.stream(images, policy="every")}
        assert answers.keys() == set(range(len(images)))
        for number, answer in answers.items():
            assert labels(answer.result) == expected[number % 3]
        lease = sharing._client._lease
        assert lease is not None
        assert lease.region is not None
        assert len(lease.region._free_slots) == SLOTS, "all slots are free again"


def test_a_camera_writes_its_frames_into_shared_memory(
    unix_daemon: RunningDaemon, address: str
) -> None:
    with Client(address) as plain, Client(address, shared_memory=True) as camera:
        expected = labels(plain.segment(PIXELS))

        def shots() -> Iterator[FrameBuffer]:
            for _ in range(3 * SLOTS):
                buffer = camera.frame_buffer(320, 240, "rgb")
                buffer.array[:] = PIXELS
                yield buffer

        answers = list(camera.stream(shots(), policy="every"))
        assert [labels(answer.result) for answer in answers] == [expected] * 3 * SLOTS
        spare = camera.frame_buffer(64, 48, "nv12")
        assert (spare.array.shape, spare.slot is not None) == ((72, 64), True)
        spare.discard()
        assert leased_bytes(unix_daemon) > 0


def test_a_padded_buffer_in_shared_memory_has_the_labels_of_the_packed_frame(
    unix_daemon: RunningDaemon, address: str
) -> None:
    assert unix_daemon.address
    luma = PIXELS[..., 1]
    with Client(address) as plain, Client(address, shared_memory=True) as camera:
        packed = np.concatenate([luma, np.full((120, 320), 120, np.uint8)])
        expected = labels(plain.segment(RawImage(packed.tobytes(), "nv12", 320, 240)))
        buffer = camera.frame_buffer(320, 240, "nv12", padded_to=(384, 256))
        assert buffer.slot is not None
        buffer.array[:] = 77
        buffer.array[:240, :320] = luma
        buffer.array[256:376, :320] = 120
        assert labels(camera.segment(buffer)) == expected


def test_a_frame_buffer_can_be_sent_once(unix_daemon: RunningDaemon, address: str) -> None:
    """Its room is another frame's then."""
    assert unix_daemon.address
    with Client(address, shared_memory=True) as camera:
        buffer = camera.frame_buffer(320, 240, "rgb")
        buffer.array[:] = PIXELS
        expected = labels(camera.segment(buffer))
        with pytest.raises(InvalidRequest, match="sent once"):
            camera.segment(buffer)
        assert labels(camera.segment(PIXELS)) == expected
        spare = camera.frame_buffer(320, 240, "rgb")
        spare.discard()
        with pytest.raises(InvalidRequest, match="discarded"):
            camera.segment(spare)
        for width, height in ((3, 4), (4, 3)):
            with pytest.raises(InvalidRequest, match="even"):
                camera.frame_buffer(width, height, "nv12")


async def test_a_region_whose_frame_failed_is_released_with_its_client(
    unix_daemon: RunningDaemon, address: str
) -> None:
    """Even if the garbage collector does not run meanwhile."""
    await until_leased(unix_daemon, 0)
    await until_unmapped(unix_daemon)
    folder = Path(f"/proc/{unix_daemon.process.pid}/fd")
    descriptors = len(list(folder.iterdir()))
    for _ in range(10):
        with closing(lease_region(address.removeprefix("unix://") + ".memory", 1 << 20)) as region:
            slot = region.allocate(1000)
            assert slot is not None
            slot.view[:3] = b"\xff\xd8\xff"
            frame = pb.Frame(shared_memory=slot.handle(1000))
            answers = await segment(unix_daemon.address, [every(), pb.SegmentRequest(frame=frame)])
            assert "damaged" in answers[0].message
    await until_leased(unix_daemon, 0)
    await until_unmapped(unix_daemon)
    assert len(list(folder.iterdir())) <= descriptors + 1


async def test_a_region_that_an_engine_cannot_map_fails_its_frames_only(address: str) -> None:
    """And leaves with its client, as others do."""
    address += "3"
    path = address.removeprefix("unix://") + ".memory"
    with RunningDaemon(f"--listen={address}") as daemon:
        pid = daemon.engine_pid
        assert pid is not None
        await segment(daemon.address, [every(), *frames_of(PIXELS, 1)])
        used = {int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir()}
        lowest = min(set(range(len(used) + 1)) - used)
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest, hard))
        with closing(lease_region(path, 1 << 20)) as region:
            slot = region.allocate(PIXELS.nbytes)
            assert slot is not None
            good = slot.handle(PIXELS.nbytes)
            answers = await segment(
                daemon.address, [every(), handle(good.region, good.offset, good.length)]
            )
            assert answers[0].status == pb.FRAME_STATUS_INTERNAL
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        await until_leased(daemon, 0)
        answers = await segment(daemon.address, [every(), *frames_of(PIXELS, 3)])
        assert [answers[number].status for number in range(3)] == [pb.FRAME_STATUS_OK] * 3
        assert daemon.engine_pid == pid, "the engine is the same"


def frames_of(pixels: np.ndarray[Any, np.dtype[np.uint8]], count: int) -> list[pb.SegmentRequest]:
    height, width = pixels.shape[:2]
    return [
        pb.SegmentRequest(
            frame=pb.Frame(
                id=number,
                format=pb.FRAME_FORMAT_RGB,
                width=width,
                height=height,
                data=pixels.tobytes(),
            )
        )
        for number in range(count)
    ]


async def test_a_region_is_released_when_its_client_is_killed(
    unix_daemon: RunningDaemon, address: str
) -> None:
    before = leased_bytes(unix_daemon)
    code = (
        "import sys; from edgeseg_client import Client; import numpy as np\n"
        f"client = Client({address!r}, shared_memory=True)\n"
        "client.segment(np.zeros((48, 64, 3), np.uint8)); print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as client:
        try:
            assert client.stdout is not None
            assert (await asyncio.to_thread(client.stdout.readline)) == b"ready\n"
            assert leased_bytes(unix_daemon) > before
        finally:
            client.kill()
    await until_leased(unix_daemon, before)
    assert nothing_is_left()


async def test_an_engine_maps_a_region_once_and_unmaps_it_when_its_client_leaves(
    unix_daemon: RunningDaemon, address: str
) -> None:
    await until_leased(unix_daemon, 0)
    await until_unmapped(unix_daemon)
    for _ in range(3):
        with Client(address, shared_memory=True) as client:
            client.segment(PIXELS)
            client.segment(PIXELS)
            assert mapped(unix_daemon) == 1
        await until_unmapped(unix_daemon)


async def test_an_engine_that_takes_over_maps_the_regions_of_clients(address: str) -> None:
    address += "2"
    with (
        RunningDaemon(f"--listen={address}") as daemon,
        Client(address, shared_memory=True) as client,
    ):
        expected = labels(client.segment(PIXELS))
        assert daemon.engine_pid is not None
        os.kill(daemon.engine_pid, signal.SIGKILL)
        assert labels(client.segment(PIXELS)) == expected
        assert mapped(daemon) == 1


async def test_regions_that_come_and_go_leave_no_descriptor_open(
    unix_daemon: RunningDaemon, address: str
) -> None:
    folder = Path(f"/proc/{unix_daemon.process.pid}/fd")
    path = address.removeprefix("unix://") + ".memory"
    await until_leased(unix_daemon, 0)
    before = len(list(folder.iterdir()))
    for _ in range(30):
        lease_region(path, 4096).close()
    await until_leased(unix_daemon, 0)
    async with asyncio.timeout(10):  # a connection of `until_lent` may be closed a moment later
        while len(list(folder.iterdir())) > before:
            await asyncio.sleep(0.01)


def handle(region: int, offset: int, length: int) -> pb.SegmentRequest:
    shared = pb.SharedMemoryHandle(region=region, offset=offset, length=length)
    return pb.SegmentRequest(
        frame=pb.Frame(format=pb.FRAME_FORMAT_RGB, width=320, height=240, shared_memory=shared)
    )


async def test_a_bad_shared_memory_handle_fails_its_frame_only(
    unix_daemon: RunningDaemon, address: str
) -> None:
    with closing(lease_region(address.removeprefix("unix://") + ".memory", 1 << 20)) as region:
        slot = region.allocate(PIXELS.nbytes)
        assert slot is not None
        slot.view[: PIXELS.nbytes] = PIXELS.tobytes()
        good = slot.handle(PIXELS.nbytes)
        largest = (1 << 64) - 1
        bad = [
            (region.number ^ 1, 0, PIXELS.nbytes),
            (0, 0, PIXELS.nbytes),
            (region.number, 0, 0),
            (region.number, 1 << 20, 1),
            (region.number, 0, (1 << 20) + 1),
            (region.number, largest, largest),
            (region.number, largest, 2),
            (region.number, 0, 1000),
        ]
        requests = [handle(*each) for each in bad] + [handle(good.region, good.offset, good.length)]
        for number, request in enumerate(requests):
            request.frame.id = number
        answers = await segment(unix_daemon.address, [every(), *requests])
        statuses = [answers[number].status for number in range(len(requests))]
        assert statuses == [pb.FRAME_STATUS_INVALID] * len(bad) + [pb.FRAME_STATUS_OK]
    await until_leased(unix_daemon, 0)
    again = await segment(unix_daemon.address, [every(), requests[-1]])
    assert "released when the connection that leased it ends" in again[len(bad)].message


@pytest.mark.parametrize(
    ("request_line", "reason"),
    [
        (b"hello\n", "one line of JSON"),
        (b'{"bytes": 1.5}\n', "one line of JSON"),
        (b"[" * 200 + b"\n", "one line of JSON"),
        (b'{"bytes": 0}\n', "a region has 1 to"),
        (b'{"bytes": 99999999999999}\n', "a region has 1 to"),
        (b"x" * 300, "one line of JSON"),
    ],
)
async def test_a_bad_request_for_shared_memory_is_answered_with_the_reason(
    unix_daemon: RunningDaemon, address: str, request_line: bytes, reason: str
) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(address.removeprefix("unix://") + ".memory")
        client.sendall(request_line)
        client.settimeout(10)
        answer = await asyncio.to_thread(client.recv, 1000)
    assert reason in json.loads(answer)["error"]
    assert leased_bytes(unix_daemon) == 0


def test_a_client_that_cannot_lease_memory_now_sends_frames_in_messages(
    unix_daemon: RunningDaemon, address: str
) -> None:
    """And lies in wait for some."""
    assert leased_bytes(unix_daemon) == 0
    with (
        Client(address, shared_memory=LIMIT // 2) as first,
        Client(address, shared_memory=LIMIT // 4) as second,
    ):
        expected = labels(first.segment(PIXELS))
        assert labels(second.segment(PIXELS)) == expected
        answers = second.stream([PIXELS] * 3, policy="every")
        assert [labels(answer.result) for answer in answers] == [expected] * 3
        assert leased_bytes(unix_daemon) == LIMIT // 2, "two clients of one process are one client"
        first.close()
        give_up = time.monotonic() + 30
        while leased_bytes(unix_daemon) != LIMIT // 4:
            assert labels(second.segment(PIXELS)) == expected
            assert time.monotonic() < give_up


def test_a_client_of_a_daemon_without_shared_memory_says_what_to_do(daemon: RunningDaemon) -> None:
    with (
        Client(daemon.address, shared_memory=True) as client,
        pytest.raises(InvalidRequest, match="listen on unix:///PATH"),
    ):
        client.segment(PIXELS)


def test_a_client_with_shared_memory_goes_on_with_the_next_daemon(
    launch: Launch, tmp_path: Path
) -> None:
    """After a SIGKILL, which leaves nothing behind; frames without an answer are sent again."""
    address = f"unix://{tmp_path}/grpc.sock"
    first = launch(f"--listen={address}")
    with Client(address, shared_memory=True) as client:
        expected = labels(client.segment(PIXELS))
        answers = client.stream([PIXELS] * 12, policy="every")
        assert labels(next(answers).result) == expected
        first.stop(signal.SIGKILL)
        assert nothing_is_left()
        with RunningDaemon(f"--listen={address}") as second:
            assert [labels(answer.result) for answer in answers] == [expected] * 11
            assert labels(client.segment(PIXELS)) == expected
            assert leased_bytes(second) > 0
    assert not (tmp_path / "grpc.sock.memory").exists()


def test_shared_memory_without_a_daemon_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="shared memory is not available"):
        lease_region(str(tmp_path / "nobody"), 4096)


async def test_server_info_names_the_socket_for_shared_memory(
    unix_daemon: RunningDaemon, address: str
) -> None:
    async with stub(unix_daemon.address) as service:
        info = await service.GetServerInfo(pb.GetServerInfoRequest())
    assert info.shared_memory_socket == address.removeprefix("unix://") + ".memory"
    mode = os.stat(info.shared_memory_socket).st_mode  # noqa: PTH116
    assert mode & 0o777 == os.stat(address.removeprefix("unix://")).st_mode & 0o777  # noqa: PTH116


def test_a_file_at_the_path_of_the_memory_socket_is_not_removed(tmp_path: Path) -> None:
    precious = tmp_path / "grpc.sock.memory"
    precious.write_text("not a socket")
    with pytest.raises(EngineStartFailed, match="the path exists and is not a socket"):
        RunningDaemon(f"--listen=unix://{tmp_path}/grpc.sock")
    assert precious.read_text() == "not a socket"


def test_the_socket_that_a_killed_daemon_left_is_replaced(tmp_path: Path) -> None:
    address = f"unix://{tmp_path}/grpc.sock"
    first = RunningDaemon(f"--listen={address}")
    first.stop(signal.SIGKILL)
    assert (tmp_path / "grpc.sock.memory").is_socket()
    with RunningDaemon(f"--listen={address}"), Client(address, shared_memory=True) as client:
        assert client.segment(PIXELS).shape
