"""Where an option's value comes from, and the error if it is wrong."""

from __future__ import annotations

import argparse
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from edgesegd.cli.exit_codes import EXIT_CODES
from edgesegd.cli.main import main
from edgesegd.cli.options import add_options, effective_config
from edgesegd.config import (
    DEFAULT_LISTEN,
    ENV_PREFIX,
    Config,
    Effective,
    load_config,
    read_environment,
    unknown_variables,
)
from edgesegd.core import errors
from edgesegd.core.errors import ConfigError

HOME = {"HOME": "/home/someone"}
NAMES = [setting.name for setting in fields(Config)]
OTHER_VALUES: dict[str, tuple[str, object]] = {
    "model": ("rooms; b=file.tflite", ("rooms", "b=file.tflite")),
    "models": ("/models", "/models"),
    "default_model": ("rooms", "rooms"),
    "watch_models": ("1.5", 1.5),
    "idle_unload": ("90", 90.0),
    "control": ("/run/c.sock", "/run/c.sock"),
    "listen": ("0.0.0.0:1, unix:///run/edgesegd", ("0.0.0.0:1", "unix:///run/edgesegd")),
    "listen_wait": ("2.5", 2.5),
    "socket_mode": ("660", "660"),
    "socket_group": ("video", "video"),
    "metrics_listen": ("", ""),
    "announce": ("kitchen", "kitchen"),
    "view": ("0; front=rtsp://10.0.0.7/live", ("0", "front=rtsp://10.0.0.7/live")),
    "view_listen": ("127.0.0.1:0", "127.0.0.1:0"),
    "tls_cert": ("c.pem", "c.pem"),
    "tls_key": ("k.pem", "k.pem"),
    "tls_client_ca": ("ca.pem", "ca.pem"),
    "tokens": ("t.json", "t.json"),
    "public": ("health, metrics", ("health", "metrics")),
    "insecure": ("true", True),
    "delegate": ("cpu", "cpu"),
    "candidates": ("a.so:k=v; b.so:x=1", ("a.so:k=v", "b.so:x=1")),
    "check_every": ("9", 9),
    "delegate_cool_down_seconds": ("2.5", 2.5),
    "runtime": ("tflite-runtime", "tflite-runtime"),
    "optimize": ("throughput", "throughput"),
    "replica_bytes": ("100000000", 100_000_000),
    "reuse_bytes": ("1000000", 1_000_000),
    "threads": ("3", 3),
    "max_frame_bytes": ("1000", 1000),
    "max_frame_pixels": ("2000", 2000),
    "max_held_bytes": ("3000", 3000),
    "decode_seconds": ("0.75", 0.75),
    "shared_memory_bytes": ("5", 5),
    "oip_shared_memory": ("allow", "allow"),
    "oip_repository": ("allow", "allow"),
    "compression": ("accept", "accept"),
    "unary_queue": ("7", 7),
    "max_streams": ("9", 9),
    "max_calls": ("10", 10),
    "max_connections": ("11", 11),
    "message_seconds": ("3.5", 3.5),
    "idle_seconds": ("4.5", 4.5),
    "connection_seconds": ("600", 600.0),
    "drain_seconds": ("0.5", 0.5),
    "sandbox": ("require", "require"),
    "engine_start_seconds": ("2", 2.0),
    "engine_answer_seconds": ("1.5", 1.5),
    "data_dir": ("/data", "/data"),
    "log_level": ("debug", "debug"),
    "log_format": ("json", "json"),
    "stream_metrics": ("on", "on"),
    "stream_names": ("5", 5),
    "traces": ("http://127.0.0.1:4317", "http://127.0.0.1:4317"),
    "trace_every": ("7", 7),
}
"""For each option its text in a variable, and what that means."""


@pytest.fixture(autouse=True)
def only_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(ENV_PREFIX + name.upper(), raising=False)
    monkeypatch.delenv(ENV_PREFIX + "CONFIG", raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "edgesegd.toml"


def from_file(file: Path, text: str) -> Config:
    file.write_text(text, encoding="utf-8")
    return load_config({}, HOME, file).config


def from_flags(*flags: str) -> Effective:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return effective_config(parser.parse_args(flags))


def printed_by(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["config", *arguments]) == 0
    return capsys.readouterr().out


def test_without_any_setting_the_defaults_hold() -> None:
    effective = load_config({}, HOME, None)
    assert effective.config.listen == (DEFAULT_LISTEN,)
    assert effective.config == Config(data_dir="/home/someone/.local/share/edgeseg")
    assert set(effective.sources) == set(NAMES)
    assert set(effective.sources.values()) == {"default"}


@pytest.mark.parametrize("layers", range(8))
def test_flags_override_the_environment_that_overrides_the_file(file: Path, layers: int) -> None:
    file.write_text("threads = 1\nunary_queue = 5\n" if layers & 1 else "unary_queue = 5\n")
    environ = HOME | ({"EDGESEG_THREADS": "2"} if layers & 2 else {})
    effective = load_config({"threads": 3} if layers & 4 else {}, environ, file)
    wanted = {0: (0, "default"), 1: (1, str(file)), 2: (2, "environment"), 3: (3, "flag")}
    assert (effective.config.threads, effective.sources["threads"]) == wanted[layers.bit_length()]
    assert (effective.config.unary_queue, effective.sources["unary_queue"]) == (5, str(file))


def test_every_option_is_tried_in_these_tests() -> None:
    assert list(OTHER_VALUES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_option_has_a_variable(name: str) -> None:
    text, value = OTHER_VALUES[name]
    effective = load_config({}, {**HOME, ENV_PREFIX + name.upper(): text}, None)
    assert getattr(effective.config, name) == value
    assert type(getattr(effective.config, name)) is type(value)
    assert effective.sources[name] == "environment"


@pytest.mark.parametrize("name", NAMES)
def test_every_option_has_a_flag(name: str) -> None:
    text, value = OTHER_VALUES[name]
    flag = "--" + name.replace("_", "-")
    texts = [part.strip() for part in re.split("[,;]", text)]
    effective = from_flags(*(f"{flag}={part}" for part in texts))
    assert getattr(effective.config, name) == value
    assert effective.sources[name] == "flag"


@pytest.mark.parametrize("name", NAMES)
def test_every_option_has_a_line_in_the_file(file: Path, name: str) -> None:
    _, value = OTHER_VALUES[name]
    shown = json.dumps(list(value) if isinstance(value, tuple) else value)  # which is TOML here
    config = from_file(file, f"{name} = {shown}\n")
    assert getattr(config, name) == value


def test_a_flag_replaces_the_whole_list_of_the_environment() -> None:
    effective = load_config({"listen": ("a:1",)}, {**HOME, "EDGESEG_LISTEN": "b:2,c:3"}, None)
    assert effective.config.listen == ("a:1",)


def test_a_single_address_in_the_config_file_needs_no_brackets(file: Path) -> None:
    assert from_file(file, 'listen = "0.0.0.0:1"').listen == ("0.0.0.0:1",)


def test_the_config_file_may_be_named_by_a_variable(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("threads = 3")
    monkeypatch.setenv("EDGESEG_CONFIG", str(file))
    assert from_flags().config.threads == 3
    other = file.with_name("other.toml")
    other.write_text("threads = 4")
    assert from_flags("--config", str(other)).config.threads == 4


def test_variables_that_are_no_options_are_ignored() -> None:
    assert read_environment({"EDGESEG_SHARED": "x", "THREADS": "y"}) == {}
    others = dict.fromkeys(("EDGESEG_CONFIG", "EDGESEG_SERVER", "EDGESEG_TOKEN", "EDGESEG_CA"), "x")
    assert unknown_variables({**others, "EDGESEG_SHARED": "x", "EDGESEG_SWIFTSHADER": "y"}) == ()


@pytest.mark.parametrize(
    "name",
    [
        "SERVICE_HOST",
        "SERVICE_PORT_GRPC",
        "PORT",
        "PORT_8460_TCP_ADDR",
        "METRICS_SERVICE_HOST",
        "METRICS_PORT",
        "MODEL_PORT",
    ],
)
def test_what_a_container_platform_adds_is_no_slip(name: str) -> None:
    assert unknown_variables({ENV_PREFIX + name: "x"}) == (ENV_PREFIX + name,)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("thread = 1", "there is no option 'thread'; did you mean 'threads'?"),
        ("max_frame_size = 1", "did you mean 'max_frame_"),
        ("zzz = 1", "there is no option 'zzz'; see"),
        ("[serve]\nthreads = 1", "there is no option 'serve'"),
        ("threads = '4'", "threads is a whole number, not '4'"),
        ("threads = 4.5", "threads is a whole number, not 4.5"),
        ("threads = true", "threads is a whole number, not True"),
        ("drain_seconds = 'long'", "drain_seconds is a number, not 'long'"),
        ("drain_seconds = false", "drain_seconds is a number, not False"),
        ("delegate = 3", "delegate is a string, not 3"),
        ("listen = 8460", "listen is a list of strings, not 8460"),
        ("listen = ['a:1', 2]", "listen is a list of strings"),
        ("threads = ", "is not TOML"),
        ("a = " + "[" * 100_000, "is not TOML"),
        ("a = " + "{a=" * 100_000, "is not TOML"),
        ("threads = " + "9" * 10_000, "is not TOML"),
        ("threads = 0x" + "9" * 10_000, "threads is too large a number"),
        ("drain_seconds = 1" + "0" * 400, "drain_seconds is too large a number"),
        ("threads = 1\nthreads = 2", "is not TOML"),
    ],
)
def test_a_mistake_in_the_config_file_is_reported_with_file_and_key(
    file: Path, text: str, complaint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        from_file(file, text)
    assert complaint in str(caught.value)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("name", ["model", "listen", "delegate", "candidates", "data_dir"])
def test_a_nul_in_a_file_name_is_an_error(file: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} contains a NUL"):
        from_file(file, f'{name} = "a\\u0000b.so"')


def test_a_path_that_is_no_regular_file_is_an_error_at_once(file: Path) -> None:
    os.mkfifo(file)
    with pytest.raises(ConfigError, match=r"cannot read .*not a regular file"):
        load_config({}, HOME, file)
    with pytest.raises(ConfigError, match=r"cannot read .*not a regular file"):
        load_config({}, HOME, Path("/dev/zero"))


def test_a_config_file_that_cannot_be_read_is_an_error(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*No such file"):
        load_config({}, HOME, file)
    with pytest.raises(ConfigError, match="cannot read"):
        load_config({}, HOME, file.parent)
    file.write_bytes(b"model = '\xff'")
    with pytest.raises(ConfigError, match="is not TOML"):
        load_config({}, HOME, file)


@pytest.mark.parametrize(
    ("environ", "complaint"),
    [
        ({"EDGESEG_THREADS": "many"}, "EDGESEG_THREADS is a number, not 'many'"),
        ({"EDGESEG_THREADS": "1" * 400}, "threads is too large a number"),
        ({"EDGESEG_MODLE": "x"}, "there is no variable EDGESEG_MODLE; did you mean EDGESEG_MODEL?"),
        ({"EDGESEG_CONFG": "x"}, "did you mean EDGESEG_CONFIG?"),
        ({"EDGESEG_THREADS": ""}, "EDGESEG_THREADS is a number, not ''"),
        ({"EDGESEG_DRAIN_SECONDS": "1s"}, "EDGESEG_DRAIN_SECONDS is a number, not '1s'"),
        ({"EDGESEG_LISTEN": ""}, "listen needs an address"),
        ({"EDGESEG_LISTEN": " , "}, "listen needs an address"),
        ({"EDGESEG_LOG_LEVEL": "loud"}, "log_level is one of debug, info, warning, error"),
    ],
)
def test_a_wrong_variable_is_reported_by_its_name(
    environ: Mapping[str, str], complaint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config({}, HOME | dict(environ), None)
    assert complaint in str(caught.value)


def test_a_wrong_flag_is_reported_by_its_name() -> None:
    with pytest.raises(ConfigError, match="--max-frame-bytes is a number, not 'big'"):
        from_flags("--max-frame-bytes", "big")


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"threads": -1}, "threads cannot be negative, but is -1"),
        ({"drain_seconds": -0.1}, "drain_seconds cannot be negative"),
        ({"engine_answer_seconds": -1.0}, "engine_answer_seconds cannot be negative"),
        ({"max_streams": 0}, "max_streams cannot be 0"),
        ({"message_seconds": 0.0}, "message_seconds cannot be 0"),
        ({"decode_seconds": 0.0}, "decode_seconds cannot be 0"),
        ({"unary_queue": 0}, "unary_queue cannot be 0"),
        ({"listen": ()}, "listen needs an address"),
        ({"delegate": "tpu"}, "there is no delegate 'tpu'; known are cpu, edgetpu"),
        ({"runtime": "torch"}, "runtime is one of auto, ai-edge-litert, tflite-runtime"),
    ],
)
def test_impossible_values_of_options_are_refused(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config(**values)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("text", ["nan", "inf"])
def test_seconds_that_are_not_finite_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        load_config({}, {**HOME, "EDGESEG_DRAIN_SECONDS": text}, None)


STRANGE = [
    "/models/with space.tflite",
    r"C:\models\rooms.tflite",
    "/m/\"quoted\" 'name'.tflite",
    "/modèles/räume.tflite",
    "/models/🙂.tflite",
    "/models/\x7f.tflite",
]


@pytest.mark.parametrize("model", STRANGE)
def test_what_the_config_command_prints_is_a_file_that_means_the_same(
    file: Path, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    flags = [f"--model={model}", "--listen=[::1]:0", "--listen=unix:///run/e", "--threads=2"]
    flags += ["--drain-seconds=1e-3", "--metrics-listen=", "--data-dir=/data"]
    text = printed_by(capsys, *flags)
    tomllib.loads(text)
    file.write_text(text, encoding="utf-8")
    assert load_config({}, HOME, file).config == from_flags(*flags).config


def test_what_the_config_command_prints_names_the_source_of_each_value(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESEG_UNARY_QUEUE", "3")
    file.write_text("threads = 1")
    lines = printed_by(capsys, "--config", str(file), "--model", "rooms").splitlines()
    assert 'model = ["rooms"]  # flag' in lines
    assert f"threads = 1  # {file}" in lines
    assert "unary_queue = 3  # environment" in lines
    assert 'log_level = "info"  # default' in lines
    described: list[str] = []
    for line in lines:
        if line.startswith("# "):
            described.append(line.removeprefix("# "))
        elif line:
            name = line.partition(" = ")[0]
            assert " ".join(described) == Config.__dataclass_fields__[name].metadata["help"]
            described.clear()
    assert max(map(len, (line for line in lines if line.startswith("#")))) <= 79


def test_the_config_command_gives_json_for_programs(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("threads = 1")
    facts = json.loads(printed_by(capsys, "--json", "--config", str(file), "--model=rooms"))
    assert facts["threads"] == {"value": 1, "source": str(file)}
    assert facts["model"] == {"value": ["rooms"], "source": "flag"}
    assert list(facts) == [setting.name for setting in fields(Config)]


def test_the_help_names_each_variable_and_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["serve", "--help"])
    assert caught.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    for setting in fields(Config):
        assert f"[{ENV_PREFIX}{setting.name.upper()}]" in shown
    assert f"(default: {DEFAULT_LISTEN})" in shown


def test_a_config_error_ends_the_command_with_its_own_status(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["config", "--threads=-1"]) == EXIT_CODES[ConfigError]
    shown = capsys.readouterr()
    assert shown.err == "edgesegd: threads cannot be negative, but is -1\n"
    assert not shown.out


def test_every_startup_error_has_an_exit_status_of_its_own() -> None:
    assert set(EXIT_CODES) == set(errors.StartupError.__subclasses__())
    assert len(set(EXIT_CODES.values())) == len(EXIT_CODES)
    assert not {0, 1, 2} & set(EXIT_CODES.values()), "success, a bug, and argparse's usage"
    assert max(EXIT_CODES.values()) < 64


@pytest.mark.parametrize(
    ("flags", "sources"),
    [
        ([], ()),
        (["--view"], ("page",)),
        (["--view", "0", "photos"], ("0", "photos")),
        (
            ["--view", "0", "--view", "front=rtsp://10.0.0.7/live"],
            ("0", "front=rtsp://10.0.0.7/live"),
        ),
        (["--view", "--threads", "2"], ("page",)),
    ],
)
def test_the_view_may_have_several_sources_or_none(
    flags: list[str], sources: tuple[str, ...]
) -> None:
    assert from_flags(*flags).config.view == sources
