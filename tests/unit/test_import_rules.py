"""Imports flow one way, and folders define what may be imported."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
DAEMON = PROJECT / "daemon"
CLIENTS = PROJECT / "clients"

LAYERS = {
    "core": set(),
    "files": set(),
    "version": set(),
    "sandbox": {"board", "files", "core"},
    "concurrency": set(),
    "access": {"files", "core"},
    "delegates": {"core"},
    "discovery": {"board", "concurrency", "core"},
    "board": {"core"},
    "models": {"delegates", "files", "core"},
    "ipc": {"delegates", "board", "core"},
    "imaging": {"models", "core"},
    "engine": {"imaging", "models", "delegates", "ipc", "board", "sandbox", "core"},
    "probe": {"concurrency", "models", "delegates", "ipc", "board", "files", "core"},
    "scheduling": {"ipc", "core"},
    "supervision": {"concurrency", "scheduling", "delegates", "ipc", "board", "core"},
    "serving": {
        "concurrency",
        "scheduling",
        "supervision",
        "models",
        "delegates",
        "ipc",
        "board",
        "core",
    },
    "api": {
        *("serving", "scheduling", "models", "access", "ipc", "board", "files", "core"),
        *("concurrency", "version"),
    },
    "observability": {
        "supervision",
        "models",
        "access",
        "concurrency",
        "ipc",
        "board",
        "core",
        "version",
    },
    "bench": {"engine", "models", "board", "core"},
    "config": {"models", "delegates", "files", "board", "sandbox", "core"},
    "composition": {
        *("api", "observability", "serving", "scheduling", "supervision", "probe", "models"),
        *("access", "concurrency", "control", "delegates", "discovery", "ipc", "board", "core"),
        "config",
        "version",
    },
    "control": {"concurrency", "serving", "models", "board", "core"},
    "rollout": {"access", "control", "models", "files", "core"},
    "daemon": {
        *("composition", "control"),
        *("api", "observability", "serving", "supervision", "config"),
    },
    "cli": {
        *("daemon", "bench", "probe", "config", "models", "delegates", "observability", "board"),
        *("control", "rollout", "supervision", "access", "sandbox", "files", "core", "version"),
    },
    "__main__": {"cli"},
    "__init__": {"version"},
}
"""Each folder of the daemon, and the others that it may import."""

NOT_IN_PICTURE = {"core", "version", "__init__", "__main__"}
"""Folders and files that the picture in docs/architecture.md leaves out, as its text says."""

FOLDERS_WITHIN = {
    "api.v1": {"api"},
    "api.oip": {"api"},
    "api": set(),
    "models": {"models.tflite", "models.meaning"},
    "models.tflite": {"models"},
    "models.meaning": {"models", "models.tflite"},
    "models.catalogue": {"models"},
    "engine.runtimes": set(),
    "engine.guard": {"engine.runtimes"},
    "observability.board": set(),
    "observability.tracing": set(),
}
"""Folders within a folder, and what they may import from the folder around them."""

PACKAGES = {
    "api": {"google", "grpc", "grpc_reflection"},
    "api.v1": {"edgeseg", "grpc"},
    "api.oip": {"edgeseg", "grpc"},
    "bench": {"edgeseg", "edgeseg_client", "grpc", "numpy", "PIL"},
    "cli": {"rich"},
    "composition": {"grpc", "prometheus_client"},
    "daemon": {"grpc"},
    "discovery": {"ifaddr", "zeroconf"},
    "engine": {"numpy", "PIL"},
    "engine.guard": {"numpy"},
    "engine.runtimes": {"numpy"},
    "imaging": {"numpy", "PIL"},
    "observability": {"grpc", "grpc_health", "prometheus_client"},
    "observability.board": {"prometheus_client"},
    "observability.tracing": {"opentelemetry"},
}
"""Each folder of the daemon, and what it may import that is not Python's own."""

RUNTIMES = ("ai_edge_litert", "tflite_runtime")


def modules(root: Path) -> dict[str, Path]:
    """Every module below `root` by its full name."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


@cache
def imports(path: Path) -> frozenset[str]:
    """What a file imports anywhere in it; `from a import b` is both a and a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names.add(str(node.module))
            names |= {f"{node.module}.{each.name}" for each in node.names}
    return frozenset(names)


EDGESEGD = modules(DAEMON)


def part(module: str) -> str:
    """The part of the daemon that a module belongs to: a folder, or a file next to the folders."""
    return module.split(".")[1] if "." in module else "__init__"


def folder(module: str) -> str:
    """The folder of a module, by the names from the daemon's own folder on: `api.v1`."""
    path = EDGESEGD[module]
    parent = path.parent if path.parent != DAEMON / "edgesegd" else path.with_suffix("")
    return ".".join(parent.relative_to(DAEMON / "edgesegd").parts)


def packages(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)} - sys.stdlib_module_names


def reached_from(module: str) -> Iterator[str]:
    """Every module of the daemon that importing `module` imports, however far.

    Except for the measurements, which their command imports when it runs.
    """
    waiting, seen = [module], set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in EDGESEGD or part(name) == "bench":
            continue
        seen.add(name)
        yield name
        waiting += imports(EDGESEGD[name])
        waiting.append(name.rpartition(".")[0])


def test_every_part_of_the_daemon_has_its_place() -> None:
    assert {part(module) for module in EDGESEGD} == set(LAYERS)
    assert len(EDGESEGD) > 30


def test_every_import_that_is_allowed_is_used() -> None:
    used: dict[str, set[str]] = {name: set() for name in LAYERS}
    within: dict[str, set[str]] = {name: set() for name in FOLDERS_WITHIN}
    foreign: dict[str, set[str]] = {name: set() for name in PACKAGES}
    for module, path in EDGESEGD.items():
        ours = {name for name in imports(path) if name in EDGESEGD} - {"edgesegd"}
        used[part(module)] |= {part(name) for name in ours} - {part(module)}
        if (own := folder(module)) in within:
            around = {folder(name) for name in ours if part(name) == part(module)}
            within[own] |= around - {own}
        if own in foreign:
            foreign[own] |= packages(path) - {"edgesegd", "__future__"}
    assert used == LAYERS
    assert within == FOLDERS_WITHIN
    assert foreign == PACKAGES


def layers_of_the_picture() -> dict[str, set[str]]:
    """LAYERS without what the picture leaves out."""
    return {name: LAYERS[name] - NOT_IN_PICTURE for name in set(LAYERS) - NOT_IN_PICTURE}


def without_detours(graph: dict[str, set[str]]) -> set[tuple[str, str]]:
    """The arrows of a graph that no longer path implies."""

    @cache
    def reached(node: str) -> frozenset[str]:
        return frozenset(graph[node]).union(*map(reached, graph[node]))

    return {
        (node, target)
        for node, targets in graph.items()
        for target in targets
        if not any(target in reached(other) for other in targets)
    }


def test_the_picture_of_the_folders_shows_their_imports() -> None:
    page = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    picture = page.partition("## The folders of the daemon")[2].partition("```mermaid")[2]
    picture = picture.partition("```")[0]
    shown = re.findall(r"^ *(\w+) --> (\w+)$", picture, re.MULTILINE)
    assert picture.count("-->") == len(shown) == len(set(shown))
    assert set(shown) == without_detours(layers_of_the_picture())
    labels = dict(re.findall(r'^ *(\w+)\["(.*)"\]$', picture, re.MULTILINE))
    assert set(labels) == set(layers_of_the_picture())


@pytest.mark.parametrize("module", EDGESEGD)
def test_imports_of_the_daemon_flow_one_way(module: str) -> None:
    ours = {name for name in imports(EDGESEGD[module]) if name in EDGESEGD} - {"edgesegd"}
    allowed = LAYERS[part(module)] | {part(module)}
    assert not {name for name in ours if part(name) not in allowed}


@pytest.mark.parametrize("module", [name for name in EDGESEGD if folder(name) in FOLDERS_WITHIN])
def test_folders_within_a_folder_have_walls_too(module: str) -> None:
    own, around = folder(module), part(module)
    imported = {
        folder(name)
        for name in imports(EDGESEGD[module])
        if name in EDGESEGD and part(name) == around
    }
    assert imported - {own} <= FOLDERS_WITHIN[own]


@pytest.mark.parametrize("module", EDGESEGD)
def test_each_folder_imports_only_its_packages(module: str) -> None:
    foreign = packages(EDGESEGD[module]) - {"edgesegd", "__future__"}
    assert foreign <= PACKAGES.get(folder(module), set())


@pytest.mark.parametrize(
    "module", [name for name in EDGESEGD if part(name) in ("core", "models", "delegates", "files")]
)
def test_what_things_are_needs_no_event_loop(module: str) -> None:
    assert "asyncio" not in imports(EDGESEGD[module])


@pytest.mark.parametrize(
    "module",
    [name for name in EDGESEGD if part(name) not in ("engine", "imaging", "bench")],
)
def test_only_the_engine_reaches_pixels(module: str) -> None:
    """Numpy and Pillow cost the front 20 MB and its quick start."""
    heavy = {name for name in reached_from(module) if {"numpy", "PIL"} & packages(EDGESEGD[name])}
    assert not heavy


def test_only_two_commands_import_the_measurements() -> None:
    """And import them when they run: another command does not pay for them."""
    others = [name for name in EDGESEGD if part(name) != "bench"]
    users = [
        name
        for name in others
        if any(each in EDGESEGD and part(each) == "bench" for each in imports(EDGESEGD[name]))
    ]
    assert users == ["edgesegd.cli.bench", "edgesegd.cli.model_trial"]
    code = "import sys, edgesegd.cli.command; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_engine_does_reach_pixels() -> None:
    """Otherwise the test above could not fail."""
    reached = set(reached_from("edgesegd.engine.__main__"))
    assert {"edgesegd.imaging.codec", "edgesegd.imaging.labels"} <= reached


@pytest.mark.parametrize("module", EDGESEGD)
def test_only_one_module_names_the_runtimes(module: str) -> None:
    tree = ast.parse(EDGESEGD[module].read_text(encoding="utf-8"))
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    named = [each for each in (*texts, *imports(EDGESEGD[module])) if each.startswith(RUNTIMES)]
    assert bool(named) == (module == "edgesegd.engine.runtimes.runtime")


def test_each_protocol_has_its_stubs_to_itself() -> None:
    """Except for the measurements, which call the daemon as its clients do."""
    users: dict[str, set[str]] = {"edgeseg.v1": set(), "edgeseg.inference": set()}
    for name, path in EDGESEGD.items():
        for stubs, found in users.items():
            if any(each.startswith(stubs) for each in imports(path)):
                found.add(folder(name))
    assert users == {"edgeseg.v1": {"api.v1", "bench"}, "edgeseg.inference": {"api.oip"}}
    for name, path in modules(CLIENTS).items():
        assert not any(each.startswith("edgeseg.inference") for each in imports(path)), name


def test_daemon_and_clients_know_only_the_contract_of_each_other() -> None:
    clients = modules(CLIENTS)
    assert len(clients) > 10
    for name, path in clients.items():
        assert "edgesegd" not in packages(path), name
    # What is measured is what ships: the benchmark runs the client in a process of its own.
    users = [name for name, path in EDGESEGD.items() if "edgeseg_client" in packages(path)]
    assert users == ["edgesegd.bench.shipped_client"]


def test_the_client_knows_none_of_its_integrations() -> None:
    """They import the client; only the entry point of the command names them."""
    integrations = {"edgeseg_mqtt"}
    users = {
        name.partition(".")[0]
        for name, path in modules(CLIENTS).items()
        if packages(path) & integrations
    }
    assert users == {"edgeseg_command", *integrations}


def test_only_the_node_of_the_ros_package_imports_ros() -> None:
    """All else runs without ROS, in tests too."""
    ros = {"rclpy", "rcl_interfaces", "builtin_interfaces", "std_msgs", "sensor_msgs"}
    ros |= {"vision_msgs", "diagnostic_msgs"}
    ours = modules(CLIENTS / "ros2/edgeseg_ros")
    assert len(ours) > 10
    assert {name for name, path in ours.items() if ros & packages(path)} == {"node"}
    assert ros <= packages(ours["node"])


def imported_by(statement: str) -> set[str]:
    """The packages that are loaded in a fresh interpreter after `statement`."""
    code = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_the_front_loads_neither_numpy_nor_pillow_nor_a_runtime() -> None:
    loaded = imported_by("import edgesegd.daemon")
    assert {"edgesegd", "grpc", "asyncio"} <= loaded
    assert not {"numpy", "PIL", *RUNTIMES} & loaded


def test_the_command_starts_without_grpc() -> None:
    loaded = imported_by("import edgesegd.cli.command")
    assert "edgesegd" in loaded
    assert not {"grpc", "prometheus_client", "numpy", "PIL", *RUNTIMES} & loaded


def test_the_engine_loads_neither_grpc_nor_metrics() -> None:
    loaded = imported_by("import edgesegd.engine.__main__")
    assert "numpy" in loaded
    assert not {"grpc", "prometheus_client", "google", "edgeseg", "asyncio", *RUNTIMES} & loaded


def test_the_client_needs_no_mqtt_and_its_command_imports_none_to_print_help() -> None:
    assert "paho" not in imported_by("import edgeseg_client")
    loaded = imported_by(
        "import edgeseg_client.cli, edgeseg_mqtt.arguments as more;"
        " edgeseg_client.cli.parser.build_parser([more.MqttCommand()])"
    )
    assert "edgeseg_mqtt" in loaded
    assert "paho" not in loaded
    assert "paho" in imported_by("import edgeseg_mqtt.bridge")
