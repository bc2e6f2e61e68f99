"""The client for asyncio; `blocking` has the same for code without asyncio."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence
from functools import partial
from os import PathLike
from types import TracebackType
from typing import Final, Self, Unpack

import grpc

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import retry
from edgeseg_client.address import are_several, is_on_this_machine, parse_addresses
from edgeseg_client.answer import FrameAnswer
from edgeseg_client.backoff import Backoff
from edgeseg_client.daemon_channels import DaemonChannels
from edgeseg_client.deadline import Deadline
from edgeseg_client.decode import ResultReader
from edgeseg_client.errors import Expired, InvalidRequest, OtherModel, Unavailable
from edgeseg_client.fork_guard import FORK_GUARD
from edgeseg_client.frame import Frame, ImageLike, RawFormat, YuvMatrix, YuvRange
from edgeseg_client.frame_buffer import FrameBuffer
from edgeseg_client.frame_encoder import (
    FrameEncoder,
    FrameInput,
    age_of,
    copy_into_message,
    is_one_frame,
    write_frame,
)
from edgeseg_client.handshake import StreamCall, perform_handshake
from edgeseg_client.handshake_timeout import HandshakeTimeout
from edgeseg_client.in_flight import InFlight
from edgeseg_client.info import ServerInfo, read_info
from edgeseg_client.model_version import has_ids_of, require_classes
from edgeseg_client.options import (
    Options,
    Policy,
    Priority,
    Reuse,
    check_options,
    covers_frame,
    needs_info,
    options_message,
    policy_for,
    show_options,
    stream_message,
)
from edgeseg_client.result import Result
from edgeseg_client.shared_memory import Region, lease_for
from edgeseg_client.source import pull
from edgeseg_client.status import call_errors, require_response
from edgeseg_client.stream import Connection, FrameStream
from edgeseg_client.stream_name import name_metadata
from edgeseg_client.wrapped_exit import WrappedExit, run_in_daemon_thread, run_in_thread

log = logging.getLogger(__name__)

DEFAULT_ADDRESS: Final = "127.0.0.1:8460"
"""The address at which a daemon listens by default."""

# How many frames a stream takes from its source before their answers are taken.
_MAX_IN_FLIGHT: Final[dict[Policy, int]] = {"every": 8, "latest": 64}
# Behind a balancer each call may meet another daemon. So often is one tried with the ids that
# classes have in the model of the daemon that was asked, before one is asked again.
_TRIES_PER_INFO: Final = 3


class AsyncClient:
    """Segments images with a daemon, for asyncio.

    The client connects with the first call. Use and close it on one event loop, best with
    `async with`. All errors that calls raise are in `edgeseg_client.errors`.

    Args:
        address: The daemon's address, `HOST:PORT` or `unix:///PATH`; or `discover:NAME` for the
            daemon that is announced in this network under that name, `discover:` for the only one.
            If the path is not a socket, or another server answers, calls raise `WrongAddress` at
            once. Several daemons that serve the same models are a list, `HOST:PORT,HOST:PORT`, or a
            name that DNS has for all of them, `dns:///NAME:PORT`: calls and streams go in turn to
            those that serve, and to another if one is lost.
        token: Is sent with every call, for a daemon that asks for one.
        credentials: Turn TLS on; from `tls_credentials` or `grpc.ssl_channel_credentials`.
        insecure: Allows a token on a connection that is not encrypted, where others can read it.
            Without it that is an error, except on this machine.
        timeout: Limits each call, and the handshake of a stream, in seconds; None for no limit.
        retry_for: How long the client tries again while the daemon is unavailable or has too much
            work for a call, in seconds.
        shared_memory: True or a number of bytes (True: 32 MiB): frames are written into memory that
            is shared with a daemon on the same board, and not into messages. Only with one address.
    """

    def __init__(
        self,
        address: str | Sequence[str] = DEFAULT_ADDRESS,
        *,
        token: str | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        insecure: bool = False,
        timeout: float | None = 30.0,
        retry_for: float = 30.0,
        shared_memory: bool | int = False,
    ) -> None:
        FORK_GUARD.check()
        addresses = parse_addresses(address)
        self.address: str = ",".join(addresses)
        """The daemon's address; of several, with commas between them."""
        if shared_memory and are_several(addresses):
            raise InvalidRequest(
                f"memory is shared with one daemon on the same board, and {self.address} may be"
                " several; give one address, HOST:PORT or unix:///PATH"
            )
        if credentials is not None and len(addresses) > 1:
            raise InvalidRequest(
                "certificates are checked against one name: give dns:///NAME:PORT, a name that the"
                " certificates of all the boards have, in place of several addresses"
            )
        self._lease = lease_for(shared_memory)
        self._metadata = _authorization(token)
        here = all(map(is_on_this_machine, addresses))
        if token and credentials is None and not here:
            if not insecure:
                raise InvalidRequest(
                    f"the token would be sent to {self.address} without encryption, where others"
                    " can read it; give certificates (credentials= or --ca), or allow it"
                    " (insecure=True or --insecure)"
                )
            log.warning("the token is sent to %s without encryption", self.address)
        self._timeout = timeout
        self._retry_for = retry_for
        self._channels = DaemonChannels(addresses, credentials)
        self._streams: set[StreamCall] = set()
        self._met_other_model = False

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
        self._channels.refuse_calls()
        if FORK_GUARD.forked:  # the calls and the channel belong to the parent
            return
        for call in tuple(self._streams):  # older grpcio does not end them with the channel
            call.cancel()
        await self._channels.close()
        if self._lease is not None:
            self._lease.close()

    # `timeout` becomes gRPC's deadline, which is sent to the daemon; asyncio's is not.
    async def info(self, *, timeout: float | None = None) -> ServerInfo:  # noqa: ASYNC109
        """What the daemon is, serves and accepts.

        Args:
            timeout: Replaces the client's, in seconds.
        """
        return await retry.call(
            self._fetch_info, self._timeout_or_default(timeout), self._new_backoff()
        )

    @show_options
    async def segment(
        self,
        image: Frame | ImageLike | FrameBuffer,
        *,
        timeout: float | None = None,  # noqa: ASYNC109
        **options: Unpack[Options],
    ) -> Result:
        """Segments one image. The other keywords are described in `Options`.

        Args:
            image: A path, an encoded picture, pixels, a raw frame, or a `Frame` with its capture
                time; see `ImageLike`.
            timeout: Replaces the client's, in seconds.
        """
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

        others = 0  # how many results came from other models than the one that was asked for ids

        async def attempt(deadline: Deadline) -> pb.SegmentImageResponse:
            nonlocal others
            if slot is not None and not slot.region.alive:
                copy_into_message(request.frame, slot)
            if others and others % _TRIES_PER_INFO == 0:
                info = await self._fetch_info(deadline)
                request.options.CopyFrom(options_message(checked, info))
            stub = await self._channels.segmenting(deadline)
            request.frame.age_us = age.microseconds()
            call = stub.SegmentImage(request, timeout=deadline.left(), metadata=self._metadata)
            response = require_response(await call)
            try:
                require_classes(checked, request.options.classes, response.segmentation)
            except OtherModel:
                others += 1
                raise
            return response

        try:
            response = await retry.call(
                attempt, self._timeout_or_default(timeout), self._new_backoff()
            )
            reader = ResultReader(
                checked["outputs"], request.options.classes, covers_frame=covers_frame(checked)
            )
            return reader.read(response)
        finally:
            if slot is not None:
                slot.release()

    async def frame_buffer(
        self,
        width: int,
        height: int,
        pixel_format: RawFormat = "rgb",
        *,
        padded_to: tuple[int, int] | None = None,
        yuv_range: YuvRange = "limited",
        yuv_matrix: YuvMatrix = "bt601",
    ) -> FrameBuffer:
        """A raw frame to fill in place and send once; in shared memory if a slot is free.

        Args:
            width: The width of the picture, in pixels.
            height: The height of the picture, in pixels.
            pixel_format: How its pixels are stored; see `RawFormat`.
            padded_to: The stride in bytes and the rows of luma, if the buffer has padding.
            yuv_range: The values that Y, U and V use; see `YuvRange`.
            yuv_matrix: The colours that Y, U and V stand for; see `YuvMatrix`.
        """
        return FrameBuffer(
            width,
            height,
            pixel_format,
            await self._leased_region(None),
            padded_to=padded_to,
            yuv_range=yuv_range,
            yuv_matrix=yuv_matrix,
        )

    @show_options
    def stream(
        self,
        frames: Iterable[FrameInput] | AsyncIterable[FrameInput],
        *,
        policy: Policy | None = None,
        priority: Priority = "normal",
        in_flight: int | None = None,
        reuse: Reuse = "off",
        reuse_threshold: float | None = None,
        reuse_max_age: float | None = None,
        name: str = "",
        **options: Unpack[Options],
    ) -> AsyncGenerator[FrameAnswer, None]:
        """Segments frames as they come; each gets exactly one answer, with the frame's id.

        A frame that fails gets an answer that is not `ok`; it does not raise an error here.

        If the connection breaks, the client connects again. With `every` it sends the frames that
        had no answer once more; with `latest` it answers them `unavailable`. If no daemon can be
        reached for `retry_for` seconds, `Unavailable` is raised.

        Closing the generator cancels the call. The other keywords are described in `Options`.

        Args:
            frames: The images, see `ImageLike`, or `Frame`s with an id and a capture time. May be
                endless. A thread iterates over it, or the event loop if it is asynchronous.
            policy: What happens if frames come faster than they are segmented; see `Policy`. The
                default is that of a `Source`; `every` for a list or another collection, whose
                frames cannot grow old; and `latest` for everything else, such as a generator that
                reads a camera.
            priority: The share of the turns while other streams wait too; see `Priority`.
            in_flight: How many frames are taken from `frames` whose answers the caller has not
                taken, at most. The default is 8, with `latest` 64.
            reuse: Whether a frame may get the result of an earlier frame of the stream; see
                `Reuse`. `Result.reused_from_frame_id` names that frame.
            reuse_threshold: With `unchanged`: by how much a block of the picture may differ, as the
                mean of its pixel values; more than 0, at most 64. The default is 4.
            reuse_max_age: With `unchanged`: how long a result may be reused, in seconds; at most
                60. The default is 1.
            name: A name for the stream, such as the camera's, for the daemon's log and metrics; at
                most 64 printable characters.
        """
        if is_one_frame(frames):
            raise InvalidRequest("give the frames in a list or another iterable: stream([frame])")
        policy = policy or policy_for(frames)
        message = stream_message(policy, priority, reuse, reuse_threshold, reuse_max_age)
        checked = check_options(options)
        metadata = (*self._metadata, *name_metadata(name))
        limit = _MAX_IN_FLIGHT[policy] if in_flight is None else in_flight
        if limit < 1:
            raise InvalidRequest(f"in_flight is at least 1, not {limit}")
        return FrameStream(
            connect=lambda within: self._connect(message, checked, metadata, within),
            handshake_timeout=HandshakeTimeout(self._timeout),
            require_open=self._channels.require_open,
            frames=pull(
                frames,
                FrameEncoder(checked.get("pixel_format", "rgb"), self._current_region).encode,
            ),
            in_flight=InFlight(newest_only=policy == "latest"),
            limit=limit,
            in_order=policy == "every",
            reader=ResultReader(checked["outputs"], covers_frame=covers_frame(checked)),
            backoff=self._new_backoff(),
        ).answers()

    async def _connect(
        self,
        message: pb.StreamOptions,
        options: Options,
        metadata: tuple[tuple[str, str], ...],
        within: float | None,
    ) -> Connection:
        """Opens a stream with these metadata; each step may take `within` seconds.

        Asks for the server's info each time, because after a lost connection the daemon may be
        another one. Where calls go to two daemons in turn, one that was asked and another that took
        the stream would alternate for ever; so after that one is asked twice.
        """
        if self._met_other_model:
            self._met_other_model = False
            await self._fetch_info(Deadline(within))
        info = await self._fetch_info(Deadline(within))
        region = None
        if self._lease is not None:
            region = await self._lease.renew(info.shared_memory_socket)
        message.segmentation.CopyFrom(options_message(options, info))
        wanted = tuple(message.segmentation.classes)
        for _ in range(_TRIES_PER_INFO):
            stub = await self._channels.segmenting(Deadline(within))
            call = stub.Segment(metadata=metadata)
            self._streams.add(call)
            call.add_done_callback(self._streams.discard)
            found = await perform_handshake(call, message, within)
            if has_ids_of(info, options, found):
                named = needs_info(options)
                require = partial(self._require_classes, options, wanted) if named else None
                return Connection(call, info.max_frame_bytes, region, wanted, require)
            call.cancel()
        raise OtherModel(
            f"{self.address} leads to daemons with different models: one was asked for its classes,"
            f" and others, such as one with {found}, take the stream"
        )

    def _require_classes(
        self, options: Options, wanted: tuple[int, ...], found: pb.Segmentation
    ) -> None:
        try:
            require_classes(options, wanted, found)
        except OtherModel:
            self._met_other_model = True
            raise

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

    async def _fetch_info(self, deadline: Deadline) -> ServerInfo:
        try:
            stub = await self._channels.asking(deadline)
            with call_errors():
                call = stub.GetServerInfo(
                    pb.GetServerInfoRequest(), timeout=deadline.left(), metadata=self._metadata
                )
                return read_info(require_response(await call))
        except Expired as error:  # the daemon answers this call at once, so it did not get it
            raise Unavailable(f"no answer from {self.address}: {error}") from error

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
