"""The client for code without asyncio: `AsyncClient` on an event loop in a background thread."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Sequence
from types import TracebackType
from typing import Self, Unpack

import grpc

from edgeseg_client.aio import DEFAULT_ADDRESS, AsyncClient
from edgeseg_client.answer import FrameAnswer
from edgeseg_client.frame import RawFormat, YuvMatrix, YuvRange
from edgeseg_client.frame_buffer import FrameBuffer
from edgeseg_client.frame_encoder import FrameInput
from edgeseg_client.info import ServerInfo
from edgeseg_client.options import Options, Policy, Priority, Reuse, show_options
from edgeseg_client.result import Result
from edgeseg_client.shared_docstring import with_arguments_of
from edgeseg_client.shared_loop import SharedLoop


@with_arguments_of(AsyncClient)
class Client:
    """Segments images with a daemon. `AsyncClient` is the same for asyncio.

    The client connects with the first call. Close it, best with `with`. Several threads may use
    one client at once. All errors that calls raise are in `edgeseg_client.errors`. After any client
    of a process has made its first call, clients work only in that process: in a child that is
    forked later their calls raise `ForkedProcess`.
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
        self._client = AsyncClient(
            address,
            token=token,
            credentials=credentials,
            insecure=insecure,
            timeout=timeout,
            retry_for=retry_for,
            shared_memory=shared_memory,
        )
        self._loop = SharedLoop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def address(self) -> str:
        """The daemon's address; of several, with commas between them."""
        return self._client.address

    def close(self) -> None:
        """Ends every call and closes the client for good. May be called twice."""
        self._loop.close(self._client.close)

    @with_arguments_of(AsyncClient.info)
    def info(self, *, timeout: float | None = None) -> ServerInfo:
        """What the daemon is, serves and accepts."""
        return self._loop.run(self._client.info(timeout=timeout))

    @with_arguments_of(AsyncClient.segment)
    @show_options
    def segment(
        self,
        image: FrameInput,
        *,
        timeout: float | None = None,
        **options: Unpack[Options],
    ) -> Result:
        """Segments one image. The other keywords are described in `Options`."""
        return self._loop.run(self._client.segment(image, timeout=timeout, **options))

    @with_arguments_of(AsyncClient.frame_buffer)
    def frame_buffer(
        self,
        width: int,
        height: int,
        pixel_format: RawFormat = "rgb",
        *,
        padded_to: tuple[int, int] | None = None,
        yuv_range: YuvRange = "limited",
        yuv_matrix: YuvMatrix = "bt601",
    ) -> FrameBuffer:
        """A raw frame to fill in place and send once; in shared memory if a slot is free."""
        return self._loop.run(
            self._client.frame_buffer(
                width,
                height,
                pixel_format,
                padded_to=padded_to,
                yuv_range=yuv_range,
                yuv_matrix=yuv_matrix,
            )
        )

    @with_arguments_of(AsyncClient.stream)
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
    ) -> Generator[FrameAnswer, None, None]:
        """Segments frames as they come; each gets exactly one answer, with the frame's id.

        A frame that fails gets an answer that is not `ok`; it does not raise an error here. If the
        connection breaks, the client connects again, as `AsyncClient.stream` describes. `frames` is
        iterated over in another thread than the caller's. The other keywords are described in
        `Options`.
        """
        return self._iterate(
            self._client.stream(
                frames,
                policy=policy,
                priority=priority,
                in_flight=in_flight,
                reuse=reuse,
                reuse_threshold=reuse_threshold,
                reuse_max_age=reuse_max_age,
                name=name,
                **options,
            )
        )

    def _iterate(
        self, answers: AsyncGenerator[FrameAnswer, None]
    ) -> Generator[FrameAnswer, None, None]:
        async def following() -> FrameAnswer | None:
            return await anext(answers, None)

        async def closing() -> None:
            await answers.aclose()

        try:
            while (answer := self._loop.run(following())) is not None:
                yield answer
        finally:
            self._loop.run_cleanup(closing())
