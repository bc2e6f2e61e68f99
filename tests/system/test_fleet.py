"""deploy/prometheus and deploy/grafana, with a real promtool, Prometheus and daemon."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from edgesegd.observability.board.registration import register_board
from support.access import CertificateFolder
from support.fake_sysfs import fake_sysfs
from support.remembered import remember
from support.running_fleet import DEPLOY, UNUSED, RunningFleet, write_config
from support.running_prometheus import Access, RunningPrometheus, installed

pytestmark = pytest.mark.system

PROMETHEUS = DEPLOY / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
RULE_TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
DASHBOARDS = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))
PAGE = DEPLOY.parent / "docs/fleet.md"

SELECTOR = re.compile(r"(?<![\w:])(?:up\b|edgeseg_\w+|\w*:?edgeseg\w*:[\w:]+)(?:\{[^}]*\})?")
SENSOR = re.compile(r"edgeseg_board_(?:temperature|cpu_frequency|throttled)")
"""What this machine may not have."""
ABSENT = {'edgeseg:frame_seconds:objective{model!=""}'}
"""Selectors without series: no rule has an objective for one model."""
USER, PASSWORD = "workshop", "edgeseg"
PASSWORD_HASH = "$2b$04$zVxwaklGAFA3Q20MWarlEeGvMnC/TvFG26pMbWhAhLVNhZpjUZFxy"  # noqa: S105 # of PASSWORD, as `htpasswd -nB` makes it


@pytest.fixture(scope="module")
def fleet(
    tmp_path_factory: pytest.TempPathFactory, jpeg: bytes, fake_delegate: Path
) -> Iterator[RunningFleet]:
    installed("prometheus")
    folder = tmp_path_factory.mktemp("fleet")
    flags = (*remember(folder, f"{fake_delegate}:claim=add"), "--check-every=10")
    with RunningFleet(folder, jpeg, *flags).running() as fleet:
        yield fleet


def promtool(*arguments: str | Path, text: str | None = None) -> str:
    """What it prints; asserts that it finds no fault."""
    done = subprocess.run(
        [installed("promtool"), *map(str, arguments)],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def alerts() -> list[str]:
    text = (PROMETHEUS / "rules/alerts.yml").read_text(encoding="utf-8")
    return re.findall(r"- alert: (\w+)", text)


def panels(file: Path) -> list[tuple[str, str]]:
    """The title of each panel, and each of its queries."""
    dashboard = json.loads(file.read_text(encoding="utf-8"))
    return [
        (panel["title"], target["expr"])
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
    ]


def every_query() -> list[tuple[str, str, str]]:
    return [(file.stem, *panel) for file in DASHBOARDS for panel in panels(file)]


def filled_in(query: str, instance: str) -> str:
    """A query as Grafana sends it for all sites, and for all models of a board."""
    for variable, value in (
        ("$__rate_interval", "1m"),
        ("$site", ".*"),
        ("$instance", instance),
        ("$model", ".*"),
    ):
        query = query.replace(variable, value)
    assert "$" not in query
    return query


def test_every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    tests = "".join(file.read_text(encoding="utf-8") for file in RULE_TESTS)
    assert len(alerts()) == len(set(alerts())) > 10
    for alert in alerts():
        assert re.search(rf"- alertname: {alert}\n.*\n +exp_alerts:\n", tests), alert
        assert re.search(rf"alertname: {alert}, .*exp_alerts: \[\]", tests), alert


def test_every_recording_rule_has_a_test_of_what_it_gives() -> None:
    rules = (PROMETHEUS / "rules/recording.yml").read_text(encoding="utf-8")
    tests = (PROMETHEUS / "tests/recording.yml").read_text(encoding="utf-8")
    recorded = re.findall(r"- record: (\S+)", rules)
    assert len(recorded) == 6
    assert sorted(re.findall(r"- expr: (\S+)", tests)) == sorted(recorded)


def test_every_alert_is_described_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^\| `(Edgeseg\w+)` ", page, re.MULTILINE) == alerts()


def test_promtool_accepts_the_rules() -> None:
    assert promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES).count("SUCCESS") == 3


@pytest.mark.parametrize("file", RULE_TESTS, ids=lambda file: file.stem)
def test_the_rules_pass_their_tests(file: Path) -> None:
    assert "SUCCESS" in promtool("test", "rules", file)


@pytest.mark.parametrize("name", ["prometheus.yml", "agent.yml"])
def test_promtool_accepts_the_configuration_with_the_files_that_it_names(
    tmp_path: Path, name: str
) -> None:
    folder = shutil.copytree(PROMETHEUS, tmp_path / "prometheus")
    CertificateFolder.make(folder)
    shutil.copy(folder / "ca.pem", folder / "central-ca.pem")
    for file in ("token", "central-password"):
        (folder / file).write_text("secret")
    agent = ("--agent",) if name == "agent.yml" else ()
    assert "SUCCESS" in promtool("check", "config", *agent, folder / name)


def test_promtool_accepts_the_metrics_of_a_board_with_sensors(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    register_board(registry, fake_sysfs(tmp_path))
    page = generate_latest(registry).decode()
    assert "edgeseg_board_throttled{" in page
    assert promtool("check", "metrics", text=page) == ""


@pytest.mark.slow
def test_boards_are_scraped_that_are_listed_and_that_are_discovered(fleet: RunningFleet) -> None:
    prometheus = fleet.prometheus
    prometheus.wait_for('up{job="edgesegd"} == 0')
    prometheus.wait_until(lambda: len(prometheus.series("up")) == 3)
    prometheus.wait_until(lambda: len(prometheus.series("up == 1")) == 2)
    found = {each["metric"]["instance"]: each["metric"] for each in prometheus.series("up")}
    assert found.keys() == {fleet.listed, fleet.discovered, UNUSED}
    assert found[fleet.listed]["site"] == "workshop"
    assert {each["job"] for each in found.values()} == {"edgesegd"}


@pytest.mark.slow
def test_every_rule_is_evaluated_without_errors_and_every_recording_rule_gives_series(
    fleet: RunningFleet,
) -> None:
    prometheus = fleet.prometheus
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    recorded = [rule["name"] for rule in rules if rule["type"] == "recording"]
    assert len(recorded) == 7
    for name in recorded:
        prometheus.wait_for(name)
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert {(rule["health"], rule.get("lastError", "")) for rule in rules} == {("ok", "")}
    assert sorted(rule["name"] for rule in rules if rule["type"] == "alerting") == sorted(alerts())


@pytest.mark.slow
def test_every_alert_watches_series_that_exist(fleet: RunningFleet) -> None:
    """An alert about a metric that is called otherwise would never fire."""
    groups = fleet.prometheus.get("rules")["groups"]
    watched = {
        rule["name"]: set(SELECTOR.findall(rule["query"])) - ABSENT
        for group in groups
        for rule in group["rules"]
        if rule["type"] == "alerting"
    }
    for name, selectors in watched.items():
        assert selectors, name
        for selector in selectors:
            fleet.prometheus.wait_for(selector)


@pytest.mark.slow
def test_the_board_that_does_not_answer_is_reported_and_the_others_are_not(
    fleet: RunningFleet,
) -> None:
    prometheus = fleet.prometheus
    prometheus.wait_for(f'ALERTS{{alertname="EdgesegDown", instance="{UNUSED}"}}')
    # How fast the board is depends on what else this machine does.
    others = (
        'ALERTS{alertname!~"EdgesegDown|EdgesegSlow"} or '
        f'ALERTS{{alertname="EdgesegDown", instance!="{UNUSED}"}}'
    )
    # For its first seconds a stream has no rate.
    prometheus.wait_until(lambda: not prometheus.series(others), "other alerts")


def test_there_are_two_dashboards_with_panels() -> None:
    assert [file.stem for file in DASHBOARDS] == ["board", "fleet"]
    for file in DASHBOARDS:
        assert len(panels(file)) > 10


@pytest.mark.slow
@pytest.mark.parametrize(("dashboard", "title", "query"), every_query())
def test_every_query_of_every_panel_gives_series(
    fleet: RunningFleet, dashboard: str, title: str, query: str
) -> None:
    """Those about a sensor for the board that has sensors, all others for the real daemon."""
    instance = fleet.discovered if SENSOR.search(query) else fleet.listed
    found = fleet.prometheus.wait_for(filled_in(query, instance))
    assert all(each["value"][1] != "NaN" for each in found), f"{dashboard}: {title}"


@pytest.mark.slow
def test_the_fleet_dashboard_counts_the_boards_that_answer_and_those_that_do_not(
    fleet: RunningFleet,
) -> None:
    """These queries give 0 where nothing is found, so that a wrong name in them would not show."""
    queries = dict(panels(DEPLOY / "grafana/dashboards/fleet.json"))
    for title, count in (("Boards", 2), ("Down", 1)):
        fleet.prometheus.wait_for(f"({queries[title]}) == {count}")


@pytest.mark.slow
@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_every_choice_of_a_dashboard_offers_values(fleet: RunningFleet, file: Path) -> None:
    variables = json.loads(file.read_text(encoding="utf-8"))["templating"]["list"]
    queries = [each["query"] for each in variables if each["type"] == "query"]
    assert len(queries) == (3 if file.stem == "board" else 0)
    for query in queries:
        match = re.fullmatch(r"label_values\((.*), (\w+)\)", query)
        assert match is not None
        found = fleet.prometheus.wait_for(filled_in(match[1], fleet.listed))
        assert any(each["metric"].get(match[2]) for each in found)


def test_all_values_of_a_choice_are_also_series_without_the_label() -> None:
    """Boards without a site, and frames for a model that is not served."""
    board = json.loads((DEPLOY / "grafana/dashboards/board.json").read_text(encoding="utf-8"))
    choices = {each["name"]: each for each in board["templating"]["list"]}
    assert {name for name, each in choices.items() if each.get("includeAll")} == {"site", "model"}
    for name in ("site", "model"):
        assert choices[name].get("allValue") == ".*"


def test_every_query_for_one_board_asks_for_its_site_too() -> None:
    """Two sites may use the same address."""
    queries = [query for _, query in panels(DEPLOY / "grafana/dashboards/board.json")]
    selectors = [each for query in queries for each in re.findall(r"\{[^}]*\}", query)]
    assert len(selectors) > len(queries)
    for selector in selectors:
        assert 'site=~"$site", instance="$instance"' in selector


@pytest.fixture
def central(fleet: RunningFleet, tmp_path: Path) -> Iterator[RunningPrometheus]:
    """A Prometheus that takes samples for a password, over TLS."""
    files = fleet.certificates
    web_config: dict[str, Any] = {
        "tls_server_config": {"cert_file": str(files["server.pem"])},
        "basic_auth_users": {USER: PASSWORD_HASH},
    }
    web_config["tls_server_config"]["key_file"] = str(files["server-key.pem"])
    (tmp_path / "web.yml").write_text(json.dumps(web_config))
    (tmp_path / "prometheus.yml").write_text("{}")
    access = Access(tmp_path / "web.yml", files["ca.pem"], USER, PASSWORD)
    flags = ("--web.enable-remote-write-receiver", f"--storage.tsdb.path={tmp_path / 'data'}")
    with RunningPrometheus(tmp_path / "prometheus.yml", *flags, access=access) as central:
        yield central


@pytest.mark.slow
def test_an_agent_sends_the_samples_of_its_site_to_the_central_prometheus(
    fleet: RunningFleet, central: RunningPrometheus, tmp_path: Path
) -> None:
    config = write_config(fleet.folder, "agent.yml", "http://127.0.0.1:1/")
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("https://prometheus.example:9090", central.url))
    shutil.copy(fleet.certificates["ca.pem"], fleet.folder / "central-ca.pem")
    (fleet.folder / "central-password").write_text(PASSWORD)
    flags = ("--enable-feature=agent", f"--storage.agent.path={tmp_path / 'agent'}")
    with RunningPrometheus(config, *flags):
        central.wait_for('edgeseg_frames_total{outcome="ok", site="workshop", job="edgesegd"} > 0')
        central.wait_for(f'up{{instance="{UNUSED}", site="workshop"}} == 0')
