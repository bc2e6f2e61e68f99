"""`edgesegd models sync`: installs a release of models."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from edgesegd.cli.cpu_trial import CpuTrial
from edgesegd.cli.download_bar import download_bar
from edgesegd.cli.exit_codes import NOT_IN_STAGE, OK
from edgesegd.config import Config
from edgesegd.control.messages import control_path
from edgesegd.core.errors import ConfigError
from edgesegd.rollout.fetching import fetch_manifest
from edgesegd.rollout.manifest import Manifest
from edgesegd.rollout.owner import become_owner
from edgesegd.rollout.policy import Policy, require_newer
from edgesegd.rollout.record import read_record
from edgesegd.rollout.signature import read_key
from edgesegd.rollout.source import open_source
from edgesegd.rollout.staging import board_id, is_for, position
from edgesegd.rollout.sync import Outcome, Sync
from edgesegd.rollout.trial import DaemonTrial, Trial
from edgesegd.rollout.version_folders import OWN

ALL = 100
"""Percent of the boards."""
OTHERS = "not in this stage"
"""The outcome for a board that the release is not for yet."""


def sync(args: Namespace, config: Config) -> int:
    """Sync; the exit status. Raises `StartupError` if it fails."""
    if not config.models:
        raise ConfigError(
            "name the folder of models that the daemon serves: --models FOLDER, or EDGESEG_MODELS"
        )
    folder = Path(config.models)
    if args.back:
        if args.source is not None or args.dry_run:
            raise ConfigError("--back takes neither a URL or DIR nor --dry-run")
        become_owner(folder)
        return _take_back(Sync(folder, _trial(args, config)), as_json=args.json)
    if not args.source:  # a variable of the timer's may be empty
        raise ConfigError("name the release: edgesegd models sync URL|DIR")
    return _install(args, config, folder)


def _install(args: Namespace, config: Config, folder: Path) -> int:
    if not args.seconds > 0:  # nor is it NaN
        raise ConfigError(f"--seconds is more than 0, not {args.seconds:g}")
    if bool(args.key) == args.unsigned:
        raise ConfigError(
            "give the public key that must have signed the release with --key FILE, or say "
            "--unsigned to take any"
        )
    # These may be for root only; the folder may be another user's.
    keys = [read_key(path) for path in args.key]
    source = open_source(args.source, authority=args.ca, seconds=args.seconds)
    become_owner(folder)
    manifest = fetch_manifest(source, keys)
    policy = Policy(allow_older=args.allow_older, retry=args.retry)
    at, board = 0.0, args.board
    if manifest.percent < ALL or args.dry_run:
        board = board_id(args.board)
        at = position(manifest.release, board)
    is_in_stage = args.any_stage or is_for(manifest.percent, at)
    if args.dry_run:
        _say_plan(manifest, board, at, is_in_stage=is_in_stage)
        require_newer(manifest, read_record(folder / OWN), policy)
        return OK if is_in_stage else NOT_IN_STAGE
    if not is_in_stage:
        text = f"the release {manifest.release} is for {manifest.percent:g} % of the boards, and "
        _say(args, OTHERS, manifest.release, f"{text}not for this one yet ({at:.2f} %)")
        return NOT_IN_STAGE
    with download_bar(manifest.release) as progress:
        synced = Sync(folder, _trial(args, config))
        outcome = synced.install(manifest, source, policy, progress)
    is_new = outcome is Outcome.INSTALLED
    models = ", ".join(f"{model.name} {model.version}" for model in manifest.models)
    text = f"the release {manifest.release} is {'' if is_new else 'already '}installed: {models}"
    _say(args, outcome.value, manifest.release, text)
    return OK


def _take_back(synced: Sync, *, as_json: bool) -> int:
    outcome, record = synced.take_back()
    text = "there is no release to take back"
    if record.content:
        text = f"the release {record.release} gave no model another version; nothing is taken back"
    if outcome is Outcome.TAKEN_BACK:
        versions = ", ".join(
            f"{name} {each.before}" if each.before else f"{name} is not served"
            for name, each in record.models.items()
            if name in record.changed
        )
        text = f"the release {record.release} is taken back: {versions}"
    _say(Namespace(json=as_json), outcome.value, record.release, text)
    return OK


def _say(args: Namespace, outcome: str, release: str, text: str) -> None:
    print(json.dumps({"outcome": outcome, "release": release}) if args.json else text)


def _say_plan(manifest: Manifest, board: str, at: float, *, is_in_stage: bool) -> None:
    verdict = "which includes it" if is_in_stage else "which does not include it"
    print(f"release {manifest.release}, serial {manifest.serial}")
    print(
        f"board {board} is at {at:.2f} %, and the release is for {manifest.percent:g} %, {verdict}"
    )
    for model in manifest.models:
        size = sum(file.size for file in model.files)
        print(f"{model.name} {model.version}: {len(model.files)} files, {size} bytes")


def _trial(args: Namespace, config: Config) -> Trial:
    if args.without_daemon:
        return CpuTrial(Path(config.models), config.runtime, config.threads)
    return DaemonTrial(control_path(config.control, config.data_dir))
