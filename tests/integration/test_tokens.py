"""Tokens, with the real daemon: who needs one, what for, and until when."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from edgeseg.inference import open_inference_pb2 as oip
from edgeseg.inference import open_inference_pb2_grpc as oip_grpc
from edgeseg_client import AccessDenied, Client
from support.access import add_token, edgesegd
from support.running_daemon import Launch, RunningDaemon

SECONDS = 30.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tokens")


@pytest.fixture(scope="module")
def tokens(folder: Path) -> dict[str, str]:
    """A token for each scope."""
    file = folder / "tokens.json"
    return {scope: add_token(file, scope, "--scope", scope) for scope in SCOPES}


SCOPES = ("infer", "models", "metrics")


@pytest.fixture(scope="module")
def guarded(folder: Path, tokens: dict[str, str]) -> Iterator[RunningDaemon]:
    assert tokens
    flags = (f"--tokens={folder / 'tokens.json'}", f"--listen=unix://{folder}/grpc.sock")
    with RunningDaemon(*flags, "--oip-repository=allow", "--log-level=debug") as running:
        yield running


def client_of(address: str, token: str | None) -> Client:
    return Client(address, token=token, timeout=SECONDS)


def metrics_of(
    running: RunningDaemon, token: str | None, path: str = "/metrics"
) -> tuple[int, str]:
    """The HTTP status of the page, and what stands on it."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    url = running.metrics_url.removesuffix("/metrics") + path
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=SECONDS
        ) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize("token", [None, "secret", "edgeseg_0123456789ab_" + "0" * 64])
def test_a_call_without_a_valid_token_is_refused(
    guarded: RunningDaemon, token: str | None, jpeg: bytes
) -> None:
    with client_of(guarded.address, token) as client, pytest.raises(AccessDenied) as denied:
        client.segment(jpeg)
    assert "edgesegd tokens add" in str(denied.value)


def test_a_wrong_secret_for_a_known_identity_is_refused(
    guarded: RunningDaemon, tokens: dict[str, str], jpeg: bytes
) -> None:
    right = tokens["infer"]
    wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
    with client_of(guarded.address, wrong) as client, pytest.raises(AccessDenied):
        client.segment(jpeg)
    with client_of(guarded.address, right) as client:
        assert client.segment(jpeg).labels.any()


def test_a_stream_with_a_token_is_served_and_one_without_is_not(
    guarded: RunningDaemon, tokens: dict[str, str], jpeg: bytes
) -> None:
    with client_of(guarded.address, tokens["infer"]) as client:
        assert [answer.labels.any() for answer in client.stream([jpeg] * 3)] == [True] * 3
    with client_of(guarded.address, None) as client, pytest.raises(AccessDenied):
        list(client.stream([jpeg]))


@pytest.mark.parametrize("scope", ["models", "metrics"])
def test_a_token_for_something_else_does_not_segment(
    guarded: RunningDaemon, tokens: dict[str, str], scope: str, jpeg: bytes
) -> None:
    with client_of(guarded.address, tokens[scope]) as client, pytest.raises(AccessDenied) as denied:
        client.segment(jpeg)
    assert f"is not for infer (it is for {scope})" in str(denied.value)


@pytest.mark.parametrize(
    ("scope", "code"),
    [("infer", grpc.StatusCode.PERMISSION_DENIED), ("models", grpc.StatusCode.NOT_FOUND)],
)
def test_loading_a_model_needs_a_token_for_models(
    guarded: RunningDaemon, tokens: dict[str, str], scope: str, code: grpc.StatusCode
) -> None:
    with grpc.insecure_channel(guarded.address) as channel:
        service = oip_grpc.GRPCInferenceServiceStub(channel)
        request = oip.RepositoryModelLoadRequest(model_name="no-such-model")
        with pytest.raises(grpc.RpcError) as refused:
            service.RepositoryModelLoad(request, metadata=metadata(tokens[scope]), timeout=SECONDS)
        assert refused.value.code() is code


def metadata(token: str) -> tuple[tuple[str, str]]:
    return (("authorization", f"Bearer {token}"),)


def test_health_is_public_and_reflection_needs_any_token(
    guarded: RunningDaemon, tokens: dict[str, str]
) -> None:
    with grpc.insecure_channel(guarded.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        answer = health.Check(health_pb2.HealthCheckRequest(), timeout=SECONDS)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        with pytest.raises(grpc.RpcError) as refused:
            list(reflection.ServerReflectionInfo(iter([request]), timeout=SECONDS))
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        for scope in SCOPES:
            found = reflection.ServerReflectionInfo(
                iter([request]), metadata=metadata(tokens[scope]), timeout=SECONDS
            )
            assert next(found).list_services_response.service


def test_a_unix_socket_needs_no_token(guarded: RunningDaemon, folder: Path, jpeg: bytes) -> None:
    with client_of(f"unix://{folder}/grpc.sock", None) as client:
        assert client.segment(jpeg).labels.any()


def test_the_metrics_need_a_token_for_metrics(
    guarded: RunningDaemon, tokens: dict[str, str]
) -> None:
    assert metrics_of(guarded, None)[0] == 401
    assert metrics_of(guarded, "secret")[0] == 401
    assert metrics_of(guarded, tokens["infer"])[0] == 403
    status, page = metrics_of(guarded, tokens["metrics"])
    assert status == 200
    assert 'edgeseg_calls_refused_total{reason="unauthenticated"}' in page
    assert 'edgeseg_calls_refused_total{reason="forbidden"}' in page


def test_health_over_http_needs_no_token_unless_the_operator_wants_that(
    guarded: RunningDaemon, tokens: dict[str, str], folder: Path, launch: Launch
) -> None:
    for path in ("/healthz", "/readyz"):
        assert metrics_of(guarded, None, path) == (200, "ok\n")
    private = launch(f"--tokens={folder / 'tokens.json'}", "--public=none")
    for path in ("/healthz", "/readyz"):
        assert metrics_of(private, None, path)[0] == 401
        assert metrics_of(private, tokens["infer"], path)[0] == 403
        assert metrics_of(private, tokens["metrics"], path) == (200, "ok\n")


def test_no_token_is_in_the_log_or_in_the_file(
    guarded: RunningDaemon, tokens: dict[str, str], folder: Path, jpeg: bytes
) -> None:
    for token in tokens.values():
        with client_of(guarded.address, token) as client, contextlib.suppress(AccessDenied):
            client.segment(jpeg)
    kept = (folder / "tokens.json").read_text()
    assert (folder / "tokens.json").stat().st_mode & 0o777 == 0o600
    for token in tokens.values():
        secret = token.rpartition("_")[2]
        assert secret not in kept
        assert not [line for line in guarded.output if secret in line]


def test_the_first_token_closes_a_running_daemon_and_revoking_it_opens_nothing(
    launch: Launch, tmp_path: Path, jpeg: bytes
) -> None:
    file = tmp_path / "tokens.json"
    running = launch(f"--data-dir={tmp_path}", "--tokens=")
    with client_of(running.address, None) as client:
        assert client.segment(jpeg).labels.any()
        token = add_token(file, "robot")
        with pytest.raises(AccessDenied):
            client.segment(jpeg)
    with client_of(running.address, token) as client:
        assert client.segment(jpeg).labels.any()
        assert edgesegd("tokens", "revoke", "robot", "--tokens", file).returncode == 0
        with pytest.raises(AccessDenied, match="no such token"):
            client.segment(jpeg)
    with client_of(running.address, None) as client, pytest.raises(AccessDenied):
        client.segment(jpeg)


def until_it_ends(client: Client, jpeg: bytes, change: Callable[[], object]) -> int:
    """The answers of a stream, where `change` is made after the third."""
    ended = threading.Event()

    def pictures() -> Iterator[bytes]:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until and not ended.wait(0.1):
            yield jpeg

    answered = 0
    try:
        for answer in client.stream(pictures(), policy="every"):
            assert answer.labels.any()
            answered += 1
            if answered == 3:
                change()
            if answered == ENOUGH:
                ended.set()
    finally:
        ended.set()
    return answered


ENOUGH = 40
"""Answers after which a token counts as valid still."""


@pytest.mark.parametrize("how", ["revoked", "expired", "deleted"])
def test_an_open_stream_ends_with_its_token(
    launch: Launch, tmp_path: Path, jpeg: bytes, how: str
) -> None:
    file = tmp_path / "tokens.json"
    days = (f"--days={4 / 86_400}",) if how == "expired" else ()
    token = add_token(file, "camera", *days)
    changes: dict[str, Callable[[], object]] = {
        "revoked": lambda: edgesegd("tokens", "revoke", "camera", "--tokens", file),
        "expired": lambda: None,
        "deleted": file.unlink,
    }
    running = launch(f"--tokens={file}")
    with (
        client_of(running.address, token) as client,
        pytest.raises(AccessDenied, match=r"'camera'|no such token"),
    ):
        until_it_ends(client, jpeg, changes[how])


def test_a_stream_that_was_opened_before_the_first_token_ends(
    launch: Launch, tmp_path: Path, jpeg: bytes
) -> None:
    running = launch(f"--data-dir={tmp_path}", "--tokens=")
    with (
        client_of(running.address, None) as client,
        pytest.raises(AccessDenied, match="asks for a token"),
    ):
        until_it_ends(client, jpeg, lambda: add_token(tmp_path / "tokens.json", "robot"))


def test_a_file_of_tokens_that_is_damaged_later_changes_nothing(
    launch: Launch, tmp_path: Path, jpeg: bytes
) -> None:
    file = tmp_path / "tokens.json"
    token = add_token(file, "camera")
    running = launch(f"--tokens={file}")
    with client_of(running.address, token) as client:
        assert until_it_ends(client, jpeg, lambda: file.write_text("[")) >= ENOUGH
    assert any("the tokens stay as they were" in line for line in running.output)


def test_commands_for_tokens_say_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    add_token(file, "robot", "--scope=infer", "--scope=metrics", "--days=2")
    cases = {
        ("add", "robot"): "there is a token 'robot' already",
        ("add", "with space"): "cannot be the name of a token",
        ("add", "late", "--days=0"): "--days is more than 0",
        ("revoke", "nobody"): "there is no token 'nobody'",
    }
    for arguments, complaint in cases.items():
        done = edgesegd("tokens", *arguments, "--tokens", file)
        assert done.returncode == 3
        assert complaint in done.stderr
    listed = json.loads(edgesegd("tokens", "list", "--json", "--tokens", file).stdout)
    assert [(each["name"], each["scopes"]) for each in listed] == [("robot", ["infer", "metrics"])]
    assert "expires" in edgesegd("tokens", "list", "--tokens", file).stdout
    file.write_text("{}")
    assert edgesegd("tokens", "list", "--tokens", file).returncode == 3
    missing = edgesegd("serve", "--listen=127.0.0.1:0", f"--tokens={tmp_path / 'none.json'}")
    assert missing.returncode == 3
    assert "there is no file of tokens" in missing.stderr


def test_a_list_says_that_a_daemon_would_not_start_without_the_file(tmp_path: Path) -> None:
    """And not that clients need no token."""
    file = tmp_path / "tokens.json"
    in_folder = ("tokens", "list", "--data-dir", tmp_path)
    nothing = edgesegd(*in_folder)
    assert (nothing.returncode, nothing.stderr) == (0, "")
    assert "clients need none" in nothing.stdout
    missing = edgesegd("tokens", "list", "--tokens", file)
    assert (missing.returncode, missing.stdout) == (3, "")
    assert "there is no file of tokens" in missing.stderr
    add_token(file, "robot")
    file.unlink()
    for arguments in (in_folder, (*in_folder, "--json")):
        lost = edgesegd(*arguments)
        assert (lost.returncode, lost.stdout) == (3, "")
        assert f"{file} is gone: restore it" in lost.stderr


def test_tokens_that_are_added_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    threads = [threading.Thread(target=add_token, args=(file, f"t{number}")) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    listed = json.loads(edgesegd("tokens", "list", "--json", "--tokens", file).stdout)
    assert {each["name"] for each in listed} == {"t0", "t1", "t2", "t3"}
