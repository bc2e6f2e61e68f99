"""The client for asyncio; `blocking` has the same for code without asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, Unpack

import grpc

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg.v1.segmentation_pb2_grpc import SegmentationServiceStub
from edgeseg_client import retry
from edgeseg_client.answer import FrameAnswer
from edgeseg_client.backoff import Backoff
from edgeseg_client.channel import open_channel
from edgeseg_client.decode import read_result
from edgeseg_client.errors import ClientClosed, Expired, InvalidRequest, Unavailable
from edgeseg_client.fork_guard import FORK_GUARD
from edgeseg_client.frame import Frame, ImageLike, RawFormat
from edgeseg_client.frame_encoder import (
    FrameEncoder,
    FrameInput,
    age_of,
    copy_into_message,
    write_frame,
)
from edgeseg_client.handshake import StreamCall, perform_handshake
from edgeseg_client.in_flight import InFlight
from edgeseg_client.info import ServerInfo, read_info
from edgeseg_client.options import (
    Options,
    Policy,
    Priority,
    check_options,
    needs_info,
    options_message,
    stream_message,
)
from edgeseg_client.result import Result
from edgeseg_client.shared_memory import FrameBuffer, Region, lease_for
from edgeseg_client.source import pull
from edgeseg_client.status import call_errors, require_response
from edgeseg_client.stream import Connection, FrameStream
from edgeseg_client.wrapped_exit import WrappedExit, run_in_daemon_thread, run_in_thread

if TYPE_CHECKING:
    from edgeseg.v1.segmentation_pb2_grpc import SegmentationServiceAsyncStub

DEFAULT_ADDRESS: Final = "127.0.0.1:8460"
"""The address at which a daemon listens by default."""

# How many frames a stream takes from its source before their answers are taken.
_MAX_IN_FLIGHT: Final[dict[Policy, int]] = {"every": 8, "latest": 64}


class AsyncClient:
    """Segments images with the daemon at `address`, `HOST:PORT` or `unix:///PATH`.

    `token` is sent with every call. `credentials` (from `grpc.ssl_channel_credentials`) turn TLS
    on. `timeout` limits each call, and the handshake of a stream, in seconds. While the daemon is
    unavailable, or has too much work for a call, the client tries again for `retry_for` seconds. If
    the path is not a socket, or another server answers, `WrongAddress` is raised at once.

    With `shared_memory` the client writes frames into memory that it shares with a daemon on the
    same board, and not into messages. Its value is True for 32 MiB, or a number of bytes.

    The client connects with the first call. Use and close it on one event loop, best with
    `async with`. All errors that calls raise are in `edgeseg_client.errors`.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        token: str | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        timeout: float | None = 30.0,
        retry_for: float = 30.0,
        shared_memory: bool | int = False,
    ) -> None:
        FORK_GUARD.check()
        self.address = address
        self._lease = lease_for(shared_memory)
        self._credentials = credentials
        self._metadata = _authorization(token)
        self._timeout = timeout
        self._retry_for = retry_for
        self._channel: grpc.aio.Channel | None = None
        self._streams: set[StreamCall] = set()
        self._channel_lock = asyncio.Lock()
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends every call and closes the client for good. May be called twice."""
        self._closed = True
        if FORK_GUARD.forked:  # the calls and the channel belong to the parent
            return
        for call in tuple(self._streams):  # older grpcio does not end them with the channel
            call.cancel()
        async with self._channel_lock:
            if self._channel is not None:
                await self._channel.close()
        if self._lease is not None:
            self._lease.close()

    # `timeout` becomes gRPC's deadline, which is sent to the daemon; asyncio's is not.
    async def info(self, *, timeout: float | None = None) -> ServerInfo:  # noqa: ASYNC109
        """What the daemon is, serves and accepts."""
        return await retry.call(
            self._fetch_info, self._timeout_or_default(timeout), self._new_backoff()
        )

    async def segment(
        self,
        image: Frame | ImageLike | FrameBuffer,
        *,
        timeout: float | None = None,  # noqa: ASYNC109
        **options: Unpack[Options],
    ) -> Result:
        """Segments one image; `timeout`, in seconds, replaces the client's."""
        FORK_GUARD.check()
        frame = image if isinstance(image, Frame) else Frame(image)
        age = age_of(frame)
        checked = check_options(options)
        info = await self.info(timeout=timeout) if needs_info(checked) else None
        request = pb.SegmentImageRequest(options=options_message(checked, info))
        pixel_format = checked.get("pixel_format", "rgb")
        region = await self._leased_region(timeout)
        # Files are read and pixels are copied in a thread, so that the event loop is not blocked.
        run = run_in_daemon_thread if isinstance(frame.image, str | PathLike) else run_in_thread
        try:
            slot = await run(write_frame, request.frame, frame, age, pixel_format, region)
        except WrappedExit as wrapped:
            raise wrapped.original from wrapped.original.__cause__

        async def attempt(left: float | None) -> pb.SegmentImageResponse:
            if slot is not None and not slot.region.alive:
                copy_into_message(request.frame, slot)
            request.frame.age_us = age.microseconds()
            stub = await self._stub()
            call = stub.SegmentImage(request, timeout=left, metadata=self._metadata)
            return require_response(await call)

        try:
            return read_result(
                await retry.call(attempt, self._timeout_or_default(timeout), self._new_backoff())
            )
        finally:
            if slot is not None:
                slot.release()

    async def frame_buffer(
        self, width: int, height: int, pixel_format: RawFormat = "rgb"
    ) -> FrameBuffer:
        """A raw frame to fill in place and send once; in shared memory if a slot is free."""
        return FrameBuffer(width, height, pixel_format, await self._leased_region(None))

    def stream(
        self,
        frames: Iterable[FrameInput] | AsyncIterable[FrameInput],
        *,
        policy: Policy = "latest",
        priority: Priority = "normal",
        in_flight: int | None = None,
        **options: Unpack[Options],
    ) -> AsyncGenerator[FrameAnswer, None]:
        """Segments frames as they come; each gets exactly one answer, with the frame's id.

        With the policy `latest` a newer frame supersedes a waiting one, so latency does not grow.
        With `every` no frame is dropped, and answers come in the order of the frames. A frame that
        fails gets an answer that is not `ok`; it does not raise an error here. While several
        streams have frames waiting, one with `high` priority gets four turns for each turn of one
        with `normal`, and that one four for each turn of one with `low`.

        If the connection breaks, the client connects again. With `every` it sends the frames that
        had no answer once more; with `latest` it answers them `unavailable`. If no daemon can be
        reached for `retry_for` seconds, `Unavailable` is raised.

        `frames` may be endless. A thread iterates over it, or the event loop if it is asynchronous.
        It is at most `in_flight` frames (8; 64 for `latest`) ahead of the answers that the caller
        has taken. Closing the generator cancels the call.
        """
        if isinstance(frames, str | bytes | bytearray | memoryview):
            raise InvalidRequest("give the frames in a list or another iterable")
        message = stream_message(policy, priority)
        checked = check_options(options)
        limit = _MAX_IN_FLIGHT[policy] if in_flight is None else in_flight
        if limit < 1:
            raise InvalidRequest(f"in_flight is at least 1, not {limit}")
        return FrameStream(
            connect=lambda: self._connect(message, checked),
            frames=pull(
                frames,
                FrameEncoder(checked.get("pixel_format", "rgb"), self._current_region).encode,
            ),
            in_flight=InFlight(newest_only=policy == "latest"),
            limit=limit,
            in_order=policy == "every",
            backoff=self._new_backoff(),
        ).answers()

    async def _connect(self, message: pb.StreamOptions, options: Options) -> Connection:
        """Opens a stream.

        Asks for the server's info each time, because after a lost connection the daemon may be
        another one.
        """
        info = await self._fetch_info(self._timeout)
        region = None
        if self._lease is not None:
            region = await self._lease.renew(info.shared_memory_socket)
        message.segmentation.CopyFrom(options_message(options, info))
        call = (await self._stub()).Segment(metadata=self._metadata)
        self._streams.add(call)
        call.add_done_callback(self._streams.discard)
        await perform_handshake(call, message, self._timeout)
        return Connection(call, info.max_frame_bytes, region)

    async def _leased_region(self, timeout: float | None) -> Region | None:  # noqa: ASYNC109 # as `info`
        """The region that frames are written to; None without `shared_memory`, or if refused."""
        FORK_GUARD.check()
        if self._lease is None:
            return None
        if self._lease.needs_renewal:
            info = await self.info(timeout=timeout)
            return await self._lease.renew(info.shared_memory_socket)
        return self._lease.region

    def _current_region(self) -> Region | None:
        return None if self._lease is None else self._lease.region

    async def _fetch_info(self, left: float | None) -> ServerInfo:
        stub = await self._stub()
        try:
            with call_errors():
                call = stub.GetServerInfo(
                    pb.GetServerInfoRequest(), timeout=left, metadata=self._metadata
                )
                return read_info(require_response(await call))
        except Expired as error:  # the daemon answers this call at once, so it did not get it
            raise Unavailable(f"no answer from {self.address}: {error}") from error

    async def _stub(self) -> SegmentationServiceAsyncStub:
        FORK_GUARD.mark_used()
        async with self._channel_lock:
            if self._closed:
                raise ClientClosed("the client is closed")
            if self._channel is None:
                self._channel = await open_channel(self.address, self._credentials)
                FORK_GUARD.keep_in_parent(self._channel)
            return SegmentationServiceStub(self._channel)  # type: ignore[return-value]  # one class for both

    def _timeout_or_default(self, timeout: float | None) -> float | None:
        return self._timeout if timeout is None else timeout

    def _new_backoff(self) -> Backoff:
        return Backoff(self._retry_for)


def _authorization(token: str | None) -> tuple[tuple[str, str], ...]:
    """The metadata with the token; raises `InvalidRequest` if metadata cannot hold it."""
    if not token:
        return ()
    if not isinstance(token, str):
        raise InvalidRequest(f"the token is a str, not {type(token).__name__}")
    if not (token.isascii() and token.isprintable()):
        raise InvalidRequest(
            "the token has a line break or another character that is not printable ASCII, so it"
            " cannot be sent; if it comes from a file, strip() it"
        )
    return (("authorization", f"Bearer {token}"),)
