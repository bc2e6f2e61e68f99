"""Sends pictures to a daemon from a thread, for as long as an element runs."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Final, Generic, TypeVar

import grpc

from edgeseg_client import (
    Client,
    ClientClosed,
    EdgesegClientError,
    Expired,
    Frame,
    FrameAnswer,
    Overloaded,
    ServerFault,
    Status,
    Unavailable,
    WrongAddress,
)
from edgeseg_gstreamer.jobs import Job, Listener
from edgeseg_gstreamer.no_mask import NoMask
from edgeseg_gstreamer.settings import Policy, Settings

_RETRY_SECONDS: Final = 1.0
"""How long the client itself tries again, before the daemon counts as away."""
_PAUSE_SECONDS: Final = 0.5
"""Between two attempts of such a length."""
_STOP_SECONDS: Final = 10.0
_IN_FLIGHT: Final[dict[Policy, int]] = {"latest": 32, "every": 8}
_INCONCLUSIVE: Final = (Status.SUPERSEDED, Status.EXPIRED)
"""Statuses that do not show that the daemon works: the client itself gives them without one."""
_REASONS: Final = {
    Status.SUPERSEDED: NoMask.SUPERSEDED,
    Status.EXPIRED: NoMask.EXPIRED,
    Status.UNAVAILABLE: NoMask.AWAY,
}
_log: Final = logging.getLogger(__name__)

_Job = TypeVar("_Job", bound=Job)


class Segmenter(Generic[_Job]):
    """Segments jobs with the daemon that `settings` name, and says what became of each.

    With `latest` a daemon that does not answer for a second is away, and jobs get no masks until it
    answers. With `every` jobs wait for it for `settings.retry_for` seconds before that.
    """

    def __init__(self, settings: Settings, policy: Policy, listener: Listener[_Job]) -> None:
        self._settings = settings
        self._policy = policy
        self._listener = listener
        self._changed = threading.Condition()
        self._unsent: deque[_Job] = deque()
        self._sent: dict[int, _Job] = {}
        self._client: Client | None = None
        self._connections = 0
        self._failing_since: float | None = None
        self._away = self._stopped = False
        self._ever_connected = self._reported = False
        self._thread = threading.Thread(target=self._serve, name="edgeseg-gstreamer", daemon=True)
        self._thread.start()

    def submit(self, job: _Job) -> bool:
        """Takes a job; False if the daemon is away, or it has stopped.

        With `latest` it supersedes one that has not been sent.
        """
        with self._changed:
            if self._away or self._stopped:
                return False
            superseded = []
            if self._policy == "latest":
                superseded = list(self._unsent)
                self._unsent.clear()
            self._unsent.append(job)
            self._changed.notify_all()
        for older in superseded:
            self._listener.on_no_mask(older.key, NoMask.SUPERSEDED, "a newer picture came")
        return True

    def forget(self) -> None:
        """Does not send what has not been answered; says nothing about it any more."""
        with self._changed:
            self._unsent.clear()
            self._sent.clear()

    def stop(self) -> None:
        """Ends the thread and the connection; waits for that at most some seconds."""
        with self._changed:
            self._stopped = True
            self._unsent.clear()
            client = self._client
            self._changed.notify_all()
        if client is not None:
            client.close()
        if threading.current_thread() is not self._thread:
            self._thread.join(_STOP_SECONDS)
            if self._thread.is_alive():
                _log.warning("the thread of edgeseg does not end")

    def _serve(self) -> None:
        while not self._stopped:
            try:
                with self._connect() as client, contextlib.closing(self._stream(client)) as answers:
                    for answer in answers:
                        self._answered(answer)
            except (Unavailable, Overloaded, Expired, ServerFault) as error:
                if isinstance(error, WrongAddress) and not self._ever_connected:
                    self._refused(error)
                    return
                self._lost(error)
            except ClientClosed:
                return
            except Exception as error:  # noqa: BLE001  # the element reports it
                if not isinstance(error, EdgesegClientError | OSError):
                    _log.exception("edgeseg ends")
                self._refused(error)
                return

    def _connect(self) -> Client:
        settings = self._settings
        credentials = None
        if settings.ca:
            credentials = grpc.ssl_channel_credentials(Path(settings.ca).read_bytes())
        client = Client(
            settings.server,
            token=settings.token,
            credentials=credentials,
            retry_for=_RETRY_SECONDS,
            shared_memory=settings.shared_memory,
        )
        with self._changed:
            self._client = client
            stopped = self._stopped
        if stopped:
            client.close()
        return client

    def _stream(self, client: Client) -> Generator[FrameAnswer, None, None]:
        settings = self._settings
        return client.stream(
            self._frames(self._connections),
            policy=self._policy,
            in_flight=_IN_FLIGHT[self._policy],
            outputs=("labels",),
            size=settings.size,
            resize=settings.resize,
            classes=settings.classes,
            model=settings.model,
            max_age=settings.max_age,
        )

    def _frames(self, connection: int) -> Iterator[Frame]:
        """The jobs as frames, until another connection takes over.

        The client asks for the first one when the daemon has accepted the options.
        """
        self._connected()
        while (job := self._next(lambda: connection != self._connections)) is not None:
            with job.opened() as image:
                yield Frame(image, id=job.key, captured_unix_ns=job.captured_unix_ns)

    def _next(self, superseded: Callable[[], bool]) -> _Job | None:
        with self._changed:
            self._changed.wait_for(lambda: self._unsent or self._stopped or superseded())
            if self._stopped or superseded():
                return None
            job = self._unsent.popleft()
            self._sent[job.key] = job
            return job

    def _connected(self) -> None:
        """Takes jobs again: only their answers show whether the daemon has an engine."""
        with self._changed:
            self._away = False
            self._ever_connected = True

    def _answered(self, answer: FrameAnswer) -> None:
        with self._changed:
            job = self._sent.pop(answer.frame_id, None)
        if answer.status is Status.UNAVAILABLE:
            self._unavailable(job, answer.message)
        elif answer.status not in _INCONCLUSIVE:
            self._works()
        if job is None:
            return
        if answer.ok:
            self._listener.on_result(job, answer.result)
        else:
            reason = _REASONS.get(answer.status, NoMask.FAILED)
            self._listener.on_no_mask(job.key, reason, answer.message)

    def _works(self) -> None:
        """Says that the daemon answers, if it did not before."""
        with self._changed:
            is_first, self._reported = not self._reported, True
            self._failing_since = None
        if is_first:
            self._listener.on_back()

    def _unavailable(self, job: _Job | None, message: str) -> None:
        """Raises `Unavailable` for a frame that the daemon cannot segment now: its job is kept.

        With `latest` only once this has lasted for `_RETRY_SECONDS`. Before, the job is one that
        was lost with a connection, and the client has connected again.
        """
        with self._changed:
            now = time.monotonic()
            if self._failing_since is None:
                self._failing_since = now
            lasts = now - self._failing_since >= _RETRY_SECONDS
            if job is not None and (lasts or self._policy == "every"):
                self._sent[job.key] = job
        if lasts or self._policy == "every":
            raise Unavailable(message)

    def _lost(self, error: Exception) -> None:
        """Sends what has no answer again, or gives it up; then waits a little."""
        with self._changed:
            self._connections += 1
            self._reported = False
            now = time.monotonic()
            if self._failing_since is None:
                self._failing_since = now
            waiting = sorted((*self._sent.values(), *self._unsent), key=lambda job: job.key)
            self._sent.clear()
            self._unsent.clear()
            in_time = now - self._failing_since < self._settings.retry_for
            if self._policy == "every" and in_time:
                self._unsent.extend(waiting)
                waiting = []
            else:
                self._away = True
            self._changed.notify_all()
        self._listener.on_away(str(error))
        for job in waiting:
            self._listener.on_no_mask(job.key, NoMask.AWAY, str(error))
        with self._changed:
            self._changed.wait_for(lambda: self._stopped, _PAUSE_SECONDS)

    def _refused(self, error: Exception) -> None:
        with self._changed:
            self._stopped = True
            self._connections += 1
            self._changed.notify_all()
        self._listener.on_refused(error)
