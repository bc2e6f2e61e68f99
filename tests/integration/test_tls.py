"""TLS, with the real daemon: who can connect, and certificates that change while it serves."""

from __future__ import annotations

import grp
import os
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeseg_client import Client, InvalidRequest, Unavailable
from edgesegd.access.certificates import Certificates, TlsFiles
from support.access import CertificateFolder, add_token, edgesegd
from support.landlock import NEEDS_NAMESPACES
from support.running_daemon import Launch, RunningDaemon

SECONDS = 30.0
TOKEN = "secret"  # noqa: S105 # of no daemon

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl makes the certificates: apt install openssl"
)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> CertificateFolder:
    return CertificateFolder.make(tmp_path_factory.mktemp("tls"), "robot")


@pytest.fixture(scope="module")
def encrypted(certificates: CertificateFolder) -> Iterator[RunningDaemon]:
    with RunningDaemon(*certificates.flags) as running:
        yield running


def client_of(running: RunningDaemon, certificates: CertificateFolder, own: str = "") -> Client:
    return Client(
        running.address, credentials=certificates.credentials(own), timeout=SECONDS, retry_for=0
    )


def served_certificate(running: RunningDaemon) -> str:
    host, _, port = running.address.rpartition(":")
    return ssl.get_server_certificate((host, int(port)))


def test_a_client_that_knows_the_authority_is_served(
    encrypted: RunningDaemon, certificates: CertificateFolder, jpeg: bytes
) -> None:
    with client_of(encrypted, certificates) as client:
        assert client.segment(jpeg).labels.any()
        assert [answer.labels.any() for answer in client.stream([jpeg] * 2)] == [True] * 2


def test_a_client_without_tls_or_with_another_authority_is_not_served(
    encrypted: RunningDaemon, certificates: CertificateFolder, tmp_path: Path, jpeg: bytes
) -> None:
    other = CertificateFolder.make(tmp_path)
    with client_of(encrypted, other) as client, pytest.raises(Unavailable):
        client.segment(jpeg)
    with Client(encrypted.address, retry_for=0) as client, pytest.raises(Unavailable):
        client.segment(jpeg)
    with client_of(encrypted, certificates) as client:
        assert client.segment(jpeg).labels.any()


def test_the_command_of_the_client_takes_certificates(
    encrypted: RunningDaemon, certificates: CertificateFolder
) -> None:
    def info(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "edgeseg_client", "info", "--server", encrypted.address]
        return subprocess.run(
            [*command, "--wait=0", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    assert info("--ca", certificates["ca.pem"]).returncode == 0
    own = ("--cert", certificates["robot.pem"], "--key", certificates["robot-key.pem"])
    assert info("--ca", certificates["ca.pem"], *own).returncode == 0
    assert "--ca" in info().stderr
    assert info(*own).returncode == 2
    assert "--key needs --cert" in info("--key", certificates["robot-key.pem"]).stderr


def test_the_metrics_are_served_over_tls_too(
    encrypted: RunningDaemon, certificates: CertificateFolder
) -> None:
    assert encrypted.metrics_url.startswith("https://")
    context = ssl.create_default_context(cafile=str(certificates["ca.pem"]))
    with urllib.request.urlopen(encrypted.metrics_url, timeout=SECONDS, context=context) as page:
        assert b"edgeseg_build_info" in page.read()


def test_silent_connections_do_not_keep_the_metrics_from_others(
    encrypted: RunningDaemon, certificates: CertificateFolder
) -> None:
    """They never begin their handshake."""

    host, _, port = encrypted.metrics_url.split("/")[2].rpartition(":")
    silent = [socket.create_connection((host, int(port))) for _ in range(12)]
    test_the_metrics_are_served_over_tls_too(encrypted, certificates)
    for each in silent:
        each.close()


def test_a_new_certificate_is_taken_without_ending_a_stream(
    launch: Launch, tmp_path: Path, jpeg: bytes
) -> None:
    certificates = CertificateFolder.make(tmp_path)
    running = launch(*certificates.flags)
    before = served_certificate(running)
    answered = 0

    def pictures() -> Iterator[bytes]:
        yield jpeg
        certificates.renew()
        until = time.monotonic() + SECONDS
        while served_certificate(running) == before:
            assert time.monotonic() < until, running.output
            yield jpeg
        yield jpeg

    with client_of(running, certificates) as client:
        for answer in client.stream(pictures(), policy="every"):
            assert answer.labels.any()
            answered += 1
        assert client.segment(jpeg).labels.any()
    assert answered >= 2
    assert served_certificate(running) != before
    with client_of(running, certificates) as client:
        assert client.segment(jpeg).labels.any()


@pytest.mark.parametrize("damage", ["garbage", "another key", "missing"])
def test_a_certificate_that_cannot_be_used_changes_nothing(
    launch: Launch, tmp_path: Path, jpeg: bytes, damage: str
) -> None:
    certificates = CertificateFolder.make(tmp_path, "robot")
    running = launch(*certificates.flags)
    before = served_certificate(running)
    if damage == "garbage":
        certificates["server.pem"].write_text("no certificate")
    elif damage == "another key":
        shutil.copy(certificates["robot-key.pem"], certificates["server-key.pem"])
    else:
        certificates["server.pem"].unlink()
    assert served_certificate(running) == before
    with client_of(running, certificates) as client:
        assert client.segment(jpeg).labels.any()
    assert any("the certificate stays as it was" in line for line in running.output)
    certificates.renew()
    assert served_certificate(running) != before


def test_with_an_authority_for_clients_only_its_clients_are_served(
    launch: Launch, certificates: CertificateFolder, tmp_path: Path, jpeg: bytes
) -> None:
    strangers = CertificateFolder.make(tmp_path, "stranger")
    running = launch(*certificates.flags, f"--tls-client-ca={certificates['ca.pem']}")
    with client_of(running, certificates, "robot") as client:
        assert client.segment(jpeg).labels.any()
    with client_of(running, certificates) as client, pytest.raises(Unavailable):
        client.segment(jpeg)
    shutil.copy(certificates["ca.pem"], strangers["ca.pem"])
    with client_of(running, strangers, "stranger") as client, pytest.raises(Unavailable):
        client.segment(jpeg)
    context = ssl.create_default_context(cafile=str(certificates["ca.pem"]))
    with pytest.raises(OSError):  # noqa: PT011 # which one depends on the moment
        urllib.request.urlopen(running.metrics_url, timeout=SECONDS, context=context)
    context.load_cert_chain(certificates["robot.pem"], certificates["robot-key.pem"])
    with urllib.request.urlopen(running.metrics_url, timeout=SECONDS, context=context) as page:
        assert page.status == 200


WIDE = "--listen=0.0.0.0:0"


def test_an_address_that_others_can_reach_needs_tls_and_a_token(
    certificates: CertificateFolder, tmp_path: Path
) -> None:
    file = tmp_path / "tokens.json"
    add_token(file, "robot")
    tokens = f"--tokens={file}"
    refused = {
        (WIDE,): ("TLS", "a token", "--insecure"),
        (WIDE, tokens): ("TLS",),
        (WIDE, *certificates.flags): ("a token",),
        ("--listen=127.0.0.1:0", "--metrics-listen=0.0.0.0:0"): ("TLS", "a token"),
    }
    for flags, parts in refused.items():
        done = edgesegd("serve", "--metrics-listen=", f"--data-dir={tmp_path / 'data'}", *flags)
        assert done.returncode == 3, flags
        assert done.stderr.count("\n") == 1
        for part in parts:
            assert part in done.stderr, flags
    assert (
        "a token" not in edgesegd("serve", "--metrics-listen=", WIDE, tokens).stderr.split(";")[0]
    )


@pytest.mark.parametrize("kind", ["token", "client certificate", "insecure", "public metrics"])
def test_an_address_that_others_can_reach_is_served_with_both_or_when_insisted(
    launch: Launch, certificates: CertificateFolder, tmp_path: Path, kind: str
) -> None:
    flags: tuple[str, ...] = (WIDE, *certificates.flags)
    if kind == "token":
        add_token(tmp_path / "tokens.json", "robot")
        flags += (f"--tokens={tmp_path / 'tokens.json'}",)
    elif kind == "client certificate":
        flags += (f"--tls-client-ca={certificates['ca.pem']}",)
    elif kind == "public metrics":
        flags = ("--metrics-listen=0.0.0.0:0", "--public=metrics")
    else:
        flags = (WIDE, "--insecure")
    running = launch(*flags)
    warned = [line for line in running.output if "is open to the network" in line]
    assert bool(warned) == (kind == "insecure")


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (("--tls-cert={server.pem}",), "tls_cert and tls_key are given together"),
        (("--tls-client-ca={ca.pem}",), "tls_client_ca needs tls_cert"),
        (("--tls-cert={server.pem}", "--tls-key={robot-key.pem}"), "are not a certificate and its"),
        (("--tls-cert={server.pem}", "--tls-key={server.pem}"), "are not a certificate and its"),
        (("--tls-cert={nothing.pem}", "--tls-key={server-key.pem}"), "cannot read"),
        (
            (
                "--tls-cert={server.pem}",
                "--tls-key={server-key.pem}",
                "--tls-client-ca={robot-key.pem}",
            ),
            "has no certificates",
        ),
        (("--socket-mode=9",), "socket_mode is an octal number"),
        (("--socket-group=no-such-group",), "no group of this machine"),
        (("--socket-group=99999999999",), "no group of this machine"),
        (
            ("--view", "--view-listen=0.0.0.0:0"),
            "can reach 0.0.0.0:0, which lacks TLS",
        ),
        (("--public=everything",), "public is one or more of health"),
        (("--public=none", "--public=metrics"), "public is none, and metrics too"),
    ],
)
def test_wrong_options_of_access_are_errors_with_status_3(
    certificates: CertificateFolder, flags: tuple[str, ...], complaint: str
) -> None:
    given = []
    for flag in flags:
        head, brace, name = flag.partition("{")
        given.append(f"{head}{certificates[name.rstrip('}')]}" if brace else flag)
    done = edgesegd("serve", "--listen=127.0.0.1:0", "--metrics-listen=", *given)
    assert done.returncode == 3
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def test_the_authority_stays_when_the_certificate_is_made_again(tmp_path: Path) -> None:
    certificates = CertificateFolder.make(tmp_path)
    authority = certificates["ca.pem"].read_bytes()
    certificates.renew()
    assert certificates["ca.pem"].read_bytes() == authority
    for private in ("ca-key.pem", "server-key.pem"):
        assert stat.S_IMODE(certificates[private].stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("ca-key.pem", "ca.pem", "server-key.pem", "server.pem")
    ]
    verified = subprocess.run(
        ["openssl", "verify", "-CAfile", certificates["ca.pem"], certificates["server.pem"]],
        check=False,
        capture_output=True,
    )
    assert verified.returncode == 0


@pytest.mark.skipif(shutil.which("ip") is None, reason="needs ip; on Debian: apt install iproute2")
@NEEDS_NAMESPACES
def test_a_certificate_has_the_addresses_of_a_machine_without_a_router(tmp_path: Path) -> None:
    """As a board that has only its cameras' network: a network namespace."""
    own = "10.231.7.2"
    script = f'ip link set lo up && ip address add {own}/24 dev lo && exec "$@"'
    done = subprocess.run(
        [
            *("unshare", "--user", "--map-root-user", "--net", "sh", "-c", script, "sh"),
            *(sys.executable, "-m", "edgesegd", "tls", "init", f"--folder={tmp_path}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    checked = subprocess.run(
        ["openssl", "x509", "-noout", "-checkip", own, "-in", tmp_path / "server.pem"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "does match certificate" in checked.stdout


def test_whoever_could_read_the_key_can_read_that_of_the_next_certificate(tmp_path: Path) -> None:
    """Such as the daemon of a service, for which root makes the certificates."""
    certificates = CertificateFolder.make(tmp_path)
    key = certificates["server-key.pem"]
    before = key.read_bytes()
    key.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(key, 12345, 54321)
    owner = key.stat()
    certificates.renew()
    assert key.read_bytes() != before
    found = key.stat()
    assert stat.S_IMODE(found.st_mode) == 0o640
    assert (found.st_uid, found.st_gid) == (owner.st_uid, owner.st_gid)
    assert stat.S_IMODE(certificates["ca-key.pem"].stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("client", "robot"), "there is no authority"),
        (("client", "ca"), "cannot be a client's name"),
        (("client", "../robot"), "cannot be a client's name"),
        (("client", "ca-key"), "cannot be a client's name"),
        (("client", "server-key"), "cannot be a client's name"),
        (("init", "--days=0"), "--days is from 1"),
        (("init", "--name=two words"), "is no name and no address"),
        (("init", "--name=fe80::1%eth0"), "is an address on one interface"),
    ],
)
def test_commands_for_certificates_say_what_is_wrong(
    tmp_path: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    done = edgesegd("tls", *arguments, "--folder", tmp_path)
    assert done.returncode == 3
    assert complaint in done.stderr


def test_unix_sockets_get_their_mode_and_their_group(launch: Launch, tmp_path: Path) -> None:
    group = grp.getgrgid(os.getgroups()[0] if os.getgroups() else os.getgid())
    address = f"unix://{tmp_path}/grpc.sock"
    running = launch(f"--listen={address}", "--socket-mode=620", f"--socket-group={group.gr_name}")
    for path in (tmp_path / "grpc.sock", tmp_path / "grpc.sock.memory"):
        found = path.stat()
        assert stat.S_IMODE(found.st_mode) == 0o620
        assert found.st_gid == group.gr_gid
    with Client(address, shared_memory=True) as client:
        assert client.info().models
    assert running.stop() == 0


def test_the_view_is_served_by_a_daemon_with_tls_and_tokens(
    launch: Launch, certificates: CertificateFolder, tmp_path: Path
) -> None:
    add_token(tmp_path / "tokens.json", "robot")
    flags = (*certificates.flags, f"--tokens={tmp_path / 'tokens.json'}")
    running = launch(*flags, "--view", "--view-listen=127.0.0.1:0")
    until = time.monotonic() + SECONDS
    while not (found := [line for line in running.output if line.startswith("view on ")]):
        assert time.monotonic() < until, running.output
        time.sleep(0.05)
    with urllib.request.urlopen(found[0].split()[-1], timeout=SECONDS) as page:
        assert b"edgeseg view" in page.read()


@pytest.mark.parametrize("lost", ["ca.pem", "ca-key.pem"])
def test_half_an_authority_is_not_replaced_by_another(tmp_path: Path, lost: str) -> None:
    certificates = CertificateFolder.make(tmp_path)
    certificates[lost].rename(tmp_path / "elsewhere")
    kept = {path: path.read_bytes() for path in tmp_path.iterdir()}
    done = edgesegd("tls", "init", "--folder", tmp_path)
    assert done.returncode == 3
    assert lost in done.stderr
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == kept


def test_a_certificate_that_has_expired_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = CertificateFolder.make(tmp_path)
    loaded = Certificates(TlsFiles(folder["server.pem"], folder["server-key.pem"]))
    before = loaded.current()
    assert 800 * 86_400 < loaded.expires - time.time() < 850 * 86_400
    folder.renew()
    with monkeypatch.context() as later:
        later.setattr(time, "time", lambda: before.expires + 86_400)
        assert loaded.current() is before
    folder.renew()
    assert loaded.current() is not before


@pytest.mark.parametrize(
    "address",
    [
        *("ipv4:192.0.2.2:1?/localhost:1", "ipv4:192.0.2.2:1#/localhost:1"),
        *("dns:///192.0.2.2:1?x=/127.0.0.1:1", "dns://192.0.2.2/localhost:1"),
        "ipv4:192.0.2.2:1,/127.0.0.1:1",
    ],
)
def test_an_address_that_only_looks_like_this_machine_gets_no_token(address: str) -> None:
    with pytest.raises(InvalidRequest):
        Client(address, token=TOKEN)


@pytest.mark.parametrize("address", ["10.0.0.7:8460", "board.local:8460", "[2001:db8::7]:8460"])
def test_a_token_is_sent_in_the_clear_to_other_machines_only_when_insisted(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InvalidRequest, match="without encryption"):
        Client(address, token=TOKEN)
    assert not caplog.records
    Client(address, token=TOKEN, insecure=True).close()
    assert caplog.messages == [f"the token is sent to {address} without encryption"]


@pytest.mark.parametrize("address", ["127.0.0.1:1", "localhost:1", "[::1]:1", "unix:///run/x"])
def test_a_token_is_sent_within_this_machine(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    Client(address, token=TOKEN).close()
    Client(address, token=TOKEN, insecure=True).close()
    assert not caplog.records
