"""`edgeseg discover`: what it prints, and its errors."""

from __future__ import annotations

import json
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edgeseg_client.cli import discover, main
from edgeseg_client.cli.daemon_table import daemon_table, describe_change
from edgeseg_client.discovery.found import read_daemon

KITCHEN = read_daemon(
    "kitchen [red]",
    ["10.0.0.2"],
    8460,
    {
        b"version": b"0.9",
        b"models": ",".join(f"model{number}/1" for number in range(20)).encode(),
        b"more_models": b"3",
        b"delegate": b"cpu",
        b"degraded": b"1",
        b"tls": b"mutual",
        b"metrics": b"9460",
    },
)


def test_in_a_pipe_a_daemon_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert KITCHEN is not None
    discover._console().print(daemon_table([KITCHEN, replace(KITCHEN, name="attic")]))
    heading, line, other = capsys.readouterr().out.splitlines()
    assert heading.split() == [
        "name",
        *["address", "version", "models", "delegate", "TLS", "metrics"],
    ]
    assert line.startswith("kitchen [red]  10.0.0.2:8460  0.9      model0/1, model1/1, ")
    assert "model19/1, 3 more  cpu (degraded)  yes, of clients too  port 9460" in line
    assert other.startswith("attic ")


def test_a_change_is_one_line() -> None:
    assert KITCHEN is not None
    line = describe_change("gone", replace(KITCHEN, models=(), more_models=0, metrics_port=None))
    assert line == (
        "gone     kitchen [red] at 10.0.0.2:8460: version 0.9, models -, delegate cpu (degraded), "
        "TLS yes, of clients too, metrics -"
    )


def test_no_daemon_is_an_exit_status_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["discover", "--wait=0", "--json"]) == 3
    out, err = capsys.readouterr()
    assert json.loads(out) == []
    assert err.startswith("edgeseg: no daemon was found within 0 s; `edgesegd serve --announce`")


@pytest.mark.parametrize(
    ("flags", "advice"),
    [
        (["--file-sd", "targets.txt"], "Prometheus does not read targets.txt"),
        (["--file-sd", "/nowhere/targets.json"], "there is no folder /nowhere"),
        (["--file-sd", "folder.json"], "folder.json is a folder"),
        (["--http-sd", "localhost"], "has no port"),
        (["--http-sd", "127.0.0.1:0", "--json"], "with --json say --watch too"),
        (["--http-sd", "127.0.0.1:70000"], "no port from 1 to 65535"),
    ],
)
def test_a_wrong_option_is_an_error(
    flags: list[str],
    advice: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.json").mkdir()
    assert main(["discover", *flags]) == 2
    assert advice in capsys.readouterr().err


def test_a_port_in_use_is_a_clear_error(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main(["discover", f"--http-sd={address}"]) == 2
    assert f"cannot listen on {address}: Address already in use" in capsys.readouterr().err


def test_without_zeroconf_the_command_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delitem(sys.modules, "edgeseg_client.discovery.browser")
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    assert main(["discover", f"--file-sd={tmp_path / 'a.json'}"]) == 2
    assert "pip install 'edgeseg[discovery]'" in capsys.readouterr().err
