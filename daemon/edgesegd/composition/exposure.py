"""What protects the daemon's addresses; one that others can reach must be protected."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from edgesegd.access.certificates import Certificates, TlsFiles
from edgesegd.access.keyring import Keyring, find_keyring
from edgesegd.access.token_file import tokens_path
from edgesegd.board.addresses import is_loopback, split_address
from edgesegd.config import METRICS, Config
from edgesegd.core.errors import ConfigError

log = logging.getLogger(__name__)

TLS = "TLS (`edgesegd tls init`, then --tls-cert and --tls-key)"
TOKEN = "a token (`edgesegd tokens add NAME`)"  # noqa: S105 # what is missing


def find_certificates(config: Config) -> Certificates | None:
    """Those that are configured; None to serve without TLS. Raises ConfigError."""
    if bool(config.tls_cert) != bool(config.tls_key):
        raise ConfigError("tls_cert and tls_key are given together")
    if not config.tls_cert:
        if config.tls_client_ca:
            raise ConfigError("tls_client_ca needs tls_cert and tls_key")
        return None
    client_ca = Path(config.tls_client_ca) if config.tls_client_ca else None
    return Certificates(TlsFiles(Path(config.tls_cert), Path(config.tls_key), client_ca))


def find_tokens(config: Config) -> Keyring:
    """The tokens of the configured file; raises ConfigError if it is not there, or damaged."""
    keyring = find_keyring(config.tokens, config.data_dir)
    if keyring.limits_certificates and not config.tls_client_ca:
        log.warning(
            "%s has quotas of certificates, but without --tls-client-ca no client shows one",
            tokens_path(config.tokens, config.data_dir),
        )
    return keyring


def refuse_exposure(config: Config, keyring: Keyring) -> None:
    """Raise ConfigError if an address that others can reach is open to everyone, or in the clear.

    `insecure` allows it; then this is logged.
    """
    for address, missing in _exposed(config, keyring):
        if not config.insecure:
            raise ConfigError(
                f"other machines can reach {address}, which lacks {' and '.join(missing)}; add "
                "what is missing, or --insecure if everyone in that network may use the daemon and "
                "see the pictures"
            )
        if TOKEN in missing:
            lacks = "TLS or a token" if TLS in missing else "a token"
            log.warning(
                "%s is open to the network without %s: everyone who can connect to it can use it",
                address,
                lacks,
            )
        else:
            log.warning("%s is not encrypted: pictures and tokens can be read by others", address)


def _exposed(config: Config, keyring: Keyring) -> Iterator[tuple[str, list[str]]]:
    """The addresses that others can reach and that lack something, and what they lack."""
    no_tls = [] if config.tls_cert else [TLS]
    no_token = [] if keyring.in_force or config.tls_client_ca else [TOKEN]
    needs = [(address, no_tls + no_token) for address in config.listen]
    if config.metrics_listen and METRICS not in config.public:
        needs.append((config.metrics_listen, no_tls + no_token))
    if config.view:
        needs.append((config.view_listen, no_tls))  # its page always has a token there
    for address, missing in needs:
        if not is_loopback(address):
            split_address(address)  # what is no address is another error
            if missing:
                yield address, missing
