"""Daemons that are announced in a network are found there: by Avahi, by us, by Prometheus."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import pytest

import edgesegd
from support.announced_daemons import (
    SECONDS,
    discovering,
    get,
    hosts_with_multicast,
    serving,
    until,
)
from support.avahi import running_avahi
from support.network import DEVICE, FAR, NEAR, Cable

pytestmark = [pytest.mark.system, pytest.mark.slow]

SERVICE = "_edgeseg._tcp"
PROMETHEUS = """
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: edgesegd
    http_sd_configs: [{url: "http://127.0.0.1:9465/", refresh_interval: 1s}]
    relabel_configs:
      - {source_labels: [__meta_edgeseg_name], target_label: instance}
      - {source_labels: [__meta_edgeseg_version], target_label: version}
"""
TAKE_PORT = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
    while True:
        try:
            port.bind(("", 5353))
            break
        except OSError:
            pass
    print("taken", flush=True)
    sys.stdin.read()
"""
"""Takes the port of mDNS as soon as no other program has it, until the end of its input."""


@pytest.fixture
def cable() -> Iterator[Cable]:
    with hosts_with_multicast() as cable:
        yield cable


def edgeseg(host: Sequence[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*host, sys.executable, "-m", "edgeseg_client", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def load(data: Path, name: str) -> None:
    """Make the daemon with that data folder serve the built-in model under one more name."""
    file = Path(edgesegd.__file__).parent / "builtin" / "scenes.tflite"
    subprocess.run(
        [sys.executable, "-m", "edgesegd", "models", "load", f"{name}={file}"],
        env={**os.environ, "EDGESEG_DATA_DIR": str(data)},
        check=True,
        timeout=SECONDS,
    )


def next_event(lines: IO[str]) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(next(iter(lines)))
    return event


def test_avahi_sees_a_daemon_start_change_and_say_goodbye(cable: Cable, tmp_path: Path) -> None:
    """And the board's own Avahi goes on, with the board's name."""
    data = tmp_path / "data"
    with (
        running_avahi(cable.near, tmp_path / "watcher") as avahi,
        running_avahi(cable.far, tmp_path / "board") as other,
        avahi.events(SERVICE) as events,
    ):
        with serving(cable.far, data, "--announce=kitchen") as daemon:
            assert next(events).startswith("+;cable;IPv4;kitchen;_edgeseg._tcp;local")
            line = avahi.wait_for(SERVICE, "kitchen")
            assert f";{FAR};8460;" in line
            for pair in ("txtvers=1", "delegate=cpu", "tls=none", "metrics=9460"):
                assert f'"{pair}"' in line
            assert '"models=scenes/' in line
            load(data, "rooms")
            assert ",rooms/" in avahi.wait_for(SERVICE, ",rooms/")
            assert ",rooms/" in other.wait_for(SERVICE, ",rooms/")
            assert avahi.address_of("board.local") == FAR
            daemon.send_signal(signal.SIGTERM)
            assert next(events).startswith("-;cable;IPv4;kitchen;")
            assert daemon.wait(30) == 0
        assert avahi.services(SERVICE) == []


def test_discover_follows_a_daemon_and_a_client_finds_it_by_name(
    cable: Cable, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with discovering(cable.near, "--watch", "--json") as watch:
        assert watch.stdout is not None
        with serving(cable.far, data, "--announce=kitchen") as daemon:
            event = next_event(watch.stdout)
            assert (event["event"], event["name"]) == ("appeared", "kitchen")
            assert (event["address"], event["metrics_port"]) == (f"{FAR}:8460", 9460)
            load(data, "rooms")
            event = next_event(watch.stdout)
            assert event["event"] == "changed"
            assert [each.partition("/")[0] for each in event["models"]] == ["scenes", "rooms"]

            table = edgeseg(cable.near, "discover", "--wait=2")
            assert table.returncode == 0
            assert f"kitchen  {FAR}:8460" in table.stdout
            for server in ("discover:Kitchen", "discover:"):
                info = edgeseg(cable.near, "info", f"--server={server}", "--json")
                assert info.returncode == 0, info.stderr
                assert len(json.loads(info.stdout)["models"]) == 2
            other = edgeseg(cable.near, "info", "--server=discover:cellar", "--wait=0")
            assert other.returncode == 3
            assert f"there is kitchen ({FAR}:8460)" in other.stderr

            daemon.send_signal(signal.SIGTERM)
            assert next_event(watch.stdout)["event"] == "gone"
        none = edgeseg(cable.near, "discover", "--wait=2", "--json")
        assert (none.returncode, json.loads(none.stdout)) == (3, [])
        watch.send_signal(signal.SIGINT)
        assert watch.wait(30) == 0


def test_a_daemon_with_tls_is_used_with_its_certificates_only(cable: Cable, tmp_path: Path) -> None:
    init = ("edgesegd", "tls", "init", f"--folder={tmp_path}", f"--name={FAR}")
    subprocess.run([sys.executable, "-m", *init], check=True, timeout=SECONDS)
    tls = (f"--tls-cert={tmp_path / 'server.pem'}", f"--tls-key={tmp_path / 'server-key.pem'}")
    with serving(cable.far, tmp_path / "data", "--announce=kitchen", *tls):
        found = json.loads(edgeseg(cable.near, "discover", "--wait=2", "--json").stdout)
        assert [each["tls"] for each in found] == ["server"]
        info = ("info", "--server=discover:kitchen", "--json")
        refused = edgeseg(cable.near, *info)
        assert refused.returncode == 2
        assert f"kitchen at {FAR}:8460 uses TLS; give the certificates" in refused.stderr
        served = edgeseg(cable.near, *info, f"--ca={tmp_path / 'ca.pem'}")
        assert served.returncode == 0, served.stderr
        assert json.loads(served.stdout)["models"]


def test_an_address_that_comes_later_is_announced(cable: Cable, tmp_path: Path) -> None:
    address = f"{FAR}/24"
    subprocess.run([*cable.far, "ip", "address", "del", address, "dev", DEVICE], check=True)
    with serving(cable.far, tmp_path / "data", "--announce"):
        assert edgeseg(cable.near, "discover", "--wait=1").returncode == 3
        subprocess.run([*cable.far, "ip", "address", "add", address, "dev", DEVICE], check=True)
        route = ("ip", "route", "replace", "224.0.0.0/4", "dev", DEVICE)
        subprocess.run([*cable.far, *route], check=True)
        found = until(
            lambda: edgeseg(cable.near, "discover", "--wait=2", "--json"),
            lambda done: done.returncode == 0,
        )
        assert [each["address"] for each in json.loads(found.stdout)] == [f"{FAR}:8460"]


def test_discover_goes_on_when_its_own_machine_gets_other_addresses(
    cable: Cable, tmp_path: Path
) -> None:
    def change(action: str, address: str) -> None:
        command = ("ip", "address", action, f"{address}/24", "dev", DEVICE)
        subprocess.run([*cable.near, *command], check=True)

    change("del", NEAR)
    with (
        discovering(cable.near, "--watch", "--json", "--wait=2") as watch,
        serving(cable.far, tmp_path / "data", "--announce=kitchen") as daemon,
    ):
        assert watch.stdout is not None
        change("add", NEAR)
        route = ("ip", "route", "replace", "224.0.0.0/4", "dev", DEVICE)
        subprocess.run([*cable.near, *route], check=True)
        assert next_event(watch.stdout)["event"] == "appeared"
        change("add", "10.231.0.7")
        time.sleep(5)  # it looks again, and finds what it knew
        load(tmp_path / "data", "rooms")
        event = next_event(watch.stdout)
        assert event["event"] == "changed", "and it did not appear once more"
        assert len(event["models"]) == 2
        daemon.send_signal(signal.SIGTERM)
        assert next_event(watch.stdout)["event"] == "gone"


def test_discover_goes_on_when_looking_fails_while_addresses_change(
    cable: Cable, tmp_path: Path
) -> None:
    """Another program has the port of mDNS for itself, just when it begins to look again."""
    with (
        discovering(cable.near, "--watch", "--json", "--wait=2") as watch,
        serving(cable.far, tmp_path / "data", "--announce=kitchen"),
    ):
        assert watch.stdout is not None
        assert watch.stderr is not None
        assert next_event(watch.stdout)["event"] == "appeared"
        with subprocess.Popen(
            [*cable.near, sys.executable, "-c", TAKE_PORT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as taker:
            assert taker.stdout is not None
            address = ("10.231.0.7/24", "dev", DEVICE)
            subprocess.run([*cable.near, "ip", "address", "add", *address], check=True)
            assert taker.stdout.readline() == "taken\n"
            failed = next(iter(watch.stderr))
            assert "cannot be looked for in this network" in failed
            assert "it is tried again in 10 s" in failed
            taker.communicate()
        load(tmp_path / "data", "rooms")
        event = next_event(watch.stdout)
        assert event["event"] == "changed", "and it did not appear once more"
        assert len(event["models"]) == 2
        watch.send_signal(signal.SIGINT)
        assert watch.wait(30) == 0


def test_prometheus_scrapes_three_daemons_that_it_finds_by_http_sd(
    cable: Cable, tmp_path: Path
) -> None:
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        pytest.skip("prometheus is missing; on Debian: apt install prometheus")
    config, file = tmp_path / "prometheus.yml", tmp_path / "edgeseg.json"
    config.write_text(PROMETHEUS)
    storage = f"--storage.tsdb.path={tmp_path / 'storage'}"
    with ExitStack() as stack:
        daemons = {
            name: stack.enter_context(
                serving(
                    cable.far,
                    tmp_path / name,
                    f"--announce={name}",
                    ports=(8460 + number, 9470 + number),
                )
            )
            for number, name in enumerate(("attic", "cellar", "kitchen"))
        }
        stack.enter_context(discovering(cable.near, "--http-sd", f"--file-sd={file}"))
        running = stack.enter_context(
            subprocess.Popen(
                [*cable.near, prometheus, f"--config.file={config}", storage],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        stack.callback(running.terminate)

        def up() -> dict[str, str]:
            answer = get(cable.near, "http://127.0.0.1:9090/api/v1/query?query=up")
            found = json.loads(answer)["data"]["result"] if answer else []
            return {each["metric"]["instance"]: each["value"][1] for each in found}

        assert until(up, lambda found: found == dict.fromkeys(daemons, "1"))
        assert len(json.loads(file.read_text())) == 3
        daemons["cellar"].send_signal(signal.SIGTERM)
        assert until(up, lambda found: found.keys() == {"attic", "kitchen"})
        assert len(json.loads(file.read_text())) == 2
