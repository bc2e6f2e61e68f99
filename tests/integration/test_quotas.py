"""Quotas of tokens, with the real daemon: who meets a limit is told so, and others are served."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from edgeseg.inference import open_inference_pb2 as oip
from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import AccessDenied, AsyncClient, Overloaded
from support.access import CertificateFolder, add_token, edgesegd
from support.calls import stub
from support.oip_calls import inference, of_bytes, picture, request
from support.running_daemon import Launch, RunningDaemon

Code = grpc.StatusCode
SECONDS = 30.0
RARELY = "0.001"
"""Frames per second: after the first two, none for a quarter of an hour."""
AT_ONCE = 2
ENOUGH = 1000
"""Answers after which a changed quota counts as without effect."""
FEW_BYTES = "1000"
"""Bytes per second: after a picture of 60 kB, none for a minute."""
LOW, NORMAL, HIGH = pb.STREAM_PRIORITY_LOW, pb.STREAM_PRIORITY_NORMAL, pb.STREAM_PRIORITY_HIGH
LATEST, EVERY = pb.QUEUE_POLICY_LATEST, pb.QUEUE_POLICY_EVERY
OK, OVERLOADED = pb.FRAME_STATUS_OK, pb.FRAME_STATUS_OVERLOADED


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quotas")


class Guarded:
    """A daemon that asks for tokens; `free` is one without a quota."""

    def __init__(self, running: RunningDaemon, file: Path, free: str) -> None:
        self.running, self.file, self.free = running, file, free
        self.address = running.address

    def token(self, *flags: str) -> tuple[str, str]:
        """The name and the text of a new token with that quota."""
        name = f"limited-{secrets.token_hex(4)}"
        return name, add_token(self.file, name, *flags)

    def limit(self, name: str, *flags: str) -> None:
        done = edgesegd("tokens", "limit", name, "--tokens", self.file, *flags)
        assert done.returncode == 0, done.stderr

    def met(self, limit: str) -> float:
        return self.running.metric("edgeseg_limits_met_total", limit=limit)


@pytest.fixture(scope="module")
def guarded(folder: Path) -> Iterator[Guarded]:
    file = folder / "tokens.json"
    free = add_token(file, "free")
    flags = (f"--tokens={file}", f"--listen=unix://{folder}/grpc.sock", "--delegate=cpu")
    with RunningDaemon(
        *flags,
        *("--public=health", "--public=metrics"),
        *("--oip-shared-memory=allow", "--oip-repository=allow"),
    ) as running:
        yield Guarded(running, file, free)


def metadata(token: str) -> tuple[tuple[str, str]]:
    return (("authorization", f"Bearer {token}"),)


class Stream:
    """An open stream of `edgeseg.v1`, whose frames are sent one at a time."""

    def __init__(self, call: Any) -> None:  # noqa: ANN401 # gRPC's
        self._call = call
        self._sent = 0

    async def ask(self, data: bytes) -> pb.SegmentResponse:
        """The answer to one frame."""
        self._sent += 1
        await self._call.write(pb.SegmentRequest(frame=pb.Frame(id=self._sent, data=data)))
        async with asyncio.timeout(SECONDS):
            answer = await self._call.read()
        if answer is grpc.aio.EOF:
            raise grpc.aio.AioRpcError(
                await self._call.code(),
                await self._call.initial_metadata(),
                await self._call.trailing_metadata(),
                await self._call.details(),
            )
        assert isinstance(answer, pb.SegmentResponse)
        assert answer.frame_id == self._sent
        return answer

    async def until(self, status: pb.FrameStatus.ValueType, data: bytes) -> pb.SegmentResponse:
        """The first answer of that status; each frame is sent when the one before is answered."""
        async with asyncio.timeout(SECONDS):
            while (answer := await self.ask(data)).status != status:
                pass
        return answer


@asynccontextmanager
async def stream(address: str, token: str, **options: Any) -> AsyncIterator[Stream]:  # noqa: ANN401 # a message's fields
    async with stub(address) as service:
        call: Any = service.Segment(metadata=metadata(token))
        await call.write(pb.SegmentRequest(options=pb.StreamOptions(**options)))
        try:
            yield Stream(call)
        finally:
            call.cancel()


async def image(address: str, token: str, data: bytes, model: str = "") -> pb.SegmentImageResponse:
    request = pb.SegmentImageRequest(
        frame=pb.Frame(data=data), options=pb.SegmentationOptions(model=model)
    )
    async with stub(address) as service:
        answer: pb.SegmentImageResponse = await service.SegmentImage(
            request, metadata=metadata(token), timeout=SECONDS
        )
    return answer


async def works(guarded: Guarded, jpeg: bytes) -> None:
    """The next frame of another identity is served, and its stream."""
    assert (await image(guarded.address, guarded.free, jpeg)).segmentation.labels
    async with stream(guarded.address, guarded.free, priority=HIGH) as other:
        assert (await other.ask(jpeg)).status == OK


@pytest.mark.parametrize("policy", [LATEST, EVERY])
async def test_frames_over_the_rate_are_refused_and_the_stream_goes_on(
    guarded: Guarded, jpeg: bytes, policy: pb.QueuePolicy.ValueType
) -> None:
    name, token = guarded.token("--max-frames-per-second", RARELY)
    before = guarded.met("quota_frames")
    async with stream(guarded.address, token, policy=policy) as limited:
        answers = [await limited.ask(jpeg) for _ in range(8)]
        assert [answer.status for answer in answers] == [OK] * AT_ONCE + [OVERLOADED] * 6
        assert f"the token '{name}' may send 0.001 frames per second" in answers[-1].message
        assert guarded.met("quota_frames") - before == 6
        await works(guarded, jpeg)
        guarded.limit(name, "--lift", "frames")
        assert (await limited.until(OK, jpeg)).segmentation.labels


async def test_a_quota_that_is_set_holds_for_a_stream_that_is_open(
    guarded: Guarded, jpeg: bytes
) -> None:
    name, token = guarded.token()
    async with stream(guarded.address, token) as limited:
        assert (await limited.ask(jpeg)).status == OK
        guarded.limit(name, "--max-bytes-per-second", FEW_BYTES)
        refused = await limited.until(OVERLOADED, jpeg)
        assert f"the token '{name}' may send 1,000 bytes of frames per second" in refused.message
        guarded.limit(name, "--max-bytes-per-second", "100MB")
        assert (await limited.until(OK, jpeg)).segmentation.labels


async def test_all_streams_and_images_of_a_token_count_together(
    guarded: Guarded, jpeg: bytes
) -> None:
    _, token = guarded.token("--max-frames-per-second", RARELY)
    assert (await image(guarded.address, token, jpeg)).segmentation.labels
    async with stream(guarded.address, token) as one:
        assert (await one.ask(jpeg)).status == OK
        assert (await one.ask(jpeg)).status == OVERLOADED
    before = guarded.met("quota_frames")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await image(guarded.address, token, jpeg)
    assert refused.value.code() is Code.RESOURCE_EXHAUSTED
    assert guarded.met("quota_frames") - before == 1
    await works(guarded, jpeg)


async def test_one_picture_larger_than_the_rate_is_served_and_the_next_is_told_when(
    guarded: Guarded, jpeg: bytes
) -> None:
    _, token = guarded.token("--max-bytes-per-second", FEW_BYTES)
    before = guarded.met("quota_bytes")
    assert (await image(guarded.address, token, jpeg)).segmentation.labels
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await image(guarded.address, token, jpeg)
    assert refused.value.code() is Code.RESOURCE_EXHAUSTED
    trailing = dict(tuple(refused.value.trailing_metadata()))
    assert trailing["edgeseg-status"] == "OVERLOADED"
    assert 0 < int(str(trailing["grpc-retry-pushback-ms"])) <= 1.1 * len(jpeg)
    assert guarded.met("quota_bytes") - before == 1
    await works(guarded, jpeg)


async def test_a_stream_too_many_is_refused_and_those_that_are_open_go_on(
    guarded: Guarded, jpeg: bytes
) -> None:
    name, token = guarded.token("--max-streams", "1")
    before = guarded.met("quota_streams")
    async with stream(guarded.address, token) as first:
        assert (await first.ask(jpeg)).status == OK
        async with stream(guarded.address, token) as second:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await second.ask(jpeg)
        assert refused.value.code() is Code.RESOURCE_EXHAUSTED
        assert "may have 1 stream at a time" in str(refused.value.details())
        assert dict(tuple(refused.value.trailing_metadata()))["grpc-retry-pushback-ms"]
        assert guarded.met("quota_streams") - before == 1
        assert (await image(guarded.address, token, jpeg)).segmentation.labels, "it is no stream"
        guarded.limit(name, "--max-streams", "0")
        assert (await first.ask(jpeg)).status == OK
        await works(guarded, jpeg)
    guarded.limit(name, "--max-streams", "1")
    async with stream(guarded.address, token) as third:
        assert (await third.ask(jpeg)).status == OK, "the first has ended"


@pytest.mark.parametrize(
    ("highest", "asked", "allowed"),
    [
        ("normal", HIGH, False),
        ("normal", NORMAL, True),
        ("low", NORMAL, False),
        ("low", LOW, True),
        ("low", pb.STREAM_PRIORITY_UNSPECIFIED, True),
        ("high", HIGH, True),
    ],
)
async def test_a_priority_above_the_highest_is_refused(
    guarded: Guarded,
    jpeg: bytes,
    highest: str,
    asked: pb.StreamPriority.ValueType,
    allowed: bool,  # of the table above
) -> None:
    _, token = guarded.token("--max-priority", highest)
    before = guarded.met("quota_priority")
    async with stream(guarded.address, token, priority=asked) as limited:
        if allowed:
            assert (await limited.ask(jpeg)).status == OK
            return
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await limited.ask(jpeg)
    assert refused.value.code() is Code.PERMISSION_DENIED
    assert f"{highest} is the highest that it may have" in str(refused.value.details())
    assert guarded.met("quota_priority") - before == 1
    await works(guarded, jpeg)


async def test_a_model_that_is_not_in_the_quota_is_refused_also_if_it_is_the_default(
    guarded: Guarded, jpeg: bytes
) -> None:
    name, token = guarded.token("--model", "road")
    before = guarded.met("quota_models")
    async with stream(guarded.address, token) as limited:
        with pytest.raises(grpc.aio.AioRpcError) as in_stream:
            await limited.ask(jpeg)
    with pytest.raises(grpc.aio.AioRpcError) as alone:
        await image(guarded.address, token, jpeg, "scenes")
    for refused in (in_stream.value, alone.value):
        assert refused.code() is Code.PERMISSION_DENIED
        assert "is not for the model 'scenes' (it is for road)" in str(refused.details())
    assert guarded.met("quota_models") - before == 2
    await works(guarded, jpeg)
    guarded.limit(name, "--model", "scenes", "--model", "road")
    assert (await image(guarded.address, token, jpeg)).segmentation.labels


async def test_a_model_that_is_not_in_the_quota_is_not_loaded_or_unloaded(
    guarded: Guarded, jpeg: bytes
) -> None:
    _, token = guarded.token("--scope", "models", "--model", "road")
    before = guarded.met("quota_models")

    async def codes(model: str) -> set[Code]:
        load = oip.RepositoryModelLoadRequest(model_name=model)
        unload = oip.RepositoryModelUnloadRequest(model_name=model)
        async with inference(guarded.address) as service:
            calls = [
                service.RepositoryModelLoad(load, metadata=metadata(token), timeout=SECONDS),
                service.RepositoryModelUnload(unload, metadata=metadata(token), timeout=SECONDS),
            ]
            return {await call.code() for call in calls}

    assert await codes("forest") == {Code.PERMISSION_DENIED}
    assert guarded.met("quota_models") - before == 2
    assert await codes("road") == {Code.NOT_FOUND}, "its own, which this daemon does not have"
    await works(guarded, jpeg)


async def test_requests_of_the_open_inference_protocol_have_the_same_quota(
    guarded: Guarded, jpeg: bytes
) -> None:
    name, token = guarded.token("--max-frames-per-second", RARELY)
    async with inference(guarded.address) as service:

        async def alone() -> Code:
            call = service.ModelInfer(picture(jpeg), metadata=metadata(token), timeout=SECONDS)
            code: Code = await call.code()
            return code

        assert [await alone() for _ in range(AT_ONCE + 1)] == [Code.OK, Code.OK, Code.UNAVAILABLE]
        call = service.ModelStreamInfer(metadata=metadata(token))

        async def ask() -> oip.ModelStreamInferResponse:
            await call.write(picture(jpeg))
            async with asyncio.timeout(SECONDS):
                answer = await call.read()
            assert isinstance(answer, oip.ModelStreamInferResponse), "the stream goes on"
            return answer

        refused = await ask()
        assert f"the token '{name}' may send 0.001 frames per second" in refused.error_message
        await works(guarded, jpeg)
        guarded.limit(name, "--lift", "frames")
        async with asyncio.timeout(SECONDS):
            while (answer := await ask()).error_message:
                pass
        assert answer.infer_response.raw_output_contents
        guarded.limit(name, "--model", "road")
        async with asyncio.timeout(SECONDS):
            while not (answer := await ask()).error_message:
                pass
        assert "is not for the model 'scenes' (it is for road)" in answer.error_message
        assert await alone() is Code.PERMISSION_DENIED
        call.cancel()


async def test_streams_of_both_protocols_count_together(guarded: Guarded, jpeg: bytes) -> None:
    _, token = guarded.token("--max-streams", "1")
    async with (
        stream(guarded.address, token) as ours,
        inference(guarded.address) as service,
    ):
        assert (await ours.ask(jpeg)).status == OK
        call = service.ModelStreamInfer(metadata=metadata(token), timeout=SECONDS)
        await call.write(picture(jpeg))
        assert await call.code() is Code.UNAVAILABLE
        assert "may have 1 stream at a time" in str(await call.details())
        assert (await ours.ask(jpeg)).status == OK


async def test_bytes_in_shared_memory_count_as_those_in_a_message(
    guarded: Guarded, jpeg: bytes
) -> None:
    _, token = guarded.token("--max-bytes-per-second", FEW_BYTES)
    data = of_bytes(jpeg)
    path = Path("/dev/shm", f"edgeseg-test-{secrets.token_hex(6)}")  # noqa: S108 # where they are
    try:
        path.write_bytes(data)
        async with inference(guarded.address) as service:
            known = metadata(token)
            region = oip.SystemSharedMemoryRegisterRequest(
                name=path.name, key=f"/{path.name}", byte_size=len(data)
            )
            await service.SystemSharedMemoryRegister(region, metadata=known)
            place = {
                "shared_memory_region": path.name,
                "shared_memory_byte_size": len(data),
                "shared_memory_offset": 0,
            }
            codes = [
                await service.ModelInfer(request(None, place=place), metadata=known).code()
                for _ in range(2)
            ]
    finally:
        path.unlink(missing_ok=True)
    assert codes == [Code.OK, Code.UNAVAILABLE]


async def test_a_unix_socket_has_no_quota(guarded: Guarded, folder: Path, jpeg: bytes) -> None:
    _, token = guarded.token("--max-frames-per-second", RARELY)
    async with stream(f"unix://{folder}/grpc.sock", token) as limited:
        answers = [await limited.ask(jpeg) for _ in range(2 * AT_ONCE)]
    assert [answer.status for answer in answers] == [OK] * len(answers)


async def test_a_revoked_token_takes_its_quota_with_it(guarded: Guarded, jpeg: bytes) -> None:
    name, token = guarded.token("--max-frames-per-second", RARELY)
    assert [(await image(guarded.address, token, jpeg)).segmentation.width for _ in range(AT_ONCE)]
    assert edgesegd("tokens", "revoke", name, "--tokens", guarded.file).returncode == 0
    again = add_token(guarded.file, name, "--max-frames-per-second", RARELY)
    assert (await image(guarded.address, again, jpeg)).segmentation.labels


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> CertificateFolder:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificates: apt install openssl")
    return CertificateFolder.make(tmp_path_factory.mktemp("tls"), "robot", "camera")


async def test_the_name_in_a_certificate_has_a_quota_without_a_token(
    certificates: CertificateFolder, launch: Launch, tmp_path: Path, jpeg: bytes
) -> None:
    file = tmp_path / "tokens.json"

    def limit(*flags: str) -> None:
        done = edgesegd("tokens", "limit", "--tokens", file, *flags)
        assert done.returncode == 0, done.stderr

    limit("--certificate=robot", "--max-frames-per-second", RARELY)
    running = launch(
        *certificates.flags, f"--tls-client-ca={certificates['ca.pem']}", f"--tokens={file}"
    )

    def client(name: str, token: str | None = None) -> AsyncClient:
        return AsyncClient(
            running.address,
            credentials=certificates.credentials(name),
            token=token,
            timeout=SECONDS,
            retry_for=0,
        )

    async with client("robot") as robot, client("camera") as camera:
        for _ in range(AT_ONCE):
            assert (await robot.segment(jpeg)).labels.any()
        with pytest.raises(Overloaded, match=r"the certificate 'robot' may send 0\.001 frames"):
            await robot.segment(jpeg)
        assert (await camera.segment(jpeg)).labels.any()
        limit("--certificate=robot", "--lift=all")
        assert (await robot.segment(jpeg)).labels.any()
        limit("--certificate=robot", "--model=road")
        with pytest.raises(AccessDenied, match="the certificate 'robot' is not for the model"):
            await robot.segment(jpeg)
        assert (await camera.segment(jpeg)).labels.any()
    token = add_token(file, "guest", "--max-streams=0")
    async with client("robot", token) as robot, client("camera", token) as camera:
        with pytest.raises(AccessDenied, match="the certificate 'robot' is not for the model"):
            await robot.segment(jpeg)
        assert (await camera.segment(jpeg)).labels.any()
        with pytest.raises(Overloaded, match="the token 'guest' may have 0 streams"):
            [answer async for answer in camera.stream([jpeg])]


def test_quotas_of_certificates_that_no_client_shows_are_reported(
    launch: Launch, tmp_path: Path
) -> None:
    file = tmp_path / "tokens.json"
    done = edgesegd("tokens", "limit", "--certificate=robot", "--max-streams=1", "--tokens", file)
    assert done.returncode == 0, done.stderr
    running = launch(f"--tokens={file}")
    assert any("without --tls-client-ca no client shows one" in line for line in running.output)


async def test_an_open_stream_follows_the_quota_of_its_certificate(
    certificates: CertificateFolder, launch: Launch, tmp_path: Path, jpeg: bytes
) -> None:
    file = tmp_path / "tokens.json"
    running = launch(
        *certificates.flags,
        f"--tls-client-ca={certificates['ca.pem']}",
        f"--data-dir={tmp_path}",
        "--tokens=",
    )
    statuses: list[str] = []

    async def pictures() -> AsyncIterator[bytes]:
        while len(statuses) < ENOUGH and statuses[-1:] != ["overloaded"]:
            yield jpeg
            await asyncio.sleep(0)

    async with (
        AsyncClient(
            running.address, credentials=certificates.credentials("robot"), timeout=SECONDS
        ) as robot,
        asyncio.timeout(2 * SECONDS),
    ):
        async for answer in robot.stream(pictures(), policy="every", in_flight=1):
            statuses.append(answer.status.value)
            if len(statuses) == 3:
                done = edgesegd(
                    "tokens",
                    "limit",
                    "--certificate=robot",
                    "--max-bytes-per-second=1",
                    "--tokens",
                    file,
                )
                assert done.returncode == 0, done.stderr
    assert statuses[:3] == ["ok"] * 3
    assert statuses[-1] == "overloaded"


def test_commands_set_change_lift_and_list_a_quota(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    flags = ("--max-streams=2", "--max-frames-per-second=10", "--max-bytes-per-second=4MB")
    add_token(file, "robot", *flags, "--max-priority=normal", "--model=road", "--model=scenes")

    def listed() -> str:
        return " ".join(edgesegd("tokens", "list", "--tokens", file).stdout.split())

    assert (
        "2 streams; 10 frames/s; 4,000,000 bytes/s; priority normal; models road, scenes"
        in listed()
    )
    cases = {
        ("robot", "--max-streams=3", "--lift=models"): "robot: 3 streams; 10 frames/s; 4,000,000",
        ("robot", "--max-bytes-per-second=2MiB"): "2,097,152 bytes/s",
        ("robot", "--lift=all", "--max-streams=1"): "robot: 1 stream\n",
        ("robot", "--lift=all"): "robot: no limits\n",
        ("--certificate=fleet", "--max-streams=7"): "fleet: 7 streams\n",
    }
    for arguments, expected in cases.items():
        done = edgesegd("tokens", "limit", *arguments, "--tokens", file)
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout
    assert "no limits" in listed()
    assert "fleet 7 streams" in listed()
    as_json = json.loads(edgesegd("tokens", "list", "--json", "--tokens", file).stdout)
    assert [each["quota"] for each in as_json] == [{}, {"max_streams": 7}]
    assert as_json[1]["certificate"] == "fleet"


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (("nobody", "--max-streams=1"), 3, "there is no token 'nobody'"),
        (("robot",), 3, "name a limit to set"),
        (("--certificate=robot", "--lift=all"), 3, "the certificate 'robot' has no quota"),
        (("--max-streams=1",), 3, "name one token, or one certificate"),
        (("robot", "--certificate=robot", "--max-streams=1"), 3, "name one token, or one"),
        (("--certificate=a\nb", "--max-streams=1"), 3, "has 1 to 256 printable characters"),
        (("robot", "--max-streams=-1"), 3, "max_streams is a whole number from 0"),
        (("robot", "--max-streams=1", "--lift=streams"), 3, "cannot be set and lifted at once"),
        (("robot", "--max-frames-per-second=0"), 3, "max_frames_per_second is a number greater"),
        (("robot", "--max-bytes-per-second=4 mb"), 2, "'4 mb' is no size, such as"),
        (("robot", "--max-priority=highest"), 2, "invalid choice: 'highest'"),
        (("robot", "--model=a/b"), 3, "the name of a model has no slash"),
    ],
)
def test_a_wrong_limit_is_named_and_changes_nothing(
    tmp_path: Path, arguments: tuple[str, ...], status: int, complaint: str
) -> None:
    file = tmp_path / "tokens.json"
    add_token(file, "robot", "--max-streams=5")
    before = file.read_bytes()
    done = edgesegd("tokens", "limit", *arguments, "--tokens", file)
    assert (done.returncode, complaint in done.stderr) == (status, True), done.stderr
    assert file.read_bytes() == before


async def test_a_wrong_quota_in_the_file_is_an_error_at_the_start_and_changes_nothing_later(
    launch: Launch, tmp_path: Path, jpeg: bytes
) -> None:
    file = tmp_path / "tokens.json"
    token = add_token(file, "robot", "--max-streams=5")
    sound = file.read_text()
    running = launch(f"--tokens={file}")
    file.write_text(sound.replace("max_streams", "max_stream"))
    assert (await image(running.address, token, jpeg)).segmentation.labels
    complaint = "the token 'robot': a quota has no limit 'max_stream'"
    assert any(complaint in line for line in running.output)
    failed = edgesegd("serve", "--listen=127.0.0.1:0", f"--tokens={file}")
    assert failed.returncode == 3
    assert complaint in failed.stderr
