"""Finds the models that a daemon should serve, and prints what it serves when it is ready."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgesegd.config import Config
from edgesegd.core.errors import ConfigError, EngineStartFailed, ModelMissing, StartupError
from edgesegd.ipc.messages import EngineReady
from edgesegd.ipc.trial_messages import SOFTWARE_ADAPTER
from edgesegd.models.catalogue.repository import ModelRepository, ModelSource, parse_source
from edgesegd.models.pair import ModelPair
from edgesegd.observability.metrics_server import MetricsServer
from edgesegd.serving.registry import ModelRegistry
from edgesegd.version import __version__

log = logging.getLogger(__name__)


def find_models(config: Config) -> tuple[ModelRepository, list[ModelPair], set[str]]:
    """The repository, each model to serve (the default one first), and the names that must serve.

    Raises a StartupError if a named model cannot be read, or if it is not clear which model is the
    default. If a version in a folder cannot be read, an older one is served instead; if there is
    none, this is logged.
    """
    data_dir = Path(config.data_dir)
    given = [parse_source(text, data_dir) for text in config.named_models]
    repository = ModelRepository(given, Path(config.models) if config.models else None)
    pairs: dict[str, ModelPair] = {}
    for source in repository.sources():
        try:
            pairs[source.served_as] = _newest_that_can_be_read(repository, source)
        except StartupError as error:
            if source in given or source.name == config.default_model:
                raise
            log.warning("a model in %s is not served: %s", config.models, error)
    if not pairs:
        raise ModelMissing(f"there is no model to serve in {config.models}")
    default = config.default_model or next(iter(pairs))
    if default not in pairs:
        raise ConfigError(f"default_model is {default!r}; there are {', '.join(pairs)}")
    if not (config.default_model or config.model) and len(pairs) > 1:
        raise ConfigError(
            f"{config.models} has several models: choose the one for clients that name none with "
            f"--default-model: {', '.join(pairs)}"
        )
    required = {source.served_as for source in given}
    return repository, [pairs.pop(default), *pairs.values()], required


def _newest_that_can_be_read(repository: ModelRepository, source: ModelSource) -> ModelPair:
    """Read a version, or else the newest older one that works; raises the error of the first."""
    try:
        return source.read()
    except StartupError as error:
        for older in repository.older(source):
            with contextlib.suppress(StartupError):
                pair = older.read()
                log.warning("%s; version %s is served instead", error, older.version)
                return pair
        raise


def ready_lines(
    models: ModelRegistry, addresses: Sequence[str], metrics: MetricsServer | None
) -> Iterator[str]:
    """The lines that are printed when clients can connect; raises EngineStartFailed."""
    default, *others = models
    ready = default.ready()
    if ready is None:
        raise EngineStartFailed("the engine was lost before the daemon was ready")
    for address in addresses:
        yield f"listening on {address}"
    if metrics is not None:
        yield f"metrics on {metrics.url}"
    for model in others:
        engine = model.ready()
        _warn_of_fallback(model.name, engine)
        state = "starts with its first frame" if engine is None else _describe(engine)
        yield f"model {model.name} {model.spec.version}, {state}"
    _warn_of_fallback(default.name, ready)
    if SOFTWARE_ADAPTER in ready.adapter.lower():
        log.warning("there is no GPU: %s emulates one, which is slower than the CPU", ready.adapter)
    yield (
        f"edgesegd {__version__} ready: model {default.name} {default.spec.version}, "
        f"{_describe(ready)}"
    )


def _warn_of_fallback(name: str, ready: EngineReady | None) -> None:
    if ready is not None and ready.fallback:
        log.warning("model %s: %s", name, ready.fallback)


def _describe(ready: EngineReady) -> str:
    runs = f"{ready.delegate} on {ready.adapter}" if ready.adapter else ready.delegate
    ops = f" ({ready.delegated} of {ready.operators} ops)" if ready.operators else ""
    return (
        f"{ready.runtime}, delegate {runs}{ops}, {ready.threads} threads, "
        f"{ready.invoke_seconds * 1000:.1f} ms per invoke"
    )
