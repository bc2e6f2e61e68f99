"""The manifests in deploy/kubernetes, as far as that is possible without a cluster."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from balancers import DEPLOY, TOOLS

from edgesegd.api.v1.names import SERVICE_NAME
from edgesegd.config import load_config
from edgesegd.observability.health_pages import HEALTHZ
from support.running_balancer import find_program

pytestmark = [pytest.mark.system, pytest.mark.slow]

FOLDER = DEPLOY / "kubernetes"
OF_KUBERNETES = ["namespace", "daemonset", "service", "networkpolicy"]
DEVICES = [path.stem for path in (FOLDER / "devices").glob("*.yaml")]
KUBERNETES = "1.30"
"""The version of the schemas; gRPC probes are stable since 1.27."""
READ_YAML = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(sys.stdin))))"

Manifest = dict[str, Any]


def read(path: Path) -> Manifest:
    """The one manifest in a file."""
    if not (TOOLS / "python").exists():
        pytest.skip("there is no reader of YAML; `make .venv-balancers/.ready` installs it")
    with path.open("rb") as file:
        printed = subprocess.run(
            [TOOLS / "python", "-c", READ_YAML], stdin=file, check=True, capture_output=True
        )
    (manifest,) = json.loads(printed.stdout)
    assert isinstance(manifest, dict)
    return manifest


def patched(manifest: Any, patch: Any) -> Any:  # noqa: ANN401 # JSON
    """A strategic merge as far as ours need it: lists of things with names are merged by these."""
    if isinstance(manifest, dict) and isinstance(patch, dict):
        return {**manifest, **{key: patched(manifest.get(key), patch[key]) for key in patch}}
    if isinstance(manifest, list) and isinstance(patch, list) and "name" in patch[0]:
        merged = {one["name"]: one for one in manifest}
        merged |= {one["name"]: patched(merged.get(one["name"]), one) for one in patch}
        return list(merged.values())
    return patch


def validate(path: Path) -> None:
    program = find_program("kubernetes-validate", "`make .venv-balancers/.ready` installs it")
    checked = subprocess.run(
        [program, "--strict", "--kubernetes-version", KUBERNETES, path],
        check=False,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.fixture(scope="module")
def pod() -> Manifest:
    """The template of the DaemonSet's pods."""
    template: Manifest = read(FOLDER / "daemonset.yaml")["spec"]["template"]
    return template


def ports(pod: Manifest) -> dict[str, int]:
    """Those of the daemon's container by their names."""
    (container,) = pod["spec"]["containers"]
    return {port["name"]: port["containerPort"] for port in container["ports"]}


@pytest.mark.parametrize("name", OF_KUBERNETES)
def test_a_manifest_has_only_what_the_schema_of_its_kind_has(name: str) -> None:
    validate(FOLDER / f"{name}.yaml")


def test_a_manifest_with_a_misspelt_field_is_noticed(tmp_path: Path) -> None:
    text = (FOLDER / "daemonset.yaml").read_text()
    file = tmp_path / "daemonset.yaml"
    file.write_text(text.replace("readinessProbe", "readynessProbe"))
    with pytest.raises(AssertionError, match="readynessProbe"):
        validate(file)


@pytest.mark.parametrize("device", DEVICES)
def test_with_the_patch_for_a_device_the_daemonset_is_still_valid(
    device: str, tmp_path: Path
) -> None:
    whole = patched(read(FOLDER / "daemonset.yaml"), read(FOLDER / f"devices/{device}.yaml"))
    (container,) = whole["spec"]["template"]["spec"]["containers"]
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in whole["spec"]["template"]["spec"]["volumes"]}
    assert len(mounted) == 3
    file = tmp_path / "daemonset.yaml"
    file.write_text(json.dumps(whole))
    validate(file)


def test_every_manifest_is_applied_and_none_is_missing() -> None:
    listed = set(read(FOLDER / "kustomization.yaml")["resources"])
    assert listed == {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}


def test_the_daemon_takes_the_settings_of_the_daemonset(pod: Manifest) -> None:
    (container,) = pod["spec"]["containers"]
    environment = {one["name"]: one["value"] for one in container["env"]}
    effective = load_config({}, environment, None)
    assert not effective.ignored
    config = effective.config
    assert config.listen == (f"0.0.0.0:{ports(pod)['grpc']}",)
    assert config.metrics_listen == f"0.0.0.0:{ports(pod)['metrics']}"
    assert config.insecure
    assert pod["spec"]["terminationGracePeriodSeconds"] > config.drain_seconds
    writable = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert config.data_dir in writable


def test_probes_ask_for_what_the_daemon_serves(pod: Manifest) -> None:
    (container,) = pod["spec"]["containers"]
    assert container["readinessProbe"]["grpc"] == {
        "port": ports(pod)["grpc"],
        "service": SERVICE_NAME,
    }
    assert container["startupProbe"]["grpc"] == {"port": ports(pod)["grpc"]}
    assert container["livenessProbe"]["httpGet"]["port"] in ports(pod)
    assert container["livenessProbe"]["httpGet"]["path"] == HEALTHZ


def test_the_service_the_policy_and_the_monitor_find_the_pods(pod: Manifest) -> None:
    labels, known = pod["metadata"]["labels"], ports(pod)
    service = read(FOLDER / "service.yaml")["spec"]
    policy = read(FOLDER / "networkpolicy.yaml")["spec"]
    monitor = read(FOLDER / "podmonitor.yaml")["spec"]
    assert service["selector"] == labels
    assert service["clusterIP"] == "None"
    assert policy["podSelector"]["matchLabels"] == labels
    assert monitor["selector"]["matchLabels"] == labels
    assert {port["targetPort"] for port in service["ports"]} <= known.keys()
    assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} == known.keys()
    assert {endpoint["port"] for endpoint in monitor["podMetricsEndpoints"]} <= known.keys()
