"""What a sync leaves in the folder of models, also if it is killed at any moment."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from edgesegd.core.errors import (
    CannotListen,
    ConfigError,
    DownloadFailed,
    ModelInvalid,
    ModelMissing,
    ReleaseBusy,
    ReleaseFailed,
    ReleaseRefused,
    StartupError,
)
from edgesegd.models.catalogue.repository import ModelRepository
from edgesegd.rollout.lock import exclusive
from edgesegd.rollout.making import make_manifest
from edgesegd.rollout.manifest import MANIFEST, ReleasedModel, read_manifest
from edgesegd.rollout.policy import Policy
from edgesegd.rollout.record import RECORD, read_record
from edgesegd.rollout.source import FolderSource
from edgesegd.rollout.sync import LOCK, Outcome, Sync
from edgesegd.rollout.version_folders import OWN

CHANGES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod"}
"""Audit events of all that changes a folder."""
NEWER_ONLY = Policy()


class Serving:
    """A trial that serves what it is asked to, but not the `broken` models."""

    def __init__(self, **versions: int) -> None:
        self.versions = versions
        self.broken: dict[str, StartupError] = {}

    def require_ready(self, model: ReleasedModel, folder: Path) -> None:
        """It is."""

    def serving(self, name: str) -> int:
        return self.versions.get(name, 0)

    def serve(self, model: ReleasedModel) -> None:
        if error := self.broken.get(model.name):
            raise error
        self.versions[model.name] = model.version

    def serve_again(self, name: str, version: int) -> None:
        if version:
            self.versions[name] = version
        else:
            self.versions.pop(name, None)

    def installed(self, model: ReleasedModel) -> None:
        assert self.versions[model.name] == model.version


class Board:
    """A folder of models with version 1 of rooms, and releases for it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.releases = folder / "served", folder / "releases"
        add(self.folder, "rooms", 1)
        self.trial = Serving(rooms=1)
        self.sync = Sync(self.folder, self.trial)

    def install(self, policy: Policy = NEWER_ONLY, **versions: int) -> Outcome:
        """Install a release of these versions."""
        return self.install_from(self.release(**versions), policy)

    def install_from(self, release: Path, policy: Policy = NEWER_ONLY) -> Outcome:
        manifest = read_manifest((release / MANIFEST).read_bytes())
        return self.sync.install(manifest, FolderSource(release), policy)

    def release(self, **versions: int) -> Path:
        """A folder with a release, whose serial is one more than that of the last one."""
        self.releases.mkdir(exist_ok=True)
        serial = 1 + len(list(self.releases.iterdir()))
        folder = self.releases / str(serial)
        for name, version in versions.items():
            add(folder, name, version)
        data = make_manifest(folder, serial=serial, percent=100, release=f"release {serial}")
        (folder / MANIFEST).write_bytes(data)
        return folder

    def at_start(self) -> dict[str, str]:
        """What a daemon that starts now would serve."""
        sources = ModelRepository((), self.folder).sources()
        for source in sources:
            assert (source.path.parent / "labels.txt").read_text() == source.version, "it is whole"
        return {source.name: source.version for source in sources}

    def versions(self, name: str = "rooms") -> set[str]:
        """The versions that are there, held or not."""
        return {path.name for path in (self.folder / name).iterdir()}

    def left_over(self) -> set[str]:
        return {path.name for path in (self.folder / OWN).iterdir()} - {RECORD, LOCK}


def add(folder: Path, name: str, version: int) -> None:
    place = folder / name / str(version)
    place.mkdir(parents=True)
    (place / "model.tflite").write_text(f"{name} {version}")
    (place / "labels.txt").write_text(str(version))


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


def test_a_release_is_installed_once_and_the_version_before_it_is_kept(board: Board) -> None:
    assert board.install(rooms=2) is Outcome.INSTALLED
    assert board.at_start() == {"rooms": "2"}
    assert board.install_from(board.releases / "1") is Outcome.UNCHANGED
    assert board.install(rooms=3) is Outcome.INSTALLED
    assert board.install(rooms=5) is Outcome.INSTALLED
    assert board.versions() == {"1", "3", "5"}, "1 came with no release, and 2 is two releases ago"
    assert board.at_start() == {"rooms": "5"}
    assert not board.left_over()
    record = read_record(board.folder / OWN)
    assert (record.serial, record.release) == (3, "release 3")
    assert (record.models["rooms"].version, record.models["rooms"].before) == (5, 3)


def test_a_model_that_a_release_does_not_name_stays(board: Board) -> None:
    add(board.folder, "streets", 4)
    board.install(rooms=2)
    assert board.at_start() == {"rooms": "2", "streets": "4"}


def test_an_older_release_is_refused_unless_it_is_asked_for(board: Board) -> None:
    first, second = board.release(rooms=2), board.release(rooms=3)
    board.install_from(second)
    with pytest.raises(ReleaseRefused, match="has the serial 1, and is older than release 2"):
        board.install_from(first)
    assert board.at_start() == {"rooms": "3"}
    assert board.install_from(first, Policy(allow_older=True)) is Outcome.INSTALLED
    assert board.at_start() == {"rooms": "2"}, "though 3 is higher"
    assert board.install_from(second) is Outcome.INSTALLED
    assert board.at_start() == {"rooms": "3"}


def test_a_newer_release_may_go_back_to_versions_from_before(board: Board) -> None:
    board.install(rooms=2)
    board.install(rooms=3)
    assert board.install(rooms=2) is Outcome.INSTALLED
    assert board.trial.versions == {"rooms": 2}
    assert board.at_start() == {"rooms": "2"}
    assert board.sync.take_back()[0] is Outcome.TAKEN_BACK
    assert board.trial.versions == {"rooms": 3}
    assert board.at_start() == {"rooms": "3"}
    assert board.install(rooms=1) is Outcome.INSTALLED
    assert board.at_start() == {"rooms": "1"}, "the factory's"
    assert board.install(rooms=4) is Outcome.INSTALLED
    assert "1" in board.versions()


def test_a_version_from_before_that_fails_now_is_not_removed(board: Board) -> None:
    board.install(rooms=2)
    board.trial.broken["rooms"] = ModelInvalid("a driver is gone")
    with pytest.raises(ReleaseFailed, match="so rooms 2 goes on"):
        board.install(rooms=1)
    assert board.versions() == {"1", "2"}
    assert board.at_start() == {"rooms": "2"}


def test_another_release_with_the_same_serial_is_refused(board: Board) -> None:
    board.install(rooms=2)
    release = board.release(rooms=3)
    data = make_manifest(release, serial=1, percent=100, release="other")
    (release / MANIFEST).write_bytes(data)
    with pytest.raises(ReleaseRefused, match="is not the same as release 1"):
        board.install_from(release)


def test_a_release_that_does_not_serve_leaves_all_as_it_was(board: Board) -> None:
    board.install(rooms=2)
    add(board.folder, "streets", 1)
    board.trial.versions["streets"] = 1
    board.trial.broken["streets"] = ModelInvalid("its masks are smaller")
    release = board.release(rooms=3, streets=2)
    with pytest.raises(ReleaseFailed, match=r"so rooms 2, streets 1 goes on .*masks are smaller"):
        board.install_from(release)
    assert board.trial.versions == {"rooms": 2, "streets": 1}
    assert board.at_start() == {"rooms": "2", "streets": "1"}
    assert board.versions() == {"1", "2"}
    board.trial.broken.clear()
    with pytest.raises(ReleaseFailed, match=r"is not tried on this board again .*--retry tries it"):
        board.install_from(release)
    assert board.install_from(release, Policy(retry=True)) is Outcome.INSTALLED
    assert board.at_start() == {"rooms": "3", "streets": "2"}
    assert board.install(rooms=4, streets=2) is Outcome.INSTALLED


def test_a_model_of_the_release_that_served_already_is_not_taken_back(board: Board) -> None:
    board.install(rooms=2)
    board.trial.broken["streets"] = ModelInvalid("broken")
    with pytest.raises(ReleaseFailed):
        board.install(rooms=2, streets=1)
    assert board.trial.versions == {"rooms": 2}
    assert board.at_start() == {"rooms": "2"}


def test_a_daemon_that_ends_meanwhile_says_nothing_about_the_release(board: Board) -> None:
    board.trial.broken["rooms"] = CannotListen("the daemon ended")
    with pytest.raises(CannotListen):
        board.install(rooms=2)
    assert board.at_start() == {"rooms": "1"}
    board.trial.broken.clear()
    assert board.install_from(board.releases / "1") is Outcome.INSTALLED


def test_a_release_is_taken_back_and_not_installed_again_by_itself(board: Board) -> None:
    assert board.sync.take_back()[0] is Outcome.UNCHANGED
    board.install(rooms=2, streets=1)
    assert board.sync.take_back()[0] is Outcome.TAKEN_BACK
    assert board.trial.versions == {"rooms": 1}
    assert board.at_start() == {"rooms": "1"}
    assert board.sync.take_back()[0] is Outcome.UNCHANGED
    with pytest.raises(ReleaseFailed, match=r"not tried on this board again \(it was taken back\)"):
        board.install_from(board.releases / "1")
    assert board.install(rooms=3, streets=2) is Outcome.INSTALLED
    assert board.at_start() == {"rooms": "3", "streets": "2"}


def test_only_what_the_last_release_changed_is_taken_back(board: Board) -> None:
    board.install(rooms=2, streets=5)
    board.install(rooms=2, streets=6)
    assert board.sync.take_back()[0] is Outcome.TAKEN_BACK
    assert board.trial.versions == {"rooms": 2, "streets": 5}
    assert board.at_start() == {"rooms": "2", "streets": "5"}


def test_a_release_of_what_serves_already_has_nothing_to_take_back(board: Board) -> None:
    assert board.install(rooms=1) is Outcome.INSTALLED
    assert board.sync.take_back()[0] is Outcome.UNCHANGED
    assert board.at_start() == {"rooms": "1"}


def test_a_release_without_a_version_from_before_cannot_be_taken_back(board: Board) -> None:
    board.install(rooms=2)
    (board.folder / "rooms" / "1").rename(board.folder.parent / "aside")
    with pytest.raises(ModelMissing, match=r"version 1 of rooms, .* is not here any more"):
        board.sync.take_back()
    assert board.at_start() == {"rooms": "2"}


def test_damaged_files_of_the_installed_release_are_fetched_again(board: Board) -> None:
    board.install(rooms=2)
    (board.folder / "rooms" / "2" / "model.tflite").write_text("damaged")
    assert board.install_from(board.releases / "1") is Outcome.INSTALLED
    assert (board.folder / "rooms" / "2" / "model.tflite").read_text() == "rooms 2"
    assert board.at_start() == {"rooms": "2"}
    assert read_record(board.folder / OWN).models["rooms"].before == 1


def test_other_files_under_the_number_of_a_version_are_refused(board: Board) -> None:
    place = board.folder / "rooms" / "2"
    place.mkdir()
    (place / "model.tflite").write_text("an operator's")
    with pytest.raises(ReleaseRefused, match="version 2 of rooms is here with other files"):
        board.install(rooms=2)
    assert (place / "model.tflite").read_text() == "an operator's"


def test_what_is_in_the_way_is_left_alone_and_said(board: Board, tmp_path: Path) -> None:
    (board.folder / "streets.tflite").write_text("a file")
    with pytest.raises(ConfigError, match=r"streets\.tflite is a model of the same name"):
        board.install(streets=2)
    (board.folder / "streets.tflite").unlink()
    outside = tmp_path / "outside"
    outside.mkdir()
    (board.folder / "streets").symlink_to(outside)
    with pytest.raises(ConfigError, match="streets is in the way: it must be a folder"):
        board.install(streets=2)
    assert not list(outside.iterdir())


def test_a_release_that_is_not_whole_installs_nothing(board: Board) -> None:
    release = board.release(rooms=2, streets=1)
    (release / "streets" / "1" / "labels.txt").unlink()
    with pytest.raises(DownloadFailed, match="No such file"):
        board.install_from(release)
    assert board.at_start() == {"rooms": "1"}
    assert board.versions() == {"1"}
    (release / "streets" / "1" / "labels.txt").write_text("2")
    with pytest.raises(DownloadFailed, match="its SHA-256 is"):
        board.install_from(release)
    assert board.at_start() == {"rooms": "1"}
    (release / "streets" / "1" / "labels.txt").write_text("1")
    assert board.install_from(release) is Outcome.INSTALLED


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said(board: Board) -> None:
    board.folder.chmod(0o500)
    with pytest.raises(DownloadFailed, match="cannot be written: Permission denied"):
        board.install(rooms=2)
    board.folder.chmod(0o700)


def test_a_version_that_cannot_be_moved_to_its_place_names_the_place(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, target: Path) -> Path:
        raise PermissionError(errno.EACCES, "Permission denied", str(path), None, str(target))

    monkeypatch.setattr(Path, "rename", refuse)
    place = board.folder / "rooms" / "2"
    with pytest.raises(DownloadFailed, match=f"cannot be moved to {place}: Permission denied"):
        board.install(rooms=2)


@pytest.mark.parametrize("text", ["", "{}", "{}x", '{"serial": "1"}', '{"unknown": 1}', "[]"])
def test_a_damaged_record_lets_no_older_release_in(board: Board, text: str) -> None:
    board.install(rooms=2)
    (board.folder / OWN / RECORD).write_text(text)
    with pytest.raises(ConfigError, match="is damaged, so it is unknown which release"):
        board.install_from(board.releases / "1")


def test_two_syncs_are_not_at_work_at_once(board: Board) -> None:
    board.install(rooms=2)
    with exclusive(board.folder / OWN / LOCK), pytest.raises(ReleaseBusy, match="is at work in"):
        board.install(rooms=3)
    assert board.at_start() == {"rooms": "2"}


def killed_at(count: int, work: Callable[[], object]) -> bool:
    """Do the work in a process that is killed at that change of a folder; whether it was."""
    pid = os.fork()
    if pid == 0:
        left = count

        def die(event: str, _: tuple[object, ...]) -> None:
            nonlocal left
            if event in CHANGES:
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(die)
        try:
            work()
        except BaseException:  # noqa: BLE001 # the child must not go on with the tests
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)


def test_a_sync_that_is_killed_at_any_moment_leaves_what_served_or_what_is_proven(
    tmp_path: Path,
) -> None:
    count, seen = 0, set()
    while True:
        board = Board(tmp_path / str(count))
        board.install(rooms=2, streets=5)
        release = board.release(rooms=3, streets=6)
        was_killed = killed_at(count, partial(board.install_from, release))
        found = board.at_start()
        assert set(found) == {"rooms", "streets"}
        seen.add((found["rooms"], found["streets"]))
        if not was_killed:
            break
        outcome = board.install_from(release)
        assert outcome in {Outcome.INSTALLED, Outcome.UNCHANGED}
        assert board.at_start() == {"rooms": "3", "streets": "6"}
        assert board.versions() == {"1", "2", "3"}
        record = read_record(board.folder / OWN)
        assert (record.models["rooms"].before, record.models["streets"].before) == (2, 5)
        assert set(record.changed) == {"rooms", "streets"}
        count += 1
    assert count > 20, "it was killed at many moments"
    assert seen <= {("2", "5"), ("3", "5"), ("3", "6")}
    assert ("2", "5") in seen


def test_a_release_of_a_lower_version_that_is_killed_at_any_moment_is_completed_by_the_next_sync(
    tmp_path: Path,
) -> None:
    count, seen = 0, set()
    while True:
        board = Board(tmp_path / str(count))
        add(board.folder, "factory", 7)
        board.trial.versions["factory"] = 7
        board.install(rooms=2)
        board.install(rooms=3)
        release = board.release(rooms=2, factory=6)
        was_killed = killed_at(count, partial(board.install_from, release))
        seen.add(tuple(board.at_start().values()))
        if not was_killed:
            break
        board.install_from(release)
        assert board.at_start() == {"factory": "6", "rooms": "2"}
        record = read_record(board.folder / OWN)
        assert (record.models["rooms"].before, record.models["factory"].before) == (3, 7)
        assert set(record.changed) == {"rooms", "factory"}
        assert board.sync.take_back()[0] is Outcome.TAKEN_BACK
        assert board.at_start() == {"factory": "7", "rooms": "3"}
        count += 1
    assert count > 20, "it was killed at many moments"
    assert seen >= {("7", "3"), ("6", "2")}


def test_a_higher_version_that_an_operator_adds_to_a_release_stays(board: Board) -> None:
    board.install(rooms=2)
    add(board.folder, "rooms", 9)
    assert board.install_from(board.releases / "1") is Outcome.UNCHANGED
    assert board.at_start() == {"rooms": "9"}
