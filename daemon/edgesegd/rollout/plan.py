"""What a release changes on a board, before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgesegd.core.errors import ReleaseRefused
from edgesegd.rollout.manifest import Manifest, ReleasedModel
from edgesegd.rollout.record import Record
from edgesegd.rollout.trial import Trial
from edgesegd.rollout.version_folders import Found, VersionFolders


@dataclass(frozen=True, slots=True)
class Needed:
    """The models of a release that are not installed as they should be.

    The files of those in `missing` are not here. `unproven` also has those that are here, but have
    not served as a part of the installed release, or would not be served after a restart.
    """

    missing: Sequence[ReleasedModel]
    unproven: Sequence[ReleasedModel]


@dataclass(frozen=True, slots=True)
class Versions:
    """The version that serves `before` the release for each model, 0 for none.

    `changed` are the models to which the release gives another one.
    """

    before: Mapping[str, int]
    changed: set[str]


def find_needed(manifest: Manifest, record: Record, folders: VersionFolders) -> Needed:
    """Compare a release with what is here; raises OSError.

    Raises ReleaseRefused if it gives a version that is used here other files.
    """
    missing, unproven = [], []
    for model in manifest.models:
        found = folders.find(model)
        is_held, installed = folders.is_held(model.name, model.version), is_installed(model, record)
        if found is Found.OTHER:
            is_unused = is_held and model.version in record.placed_of(model.name)
            if not installed and not is_unused:  # else they are damaged, or never served
                raise ReleaseRefused(
                    f"version {model.version} of {model.name} is here with other files, in "
                    f"{folders.path(model.name, model.version)}; a release with new files needs a "
                    "new version"
                )
        if found is not Found.SAME:
            missing.append(model)
        unfinished = installed and _has_not_held_higher(model, record, folders)
        if found is not Found.SAME or is_held or not installed or unfinished:
            unproven.append(model)
    return Needed(missing, unproven)


def find_versions(
    manifest: Manifest, needed: Needed, record: Record, folders: VersionFolders, trial: Trial
) -> Versions:
    """Which versions serve now, and which of them the release changes."""
    serving = {model.name: trial.serving(model.name) for model in manifest.models}
    changed = {
        model.name
        for model in needed.unproven
        if not is_installed(model, record)
        and (folders.is_held(model.name, model.version) or serving[model.name] != model.version)
    }
    if record.content == manifest.content:  # a killed process has recorded it
        changed |= set(record.changed)
    before = {
        model.name: _before(model, serving[model.name], record, folders)
        for model in manifest.models
    }
    return Versions(before, changed)


def is_installed(model: ReleasedModel, record: Record) -> bool:
    """Whether the record has this version of the model."""
    installed = record.models.get(model.name)
    return installed is not None and installed.version == model.version


def _has_not_held_higher(model: ReleasedModel, record: Record, folders: VersionFolders) -> bool:
    """Whether a start would serve a higher version that this one has replaced.

    A process that was killed has recorded this one, but not held that. One that an operator has
    added meanwhile is the operator's choice.
    """
    replaced = {*record.placed_of(model.name), record.models[model.name].before}
    return any(each > model.version for each in replaced & set(folders.versions(model.name)))


def _before(model: ReleasedModel, serving: int, record: Record, folders: VersionFolders) -> int:
    """The version that serves before this one, which may serve already; 0 for none."""
    if serving and serving != model.version:
        return serving
    if installed := record.models.get(model.name):
        return installed.before if is_installed(model, record) else installed.version
    others = [each for each in folders.versions(model.name) if each != model.version]
    return others[-1] if others else 0
