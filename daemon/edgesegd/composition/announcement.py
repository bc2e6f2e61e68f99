"""Announces the daemon in its network, if that is configured."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from edgesegd.config import ANNOUNCE_HOSTNAME, Config
from edgesegd.core.errors import ConfigError
from edgesegd.discovery.instance_name import check_instance_name, name_of_this_machine
from edgesegd.discovery.reachable import Listening, for_others, listening
from edgesegd.discovery.txt_record import MUTUAL_TLS, NO_TLS, TLS, Facts, txt_pairs
from edgesegd.serving.registry import ModelRegistry
from edgesegd.version import __version__

if TYPE_CHECKING:
    from edgesegd.discovery.announcer import Announcer


class Announcement:
    """What other machines are told of the daemon's `models`; nothing without the option.

    Raises ConfigError if the daemon cannot be announced: zeroconf is missing, the name is wrong, or
    no other machine can reach the daemon.
    """

    def __init__(self, config: Config, models: ModelRegistry) -> None:
        self._config = config
        self._models = models
        self._announcer: Announcer | None = None
        if config.announce:
            self._name = _checked_name(config.announce)
            self._announcer_type = _load_announcer()
            _require_reachable(config.listen)

    def start(self, addresses: Sequence[str], metrics: str) -> None:
        """Announce the addresses at which the daemon listens.

        `metrics` is that of the metrics, empty if there are none.
        """
        where = listening(addresses)
        if not self._config.announce or where is None:
            return
        metrics_at = listening([metrics]) if metrics else None
        self._announcer = self._announcer_type(
            self._name, where, describe=partial(self._describe, where, metrics_at)
        )
        self._announcer.start()

    def changed(self) -> None:
        """A model, its version, or what runs it has changed."""
        if self._announcer is not None:
            self._announcer.changed()

    async def close(self) -> None:
        """Say goodbye; may be called twice."""
        announcer, self._announcer = self._announcer, None
        if announcer is not None:
            await announcer.close()

    def _describe(
        self, where: Listening, metrics: Listening | None, own: Sequence[str]
    ) -> dict[str, str]:
        models = list(self._models)
        engine = models[0].ready() if models else None
        reachable = metrics if metrics is not None and metrics.covers(where, own) else None
        return txt_pairs(
            Facts(
                version=__version__,
                models=[(model.name, model.spec.version) for model in models],
                delegate="" if engine is None else engine.delegate,
                degraded=any(model.degraded() for model in models),
                tls=self._tls,
                metrics_port=None if reachable is None else reachable.port,
            )
        )

    @property
    def _tls(self) -> str:
        if not self._config.tls_cert:
            return NO_TLS
        return MUTUAL_TLS if self._config.tls_client_ca else TLS


def _checked_name(announce: str) -> str:
    if announce == ANNOUNCE_HOSTNAME:
        return name_of_this_machine()
    return check_instance_name(announce)


def _load_announcer() -> type[Announcer]:
    """Import it here, so that daemons that are not announced need no zeroconf."""
    try:
        from edgesegd.discovery.announcer import Announcer  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name not in ("zeroconf", "ifaddr"):
            raise
        raise ConfigError(
            f"announce needs {error.name}: pip install 'edgeseg[discovery]', or on Debian apt "
            "install python3-zeroconf"
        ) from None
    return Announcer


def _require_reachable(addresses: Sequence[str]) -> None:
    if not for_others(addresses):
        raise ConfigError(
            f"announce: no other machine can reach {', '.join(addresses)}; add --listen with an "
            "address of this board's network, such as 0.0.0.0:8460"
        )
