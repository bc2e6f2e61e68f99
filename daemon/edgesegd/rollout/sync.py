"""Installs a release: fetches it, lets the daemon try it, and keeps what served before it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from pathlib import Path

from edgesegd.core.errors import (
    CannotListen,
    DeviceInUse,
    ModelMissing,
    ReleaseFailed,
    StartupError,
)
from edgesegd.rollout.fetching import Progress, fetch_models, why_not_written
from edgesegd.rollout.lock import exclusive
from edgesegd.rollout.manifest import Manifest, ReleasedModel
from edgesegd.rollout.plan import Versions, find_needed, find_versions
from edgesegd.rollout.policy import Policy, require_newer
from edgesegd.rollout.record import InstalledModel, Record, read_record, write_record
from edgesegd.rollout.source import Source
from edgesegd.rollout.trial import OtherFolder, Trial
from edgesegd.rollout.version_folders import VersionFolders

LOCK = "lock"
TRY_AGAIN = (CannotListen, DeviceInUse, OtherFolder)
"""What says nothing about a release: the daemon ended, or is another, or a device was in use."""


class Outcome(Enum):
    """How a sync ended that did not fail."""

    INSTALLED = "installed"
    UNCHANGED = "unchanged"
    TAKEN_BACK = "taken back"


class Sync:
    """Installs releases in the folder of models `folder`, with `trial`.

    One at a time: another process raises ReleaseBusy. If it is killed at any point, a daemon that
    starts then serves what was installed before, and the next sync goes on.
    """

    def __init__(self, folder: Path, trial: Trial) -> None:
        self._folders = VersionFolders(folder)
        self._trial = trial

    def install(
        self,
        manifest: Manifest,
        source: Source,
        policy: Policy,
        progress: Progress = lambda _done, _total: None,
    ) -> Outcome:
        """Install the release of a manifest whose signature is right.

        Raises ReleaseRefused if it is older than the installed one, or gives a version that is here
        another content; DownloadFailed; ReleaseFailed if it does not serve, and then all of its
        models serve in their versions from before; ConfigError; CannotListen without a daemon.
        """
        with self._alone():
            return self._install(manifest, source, policy, progress)

    def take_back(self) -> tuple[Outcome, Record]:
        """Serve what served before the installed release, which is not installed again by itself.

        Returns the record of that release; the outcome is UNCHANGED if there is none. Raises
        ModelMissing if a version from before is not here any more, and a StartupError if it does
        not serve.
        """
        with self._alone():
            return self._take_back()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Let no other process change the folder; an OSError within becomes DownloadFailed."""
        folders = self._folders
        try:
            folders.make_own()
            with exclusive(folders.own / LOCK):
                folders.clear_old()  # of a killed process
                yield
        except OSError as error:
            raise why_not_written(folders.folder, error) from error

    def _install(
        self, manifest: Manifest, source: Source, policy: Policy, progress: Progress
    ) -> Outcome:
        folders, record = self._folders, read_record(self._folders.own)
        require_newer(manifest, record, policy)
        needed = find_needed(manifest, record, folders)
        if record.content == manifest.content and not needed.unproven:
            if record.manifest != manifest.digest:
                write_record(folders.own, _of_manifest(record, manifest))
            return Outcome.UNCHANGED
        for model in manifest.models:
            folders.require_free(model)
            self._trial.require_ready(model, folders.folder)
        folders.forget_others(manifest.models)
        fetch_models(source, needed.missing, folders, progress)
        versions = find_versions(manifest, needed, record, folders, self._trial)
        for model in needed.missing:
            record = record.with_placed(model.name, (*record.placed_of(model.name), model.version))
        write_record(folders.own, record)
        for model in needed.missing:
            folders.put(model)
        self._serve_all(manifest, needed.unproven, versions, record)
        self._keep(manifest, needed.unproven, versions, record)
        return Outcome.INSTALLED

    def _serve_all(
        self,
        manifest: Manifest,
        unproven: Sequence[ReleasedModel],
        versions: Versions,
        record: Record,
    ) -> None:
        """Serve all models of a release, or none: then those from before serve again."""
        folders, tried = self._folders, list[ReleasedModel]()
        try:
            for model in unproven:
                tried.append(model)
                self._trial.serve(model)
        except StartupError as error:
            back = self._go_back(tried, versions.before)
            if isinstance(error, TRY_AGAIN):
                raise
            why = f"{tried[-1].name} {tried[-1].version}: {error}"
            for model in unproven:
                placed = record.placed_of(model.name)
                if model.version in placed and folders.is_held(model.name, model.version):
                    folders.remove(model.name, model.version)
                    left = tuple(each for each in placed if each != model.version)
                    record = record.with_placed(model.name, left)
            write_record(folders.own, replace(record, failed=manifest.content, why=why))
            raise ReleaseFailed(
                f"the release {manifest.release} does not serve, {back} ({why})"
            ) from error

    def _go_back(self, tried: Sequence[ReleasedModel], before: Mapping[str, int]) -> str:
        """Serve the versions from before again; returns what serves now."""
        for model in reversed(tried):
            try:
                self._trial.serve_again(model.name, before[model.name])
            except StartupError as error:
                return f"and {model.name} {before[model.name]} could not be served again: {error};"
        versions = [f"{model.name} {before[model.name]}" for model in tried if before[model.name]]
        return f"so {', '.join(versions) or 'what served before'} goes on"

    def _keep(
        self,
        manifest: Manifest,
        proven: Sequence[ReleasedModel],
        versions: Versions,
        record: Record,
    ) -> None:
        """Install what serves, and remove the versions of older releases but the last."""
        folders, models = self._folders, manifest.models
        installed = {
            model.name: InstalledModel(model.version, versions.before[model.name])
            for model in models
        }
        record = replace(
            _of_manifest(record, manifest),
            models={**record.models, **installed},
            changed=tuple(sorted(versions.changed)),
            failed="",
            why="",
        )
        write_record(folders.own, record)
        for model in models:
            folders.release(model.name, model.version)
            for version in folders.versions(model.name):
                if version > model.version:
                    folders.hold(model.name, version)
        for model in proven:
            self._trial.installed(model)
        for model in models:
            kept = {model.version, versions.before[model.name]}
            placed = set(record.placed_of(model.name))
            for version in placed - kept:
                folders.remove(model.name, version)
            record = record.with_placed(model.name, tuple(placed & kept))
        write_record(folders.own, record)
        folders.clear()

    def _take_back(self) -> tuple[Outcome, Record]:
        folders, record = self._folders, read_record(self._folders.own)
        changed = {name: each for name, each in record.models.items() if name in record.changed}
        if not changed:
            return Outcome.UNCHANGED, record
        for name, each in changed.items():
            if each.before and not folders.path(name, each.before).is_dir():
                raise ModelMissing(
                    f"version {each.before} of {name}, which served before {record.release}, is "
                    "not here any more"
                )
        for name, each in changed.items():
            self._trial.serve_again(name, each.before)
        for name, each in changed.items():
            if each.before:
                folders.release(name, each.before)
            folders.hold(name, each.version)
        back = {name: InstalledModel(each.before) for name, each in changed.items()}
        write_record(
            folders.own,
            replace(
                record,
                content="",
                models={**record.models, **back},
                changed=(),
                failed=record.content,
                why="it was taken back",
            ),
        )
        return Outcome.TAKEN_BACK, record


def _of_manifest(record: Record, manifest: Manifest) -> Record:
    return replace(
        record,
        serial=manifest.serial,
        release=manifest.release,
        manifest=manifest.digest,
        content=manifest.content,
    )
