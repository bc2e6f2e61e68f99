"""An alert reaches the operators: deploy/prometheus with boards, Prometheus and Alertmanager."""

from __future__ import annotations

import json
import subprocess
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.access import add_token, edgesegd
from support.announced_daemons import discovering, get, hosts_with_multicast, serving, until
from support.network import FAR, Cable
from support.running_alertmanager import (
    ADDRESS,
    FILE,
    installed,
    running_alertmanager,
    running_webhook,
)
from support.running_fleet import write_config
from support.running_prometheus import installed as installed_prometheus

pytestmark = [pytest.mark.system]

BOARDS = ("attic", "cellar", "kitchen")
LOST = "cellar"
DISCOVERY = "http://127.0.0.1:9465/"
"""Where `edgeseg discover --http-sd` answers by default, on its own host."""


@pytest.fixture
def cable() -> Iterator[Cable]:
    installed("prometheus-alertmanager", "alertmanager")
    installed_prometheus("prometheus")
    with hosts_with_multicast() as cable:
        yield cable


def test_amtool_accepts_the_configuration() -> None:
    done = subprocess.run(
        [installed("amtool"), "check-config", FILE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "SUCCESS" in done.stdout
    assert "1 receivers" in done.stdout
    assert "1 inhibit rules" in done.stdout


def test_a_board_that_is_down_silences_its_own_warnings_and_none_of_another_site(
    cable: Cable, tmp_path: Path
) -> None:
    """Two sites may use the same address."""
    amtool = (*cable.near, installed("amtool"), f"--alertmanager.url=http://{ADDRESS}")
    board = ("job=edgesegd", "instance=board-1.local:9460")
    with running_alertmanager(cable.near, tmp_path, "http://127.0.0.1:1/"):
        for labels in (
            ("EdgesegDown", "severity=critical", "site=hut"),
            ("EdgesegTooHot", "severity=warning", "site=hut"),
            ("EdgesegTooHot", "severity=warning", "site=yard"),
        ):
            subprocess.run([*amtool, "alert", "add", *labels, *board], check=True)

        def states() -> dict[tuple[str, str], str]:
            query = (*amtool, "alert", "query", "--active", "--inhibited", "--output=json")
            answer = subprocess.run(query, capture_output=True, check=True).stdout
            return {
                (each["labels"]["alertname"], each["labels"]["site"]): each["status"]["state"]
                for each in json.loads(answer)
            }

        expected = {
            ("EdgesegDown", "hut"): "active",
            ("EdgesegTooHot", "hut"): "suppressed",
            ("EdgesegTooHot", "yard"): "active",
        }
        until(states, expected.__eq__)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_alert_for_a_killed_board_reaches_a_webhook_and_so_does_its_end(
    cable: Cable, tmp_path: Path
) -> None:
    """All files are those of deploy/prometheus, but with short times.

    The boards announce themselves by mDNS, `edgeseg discover` finds them from another host, and
    Prometheus scrapes them with TLS and a token.
    """
    names = (f"--name={name}" for name in ("localhost", FAR))
    assert edgesegd("tls", "init", "--folder", tmp_path, *names).returncode == 0
    tokens = tmp_path / "tokens.json"
    token = add_token(tokens, "prometheus", "--scope", "metrics")
    (tmp_path / "token").write_text(token, encoding="ascii")
    tls = (f"--tls-cert={tmp_path / 'server.pem'}", f"--tls-key={tmp_path / 'server-key.pem'}")
    access = (*tls, f"--tokens={tokens}")
    config = write_config(tmp_path, "prometheus.yml", DISCOVERY, alertmanager=ADDRESS)
    shorten_alert(tmp_path / "rules/alerts.yml")
    storage = f"--storage.tsdb.path={tmp_path / 'storage'}"

    with ExitStack() as stack:

        def serve(name: str) -> subprocess.Popen[str]:
            number = BOARDS.index(name)
            ports = (8460 + number, 9470 + number)
            folder, announce = tmp_path / name, f"--announce={name}"
            daemon = serving(cable.far, folder, announce, ports=ports, access=access)
            return stack.enter_context(daemon)

        daemons = {name: serve(name) for name in BOARDS}
        webhook = stack.enter_context(running_webhook(cable.near))
        stack.enter_context(running_alertmanager(cable.near, tmp_path, webhook.url))
        stack.enter_context(discovering(cable.near, "--http-sd"))
        program = installed_prometheus("prometheus")
        prometheus = stack.enter_context(
            subprocess.Popen(
                [*cable.near, program, f"--config.file={config}", storage],
                cwd=tmp_path,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        stack.callback(prometheus.terminate)
        until(lambda: values(cable, "up"), lambda found: found == dict.fromkeys(BOARDS, "1"))
        assert values(cable, "ALERTS") == {}

        daemons[LOST].kill()
        message = webhook.next()
        assert (message["status"], message["receiver"]) == ("firing", "operators")
        (alert,) = message["alerts"]
        assert alert["labels"]["alertname"] == "EdgesegDown"
        assert alert["labels"]["instance"] == LOST
        assert alert["labels"]["severity"] == "critical"
        assert alert["annotations"]["summary"] == f"{LOST} does not answer"

        daemons[LOST].wait()
        serve(LOST)
        message = webhook.next()
        assert message["status"] == "resolved"
        assert [each["labels"]["instance"] for each in message["alerts"]] == [LOST]


def shorten_alert(rules: Path) -> None:
    """Let EdgesegDown fire after two seconds, not two minutes; that is all that is changed."""
    text = rules.read_text(encoding="utf-8")
    assert text.count("for: 2m") == 1
    rules.write_text(text.replace("for: 2m", "for: 2s"), encoding="utf-8")


def values(cable: Cable, expression: str) -> dict[str, str]:
    """The value of each board's series, by Prometheus on the near host; empty if there are none."""
    query = urllib.parse.urlencode({"query": expression})
    answer = get(cable.near, f"http://127.0.0.1:9090/api/v1/query?{query}")
    found = json.loads(answer)["data"]["result"] if answer else []
    return {each["metric"]["instance"]: each["value"][1] for each in found}
