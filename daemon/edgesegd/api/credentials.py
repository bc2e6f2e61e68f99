"""TLS for gRPC, whose certificates may be replaced while it serves."""

from __future__ import annotations

import grpc

from edgesegd.access.certificates import Certificates, Loaded


def server_credentials(certificates: Certificates) -> grpc.ServerCredentials:
    """Credentials that ask for the certificates that are in force at each handshake."""
    used = certificates.current()

    def changed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal used
        found = certificates.current()
        if found is used:
            return None
        used = found
        return _configuration(found)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(used),
        changed,  # type: ignore[arg-type]  # None says that nothing has changed
        require_client_authentication=used.client_ca is not None,
    )


def _configuration(loaded: Loaded) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(loaded.key, loaded.certificate)], root_certificates=loaded.client_ca
    )
