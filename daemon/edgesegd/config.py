"""The options and where their values come from: default < file < environment < flag."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from edgesegd.board.threads import MAX_THREADS
from edgesegd.core.errors import ConfigError
from edgesegd.delegates.spec import DelegateSpec, parse_delegate
from edgesegd.files.regular import read_regular_file, say_why
from edgesegd.models.catalogue.store import BUILTIN, default_data_dir
from edgesegd.sandbox.modes import MODES

ENV_PREFIX = "EDGESEG_"
NOT_OPTIONS = (
    "CONFIG",
    "SERVER",
    "TOKEN",
    "CA",
    "CERT",
    "KEY",
    "SHARED",
    "SWIFTSHADER",
    "VIEW_TOKEN_FILE",
)
"""Other variables with that prefix: read by every command, by clients, by the tests."""
CLOSE = 0.8
"""From this similarity on (difflib's ratio), a variable counts as a misspelt option. Names that
container platforms add, such as EDGESEG_METRICS_PORT, are less similar."""
MAX_FILE_BYTES = 1 << 20
MAX_NUMBER = 1 << 63
AUTO = "auto"
REFUSE, ALLOW = "refuse", "allow"
ON, OFF = "on", "off"
PAGE = "page"
ANNOUNCE_HOSTNAME = "auto"
"""The announced name is the machine's."""
HEALTH, REFLECTION, METRICS, NONE = PUBLIC = ("health", "reflection", "metrics", "none")
"""Services that may be public; or none of them."""
TRUE, FALSE = ("true", "yes", "1"), ("false", "no", "0", "")
DEFAULT_LISTEN = "127.0.0.1:8460"
DEFAULT_METRICS_LISTEN = "127.0.0.1:9460"

MAXIMUM = {
    "max_frame_bytes": (1 << 30) - 1,
    "threads": MAX_THREADS,
    "unary_queue": 100_000,
    "max_streams": 100_000,
    "max_calls": 100_000,
    "max_connections": 100_000,
    "idle_seconds": 1_000_000,
    "connection_seconds": 1_000_000,
    "stream_names": 1000,
}
"""gRPC's message limit, twice that of a frame, is a 32-bit number; the others catch mistakes."""
NOT_ZERO = (
    *("decode_seconds", "unary_queue", "max_streams", "max_calls"),
    *("max_connections", "message_seconds", "idle_seconds", "stream_names"),
)

Value = str | int | float | bool | tuple[str, ...]


SCALARS = (str, int, float, bool)
"""The kinds of values that are not lists."""


def option(default: Value, text: str, **more: Any) -> Any:  # noqa: ANN401 # as dataclasses.field
    """A field with its help text.

    `choices` lists the allowed values. `separator` separates the values of a list in an environment
    variable (default ","). `metavar` is the placeholder in the help. `nothing` is the value of an
    option whose flag is given without one; such a flag of a list takes several values.
    """
    return field(default=default, metadata={"help": text, **more})


@dataclass(frozen=True, slots=True)
class Config:
    """All options; they are checked when it is created. Raises ConfigError."""

    model: tuple[str, ...] = option(
        (),
        "model to serve: builtin (the default), the name of a pulled model, or a file; NAME=MODEL "
        "serves it under that name; may be repeated (in the variable: separated by ;)",
        separator=";",
        metavar="[NAME=]MODEL",
    )
    models: str = option(
        "",
        "folder whose models are served: NAME.tflite, or NAME/VERSION/model.tflite where VERSION "
        "is a number; the highest version is served",
        metavar="FOLDER",
    )
    default_model: str = option(
        "", "model for clients that name none; empty for the first --model, or the only model"
    )
    watch_models: float = option(
        0.0,
        "how often the folder of models is checked for new versions, in seconds; 0 for never (then "
        "`edgesegd models reload` or SIGHUP loads them)",
    )
    idle_unload: float = option(
        0.0,
        "seconds without a frame after which a model's engines are stopped; the next frame starts "
        "them again; 0 for never",
    )
    control: str = option(
        "",
        "Unix socket for `edgesegd models load` and other orders to the daemon; empty for "
        "control.sock in the data folder, none for no socket",
        metavar="PATH",
    )
    listen: tuple[str, ...] = option(
        (DEFAULT_LISTEN,), "where to serve gRPC: HOST:PORT or unix:///PATH; port 0 picks a free one"
    )
    listen_wait: float = option(
        0.0,
        "how long to wait at the start for addresses of listen and metrics_listen that this "
        "machine does not have yet, in seconds; 0 not to wait",
    )
    socket_mode: str = option(
        "",
        "permissions of the Unix sockets that clients use, in octal, such as 660; empty for those "
        "that the process's mask leaves (660 if there is a socket_group)",
        metavar="MODE",
    )
    socket_group: str = option(
        "", "group of these sockets; empty for the process's", metavar="GROUP"
    )
    metrics_listen: str = option(
        DEFAULT_METRICS_LISTEN, "where to serve Prometheus metrics: HOST:PORT; empty for no metrics"
    )
    announce: str = option(
        "",
        "announce the daemon in its network by mDNS (it needs edgeseg[discovery]), under this "
        "name, or auto for the machine's name; empty for no announcement",
        metavar="NAME",
        nothing=ANNOUNCE_HOSTNAME,
    )
    view: tuple[str, ...] = option(
        (),
        "show sources with their masks on a web page beside the daemon, for a first look (it needs "
        "edgeseg[view]): cameras, videos, folders or addresses; page for a page without one, where "
        "pictures can be chosen",
        separator=";",
        metavar="SOURCE",
        nothing=PAGE,
    )
    view_listen: str = option(
        "127.0.0.1:8462", "where --view serves its page: HOST:PORT; port 0 picks a free one"
    )
    tls_cert: str = option(
        "",
        "certificate of the daemon, in PEM format, for gRPC and metrics over TLS; `edgesegd tls "
        "init` makes one. It is read again when it changes",
        metavar="FILE",
    )
    tls_key: str = option("", "key of the certificate, without a password", metavar="FILE")
    tls_client_ca: str = option(
        "",
        "authority that has signed the certificates of clients: only these may connect; empty if "
        "they need none",
        metavar="FILE",
    )
    tokens: str = option(
        "",
        "file of the tokens that clients need, written by `edgesegd tokens`; empty for tokens.json "
        "in the data folder, if it is there; none to ask for no token",
        metavar="FILE",
    )
    public: tuple[str, ...] = option(
        (HEALTH,),
        "service that needs no token, if others do: health, reflection, metrics or none; may be "
        "repeated",
        metavar="SERVICE",
    )
    insecure: bool = option(
        False,
        "listen at addresses that other machines can reach although traffic is not encrypted, or "
        "everyone may use the daemon",
    )
    delegate: str = option(
        "auto",
        "what runs the model: auto, cpu, a known delegate (edgetpu:usb:0), or PATH.so:key=value,…",
    )
    candidates: tuple[str, ...] = option(
        (),
        "delegate that auto tries in addition to the known ones: PATH.so:key=value,…; may be "
        "repeated (in the variable: separated by ;)",
        separator=";",
        metavar="DELEGATE",
    )
    check_every: int = option(
        100,
        "compare the result of every Nth frame of a delegate with the CPU's; 0 for none",
    )
    delegate_cool_down_seconds: float = option(
        30.0,
        "cool-down of a delegate that failed twice or gave wrong masks, in seconds; doubled each "
        "time",
    )
    runtime: str = option(
        "auto", "TFLite runtime to use", choices=("auto", "ai-edge-litert", "tflite-runtime")
    )
    optimize: str = option(
        "auto",
        "serve for latency (one engine), for throughput (one engine for each core, each with its "
        "own memory), or auto: one or several engines, by how many frames wait",
        choices=("auto", "latency", "throughput"),
    )
    replica_bytes: int = option(
        0,
        "memory that auto may use for several engines of a model when many frames wait, in bytes; "
        "0 for half of the board's free memory at that time",
    )
    reuse_bytes: int = option(
        32 << 20,
        "memory of each engine for the last frame and result of each stream that reuses results, "
        "in bytes; 0: no result is reused",
    )
    threads: int = option(0, "threads of the interpreter; 0 chooses by cores and runtime")
    max_frame_bytes: int = option(
        0,
        "largest frame that is accepted, in bytes; 0 for a 64th of the board's memory, 8 MiB to "
        "32 MiB",
    )
    max_frame_pixels: int = option(
        0,
        "largest picture that is decoded, in pixels; 0 for as many as fit in a quarter of the "
        "board's memory, 12,500,000 to 50,000,000",
    )
    max_held_bytes: int = option(
        0,
        "waiting frames and unread results of all clients, in bytes; 0 for a quarter of the "
        "board's memory, 64 MiB to 192 MiB, or eight of the largest frames",
    )
    decode_seconds: float = option(2.0, "how long a picture may take to decode, in seconds")
    shared_memory_bytes: int = option(
        256 << 20,
        "shared memory for frames that all clients on this board together can have, in bytes; 0 "
        "for none (only if the daemon listens on unix:///PATH)",
    )
    oip_shared_memory: str = option(
        REFUSE,
        "whether clients of the Open Inference Protocol may register shared memory of this machine",
        choices=(REFUSE, ALLOW),
    )
    oip_repository: str = option(
        REFUSE,
        "whether clients of the Open Inference Protocol may load and unload models",
        choices=(REFUSE, ALLOW),
    )
    compression: str = option(
        "refuse",
        "whether to accept compressed messages; a few kilobytes can inflate to megabytes",
        choices=("refuse", "accept"),
    )
    unary_queue: int = option(
        16, "single images of a client that may wait for an engine; more are refused"
    )
    max_streams: int = option(
        256, "streams that may be open at a time; each client gets only a part of them"
    )
    max_calls: int = option(
        512,
        "calls of any kind that may be open at a time; each client gets only a part of them",
    )
    max_connections: int = option(512, "connections that may be open at a time (newer gRPC only)")
    message_seconds: float = option(
        10.0, "how long the first message of a call may take to arrive, in seconds"
    )
    idle_seconds: float = option(
        60.0, "seconds after which a connection without a call is closed; clients connect again"
    )
    connection_seconds: float = option(
        0.0,
        "seconds after which a connection takes no new call and a stream ends, so that clients"
        " connect again, behind a balancer to another board; 0 for no limit",
    )
    drain_seconds: float = option(
        10.0, "how long open frames may take to be answered after SIGTERM, in seconds"
    )
    sandbox: str = option(
        AUTO,
        "what keeps engines, which decode clients' pictures, from files, networks and other "
        "processes: auto takes what the kernel has (Landlock, seccomp), require starts no engine "
        "without all of it, off takes nothing (docs/sandbox.md)",
        choices=MODES,
    )
    engine_start_seconds: float = option(60.0, "how long an engine may take to start, in seconds")
    engine_answer_seconds: float = option(
        0.0,
        "how long an engine may take for a frame, in seconds; 0 derives it from measured latency",
    )
    data_dir: str = option(
        "",
        "folder for pulled models and the choice of the delegate; empty for the user's data folder",
    )
    log_level: str = option(
        "info", "what is logged to stderr", choices=("debug", "info", "warning", "error")
    )
    log_format: str = option(
        "text", "how it is logged: lines of text, or objects of JSON", choices=("text", "json")
    )
    stream_metrics: str = option(
        AUTO,
        "count frames by the names that clients give their streams: auto does so only if no other "
        "machine can reach listen or metrics_listen, because a name may say more than others "
        "should read, and strangers could use up the names",
        choices=(AUTO, ON, OFF),
    )
    stream_names: int = option(
        32, "names of streams that are counted; frames of further ones are counted as other"
    )
    traces: str = option(
        "",
        "where to send traces of calls and frames (it needs edgeseg[otel]): the address of an "
        "OpenTelemetry collector that takes OTLP over gRPC, http://HOST:4317 or https://HOST:4317; "
        "empty for no traces",
        metavar="ENDPOINT",
    )
    trace_every: int = option(
        100, "of a traced stream, every Nth frame gets a span with its stages; 0 for none"
    )

    def __post_init__(self) -> None:
        for setting in fields(self):
            _check_value(setting.name, getattr(self, setting.name), setting.metadata)
        for name, maximum in MAXIMUM.items():
            if getattr(self, name) > maximum:
                raise ConfigError(f"{name} is at most {maximum}, not {getattr(self, name)}")
        for name in NOT_ZERO:
            if getattr(self, name) == 0:
                raise ConfigError(f"{name} cannot be 0")
        if not self.listen:
            raise ConfigError("listen needs an address")
        for name in set(self.public) - set(PUBLIC):
            raise ConfigError(f"public is one or more of {', '.join(PUBLIC)}, not {name!r}")
        if NONE in self.public and (others := sorted(set(self.public) - {NONE})):
            raise ConfigError(
                f"public is {NONE}, and {', '.join(others)} too: leave out one of them"
            )
        for text in (*self.candidates, *((self.delegate,) if self.delegate != AUTO else ())):
            parse_delegate(text)

    @property
    def named_models(self) -> tuple[str, ...]:
        """The models that are named one by one; the built-in one if nothing else is configured."""
        return self.model or (() if self.models else (BUILTIN,))

    @property
    def forced_delegate(self) -> DelegateSpec | None:
        """The delegate that must run the model; None if the daemon chooses."""
        return None if self.delegate == AUTO else parse_delegate(self.delegate)


@dataclass(frozen=True, slots=True)
class Effective:
    """A configuration, and for each option the source of its value.

    `ignored` are environment variables that have the daemon's prefix but name no option.
    """

    config: Config
    sources: Mapping[str, str]
    ignored: tuple[str, ...] = ()


def load_config(
    flags: Mapping[str, Value],
    environ: Mapping[str, str],
    file: Path | None,
    defaults: Mapping[str, Value] | None = None,
) -> Effective:
    """The effective configuration; raises ConfigError, which names the key, variable or flag.

    `defaults` are those in which a command differs from `Config`.
    """
    values: dict[str, Value] = dict(defaults or {})
    sources = {setting.name: "default" for setting in fields(Config)}
    layers = (
        (str(file), {} if file is None else read_file(file)),
        ("environment", read_environment(environ)),
        ("flag", flags),
    )
    for source, layer in layers:
        values |= layer
        sources |= dict.fromkeys(layer, source)
    if not values.get("data_dir"):
        values["data_dir"] = str(default_data_dir(environ))
    config = Config(**values)  # type: ignore[arg-type]  # checked by key
    return Effective(config, sources, unknown_variables(environ))


def read_file(path: Path) -> dict[str, Value]:
    """The options of a TOML file."""
    try:
        table = tomllib.loads(read_regular_file(path, MAX_FILE_BYTES).decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {say_why(error)}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    kinds = get_type_hints(Config)
    for key, value in table.items():
        if key not in kinds:
            close = difflib.get_close_matches(key, kinds, 1)
            hint = f"; did you mean {close[0]!r}?" if close else "; see `edgesegd config --help`"
            raise ConfigError(f"{path}: there is no option {key!r}{hint}")
        table[key] = _typed(f"{path}: {key}", value, kinds[key])
    return table


def read_environment(environ: Mapping[str, str]) -> dict[str, Value]:
    """The options in the environment; lists are split at their option's separator."""
    kinds = get_type_hints(Config)
    values: dict[str, Value] = {}
    for setting in fields(Config):
        name = ENV_PREFIX + setting.name.upper()
        if name in environ:
            separator = setting.metadata.get("separator", ",")
            values[setting.name] = parse(
                name, environ[name], kinds[setting.name], separator=separator
            )
    return values


def unknown_variables(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The variables with the daemon's prefix that name no option.

    Raises ConfigError for one that looks like a misspelt option, which would be ignored silently.
    """
    options = [setting.name.upper() for setting in fields(Config)]
    names = [name.removeprefix(ENV_PREFIX) for name in environ if name.startswith(ENV_PREFIX)]
    unknown = sorted(name for name in names if name not in {*options, *NOT_OPTIONS})
    for name in unknown:
        if close := difflib.get_close_matches(name, (*options, *NOT_OPTIONS), 1, CLOSE):
            raise ConfigError(
                f"there is no variable {ENV_PREFIX}{name}; did you mean {ENV_PREFIX}{close[0]}?"
            )
    return tuple(ENV_PREFIX + name for name in unknown)


def parse(name: str, text: str, kind: type, *, separator: str = ",") -> Value:
    """The value that `text` means for an option of type `kind`; raises ConfigError."""
    if kind is str:
        return text
    if kind is bool:
        if text.lower() not in (*TRUE, *FALSE):
            raise ConfigError(f"{name} is true or false, not {text!r}")
        return text.lower() in TRUE
    if kind in (int, float):
        try:
            number: int | float = kind(text)
        except ValueError:
            raise ConfigError(f"{name} is a number, not {text!r}") from None
        return number
    return tuple(part.strip() for part in text.split(separator) if part.strip())


def _check_value(name: str, value: Value, about: Mapping[str, Any]) -> None:
    texts = value if isinstance(value, tuple) else (value,)
    if any(isinstance(text, str) and "\0" in text for text in texts):
        raise ConfigError(f"{name} contains a NUL character, which is never valid")
    choices = about.get("choices")
    if choices and value not in choices:
        raise ConfigError(f"{name} is one of {', '.join(choices)}, not {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{name} is a finite number, not {value}")
    _check_size(name, value)
    if isinstance(value, int | float) and value < 0:
        raise ConfigError(f"{name} cannot be negative, but is {value}")


def _check_size(name: str, value: object) -> None:
    """Raise ConfigError for a huge number; Python refuses to print thousands of digits."""
    if isinstance(value, int) and abs(value) >= MAX_NUMBER:
        raise ConfigError(f"{name} is too large a number")


def _typed(name: str, value: object, kind: type) -> Value:
    _check_size(name, value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in SCALARS and type(value) is kind:
        return value
    if kind not in SCALARS:
        if isinstance(value, str):
            return (value,)
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            return tuple(value)
    wanted = {bool: "true or false", str: "a string", int: "a whole number", float: "a number"}
    raise ConfigError(f"{name} is {wanted.get(kind, 'a list of strings')}, not {value!r}")
