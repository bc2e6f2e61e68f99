"""Releases of models are installed by the shipped command, while a daemon serves."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from edgesegd.control.client import give_order
from edgesegd.control.messages import Order
from edgesegd.models.catalogue.repository import ModelRepository
from edgesegd.rollout.manifest import MANIFEST, SIGNATURE
from edgesegd.rollout.staging import is_for, position
from support.crashing_model import crashing_model
from support.model_folder import add_version
from support.releases import Handler, Publisher, Signer, edgesegd_models, web_server
from support.running_daemon import Launch, RunningDaemon

pytestmark = pytest.mark.runtime

HOOKS = Path(__file__).parents[2] / "deploy" / "rollout"
FLAGS = ("--delegate=cpu", "--threads=1", "--optimize=latency")


class Board:
    """A daemon that serves version 1 of the model sums, and a publisher of releases for it."""

    def __init__(self, folder: Path, launch: Launch, *flags: str) -> None:
        self.folder = folder / "models"
        self.control = folder / "control.sock"
        self._launch = launch
        self._flags = (*FLAGS, *flags)
        add_version(self.folder, "sums", 1)
        self.signer = Signer(folder)
        self.publisher = Publisher(folder / "release", self.signer)
        self.daemon = self.start()

    def start(self) -> RunningDaemon:
        """Start a daemon, as after the board's boot."""
        self.daemon = self._launch(
            f"--models={self.folder}",
            f"--control={self.control}",
            f"--data-dir={self.folder.parent}",
            *self._flags,
        )
        return self.daemon

    @property
    def options(self) -> tuple[str, ...]:
        return f"--models={self.folder}", f"--control={self.control}"

    def sync(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Sync with the board's key."""
        return edgesegd_models("sync", *words, f"--key={self.signer.public}", *self.options)

    def begin_sync(self, *words: str | Path) -> subprocess.Popen[str]:
        """Begin a sync in a process of its own."""
        command = [sys.executable, "-m", "edgesegd", "models", "sync", *map(str, words)]
        command += [f"--key={self.signer.public}", *self.options]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def serves(self) -> dict[str, str]:
        """The versions that the daemon serves."""
        return {each.name: each.version for each in give_order(self.control, Order("list"))}

    def at_start(self) -> dict[str, str]:
        """What a daemon that starts now would serve."""
        found = ModelRepository((), self.folder).sources()
        return {source.name: source.version for source in found}

    async def health(self, name: str) -> str:
        """The health of a name, NOT_FOUND if the daemon does not know it."""
        async with grpc.aio.insecure_channel(self.daemon.address) as channel:
            request = health_pb2.HealthCheckRequest(service=name)
            try:
                answer = await health_pb2_grpc.HealthStub(channel).Check(request)
            except grpc.aio.AioRpcError as error:
                return str(error.code().name)
            return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


@pytest.fixture
def board(tmp_path: Path, launch: Launch) -> Iterator[Board]:
    board = Board(tmp_path, launch)
    yield board
    board.daemon.stop()


def test_a_signed_release_is_fetched_tried_served_and_served_after_a_restart(board: Board) -> None:
    release = board.publisher.publish({"sums": 2})
    with web_server(release) as address:
        done = board.sync(address)
        assert (done.returncode, done.stderr) == (0, "")
        assert "installed: sums 2" in done.stdout
        assert board.serves() == {"sums": "2"}
        assert board.daemon.metric("edgeseg_model_swaps_total", result="ok") == 1
        again = board.sync(address, "--json")
        assert again.returncode == 0
        assert json.loads(again.stdout)["outcome"] == "unchanged"
    board.daemon.stop()
    assert board.sync(release).returncode == 0, "nothing is to be done, so no daemon is needed"
    board.start()
    assert board.serves() == {"sums": "2"}


@pytest.mark.slow
def test_a_release_may_bring_a_new_model_and_take_it_away_again(board: Board) -> None:
    release = board.publisher.publish({"sums": 2, "more": 1})
    assert board.sync(release).returncode == 0
    assert board.serves() == board.at_start() == {"sums": "2", "more": "1"}
    done = board.sync("--back")
    assert "is taken back: more is not served, sums 1" in done.stdout, done
    assert board.serves() == board.at_start() == {"sums": "1"}


@pytest.mark.slow
def test_a_daemon_that_watches_the_folder_serves_nothing_that_failed(
    tmp_path: Path, launch: Launch
) -> None:
    board = Board(tmp_path, launch, "--watch-models=0.1")
    assert board.sync(board.publisher.publish({"sums": 2}, make=crashing_model)).returncode == 17
    assert board.sync(board.publisher.publish({"sums": 3})).returncode == 0
    assert board.serves() == {"sums": "3"}
    for result in ("ok", "failed"):
        assert board.daemon.metric("edgeseg_model_swaps_total", result=result) == 1
    assert board.daemon.stop() == 0


def test_a_file_that_cannot_be_written_leaves_what_is_there(board: Board) -> None:
    release = board.publisher.publish({"sums": 2})
    command = [sys.executable, "-m", "edgesegd", "models", "sync", str(release), *board.options]
    limited = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", *command]
    done = subprocess.run(
        [*limited, f"--key={board.signer.public}"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "cannot be written: File too large" in done.stderr) == (10, True), done
    assert board.serves() == board.at_start() == {"sums": "1"}
    assert board.sync(release).returncode == 0
    assert board.serves() == {"sums": "2"}


@pytest.mark.slow
def test_a_rollback_by_hand_outlives_the_next_reload(board: Board) -> None:
    assert board.sync(board.publisher.publish({"sums": 2})).returncode == 0
    assert edgesegd_models("rollback", "sums", board.options[1]).returncode == 0
    assert edgesegd_models("reload", board.options[1]).returncode == 0
    assert board.serves() == {"sums": "1"}


async def test_a_version_that_fails_its_trial_is_never_served(board: Board) -> None:
    release = board.publisher.publish({"sums": 2}, make=crashing_model)
    assert await board.health("model/sums/2") == "NOT_FOUND"
    done = await asyncio.to_thread(board.sync, release)
    assert done.returncode == 17, done
    assert "does not serve, so sums 1 goes on" in done.stderr
    assert "SIGSEGV" in done.stderr
    assert board.serves() == board.at_start() == {"sums": "1"}
    assert await board.health("model/sums/1") == "SERVING"
    assert await board.health("model/sums/2") == "NOT_SERVING"
    again = await asyncio.to_thread(board.sync, release)
    assert (again.returncode, "is not tried on this board again" in again.stderr) == (17, True)
    good = board.publisher.publish({"sums": 3})
    assert (await asyncio.to_thread(board.sync, good)).returncode == 0
    assert await board.health("model/sums/2") == "SERVICE_UNKNOWN"
    assert await board.health("model/sums/3") == "SERVING"


@pytest.mark.slow
def test_of_a_release_all_models_are_served_or_none(board: Board) -> None:
    add_version(board.publisher.folder, "sums", 2)
    release = board.publisher.publish({"zebra": 1}, make=crashing_model)
    done = board.sync(release)
    assert done.returncode == 17, done
    assert board.serves() == board.at_start() == {"sums": "1"}
    assert not (board.folder / "zebra").exists()


def test_what_was_changed_on_its_way_is_refused(board: Board) -> None:
    release = board.publisher.publish({"sums": 2})
    model = release / "sums" / "2" / "model.tflite"
    whole = model.read_bytes()
    for place in range(0, len(whole), len(whole) // 5):
        model.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        done = board.sync(release)
        assert (done.returncode, "its SHA-256 is" in done.stderr) == (10, True), done
    model.write_bytes(whole)
    manifest = (release / MANIFEST).read_bytes()
    (release / MANIFEST).write_bytes(manifest.replace(b'"serial": 1', b'"serial": 9'))
    done = board.sync(release)
    assert (done.returncode, "the signature is not right" in done.stderr) == (15, True), done
    (release / MANIFEST).write_bytes(manifest)
    (release / SIGNATURE).unlink()
    done = board.sync(release)
    assert (done.returncode, SIGNATURE in done.stderr) == (10, True), done
    assert board.serves() == board.at_start() == {"sums": "1"}
    assert {path.name for path in (board.folder / "sums").iterdir()} == {"1"}


def test_an_unsigned_release_is_taken_only_if_that_is_said(board: Board) -> None:
    release = board.publisher.publish({"sums": 2})
    (release / SIGNATURE).unlink()
    done = edgesegd_models("sync", release, *board.options)
    assert (done.returncode, "--unsigned" in done.stderr) == (3, True), done
    with web_server(release) as address:
        done = edgesegd_models("sync", address, "--unsigned", *board.options)
        assert (done.returncode, "use https://" in done.stderr) == (3, True), done
    assert edgesegd_models("sync", release, "--unsigned", *board.options).returncode == 0
    assert board.serves() == {"sums": "2"}


def test_an_older_release_needs_to_be_asked_for(board: Board) -> None:
    release = board.publisher.publish({"sums": 2}, serial=5)
    assert board.sync(release).returncode == 0
    board.publisher.sign_anew(serial=4)
    done = board.sync(release)
    assert (done.returncode, "is older than" in done.stderr) == (15, True), done
    assert board.sync(release, "--allow-older").returncode == 0


def test_a_release_for_some_boards_waits_for_its_stage(board: Board) -> None:
    release = board.publisher.publish({"sums": 2}, percent=50, release="winter")
    boards = [f"board-{number}" for number in range(30)]
    first = next(each for each in boards if is_for(50, position("winter", each)))
    later = next(each for each in boards if not is_for(50, position("winter", each)))
    done = board.sync(release, f"--board={later}")
    assert (done.returncode, "not for this one yet" in done.stdout) == (16, True), done
    dry = board.sync(release, f"--board={first}", "--dry-run")
    assert dry.returncode == 0, dry
    assert f"board {first} is at " in dry.stdout
    assert "the release is for 50 %, which includes it" in dry.stdout
    assert board.sync(release, f"--board={later}", "--dry-run").returncode == 16
    assert board.serves() == board.at_start() == {"sums": "1"}
    assert board.sync(release, f"--board={first}").returncode == 0
    assert board.serves() == {"sums": "2"}
    board.publisher.sign_anew(percent=100, release="winter")
    assert "already installed" in board.sync(release, f"--board={first}").stdout


@pytest.mark.slow
def test_a_release_is_taken_back_by_one_command(board: Board) -> None:
    release = board.publisher.publish({"sums": 2})
    assert board.sync(release).returncode == 0
    done = board.sync("--back")
    assert done.returncode == 0, done
    assert "is taken back: sums 1" in done.stdout
    assert board.serves() == board.at_start() == {"sums": "1"}
    assert "there is no release to take back" in board.sync("--back").stdout
    assert board.sync(release).returncode == 17
    assert board.sync(release, "--retry").returncode == 0
    assert board.serves() == board.at_start() == {"sums": "2"}


@pytest.mark.slow
def test_a_release_that_gave_no_model_another_version_has_nothing_to_take_back(
    board: Board,
) -> None:
    release = board.publisher.publish({"sums": 2, "other": 1})
    assert board.sync(release).returncode == 0
    shutil.rmtree(release / "other")
    board.publisher.sign_anew(release="less")
    assert board.sync(release).returncode == 0
    done = board.sync("--back")
    assert done.returncode == 0, done
    assert "the release less gave no model another version" in done.stdout
    assert board.serves() == {"sums": "2", "other": "1"}


@pytest.mark.slow
def test_a_sync_that_is_killed_while_it_fetches_goes_on_the_next_time(board: Board) -> None:
    release = board.publisher.publish({"sums": 2})
    begun, go_on = threading.Event(), threading.Event()
    model = release / "sums" / "2" / "model.tflite"

    def stall(handler: Handler) -> None:
        handler.begin(model.stat().st_size)
        handler.wfile.write(model.read_bytes()[:100])
        handler.wfile.flush()
        begun.set()
        go_on.wait(60)
        handler.close_connection = True

    with web_server(release, {"/sums/2/model.tflite": stall}) as address:
        sync = board.begin_sync(address)
        try:
            assert begun.wait(60)
            busy = board.sync(release)
            assert (busy.returncode, "is at work" in busy.stderr) == (18, True), busy
            sync.send_signal(signal.SIGKILL)
            sync.wait(60)
        finally:
            sync.kill()
            go_on.set()
            sync.communicate()
    assert board.serves() == board.at_start() == {"sums": "1"}
    assert board.sync(release).returncode == 0
    assert board.serves() == board.at_start() == {"sums": "2"}


class Overheard:
    """A socket between a sync and the daemon at `control`, which passes all orders but "load".

    At that, `at_load` is called, and the daemon gets the order only if it is `passed` on.
    """

    def __init__(self, path: Path, control: Path, at_load: Callable[[], object]) -> None:
        self._control = control
        self._at_load = at_load
        self.passed = threading.Event()
        self.loaded = threading.Event()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, _ = self._socket.accept()
            with client, client.makefile("rb") as lines:
                line = lines.readline()
                is_load = json.loads(line)["order"] == "load"
                if is_load:
                    self._at_load()
                    if not self.passed.is_set():
                        continue
                with socket.socket(socket.AF_UNIX) as daemon, contextlib.suppress(OSError):
                    daemon.connect(str(self._control))
                    daemon.sendall(line)
                    with daemon.makefile("rb") as answers:
                        answer = answers.read()
                    if is_load:
                        self.loaded.set()
                    client.sendall(answer)


@pytest.mark.slow
@pytest.mark.parametrize("passed", [False, True], ids=["before", "after"])
def test_a_sync_that_is_killed_around_the_trial_leaves_the_old_version_for_a_restart(
    board: Board, tmp_path: Path, passed: bool
) -> None:
    release = board.publisher.publish({"sums": 2})
    path = tmp_path / "overheard.sock"
    killed = threading.Event()

    def kill() -> None:
        sync.kill()
        killed.set()

    overheard = Overheard(path, board.control, kill)
    if passed:
        overheard.passed.set()
    command = [sys.executable, "-m", "edgesegd", "models", "sync", str(release)]
    options = (f"--key={board.signer.public}", f"--models={board.folder}", f"--control={path}")
    sync = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)
    assert killed.wait(60)
    sync.wait(60)
    if passed:
        assert overheard.loaded.wait(60)
        assert board.serves() == {"sums": "2"}, "an order is carried out, whoever has left"
    assert (board.folder / "sums" / "2" / "held").exists()
    assert board.at_start() == {"sums": "1"}, "nobody has seen whether 2 serves"
    board.daemon.stop()
    board.start()
    assert board.serves() == {"sums": "1"}
    assert board.sync(release).returncode == 0
    assert board.serves() == board.at_start() == {"sums": "2"}
    assert board.sync("--back").returncode == 0
    assert board.serves() == {"sums": "1"}


@pytest.mark.slow
def test_without_a_daemon_nothing_is_installed_unless_the_cpu_may_try_it(board: Board) -> None:
    board.daemon.stop()
    release = board.publisher.publish({"sums": 2})
    done = board.sync(release)
    assert (done.returncode, "no daemon takes orders" in done.stderr) == (4, True), done
    assert board.at_start() == {"sums": "1"}
    assert board.sync(release, "--without-daemon").returncode == 0
    board.start()
    assert board.serves() == {"sums": "2"}


def test_a_daemon_with_another_folder_is_not_taken_for_the_boards(
    board: Board, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    add_version(other, "sums", 1)
    release = board.publisher.publish({"sums": 2})
    words = ("sync", release, f"--key={board.signer.public}", f"--models={other}", board.options[1])
    done = edgesegd_models(*words)
    assert (done.returncode, "the daemon serves sums from" in done.stderr) == (3, True), done
    assert board.serves() == {"sums": "1"}


def hook(board: Board, script: str, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run one of the scripts in deploy/rollout as an updater would."""
    bin_folder = board.folder.parent / "bin"
    bin_folder.mkdir(exist_ok=True)
    command = bin_folder / "edgesegd"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m edgesegd "$@"\n')
    command.chmod(0o755)
    options = bin_folder / "options"
    options.write_text(f'EDGESEG_MODELS="{board.folder}"\nEDGESEG_CONTROL="{board.control}"\n')
    given = {
        "EDGESEGD": str(command),
        "ROLLOUT_KEY": str(board.signer.public),
        "ROLLOUT_OPTIONS": str(options),
        "INSTALL_RELEASE": str(HOOKS / "install-release"),
        "TMPDIR": str(bin_folder),
    }
    done = subprocess.run(
        [str(HOOKS / script), *words],
        env={**os.environ, **given, **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert {path.name for path in bin_folder.iterdir()} == {"edgesegd", "options"}
    return done


def packed(release: Path, into: Path) -> Path:
    into.mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "-cf", into / "models.tar", "-C", release, "."], check=True)
    return into


@pytest.mark.slow
@pytest.mark.parametrize("pack", [packed, lambda release, into: release.rename(into / "models")])
def test_raucs_handler_installs_the_release_of_a_bundle(
    board: Board, tmp_path: Path, pack: Callable[[Path, Path], Path]
) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    done = hook(board, "rauc/install-models", RAUC_BUNDLE_MOUNT_POINT=str(bundle))
    assert done.returncode == 0, "a bundle without models is fine"
    pack(board.publisher.publish({"sums": 2}), bundle)
    done = hook(board, "rauc/install-models", RAUC_BUNDLE_MOUNT_POINT=str(bundle))
    assert done.returncode == 0, done
    assert board.serves() == {"sums": "2"}


@pytest.mark.slow
def test_raucs_handler_fails_with_a_release_that_does_not_serve(
    board: Board, tmp_path: Path
) -> None:
    bundle = packed(board.publisher.publish({"sums": 2}, make=crashing_model), tmp_path / "bundle")
    done = hook(board, "rauc/install-models", RAUC_UPDATE_SOURCE=str(bundle))
    assert done.returncode == 17, done
    assert board.serves() == {"sums": "1"}


@pytest.mark.slow
def test_menders_module_installs_and_takes_back_what_it_has_installed(
    board: Board, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    (work / "tmp").mkdir(parents=True)
    packed(board.publisher.publish({"sums": 2}), work / "files")

    def mender(state: str) -> subprocess.CompletedProcess[str]:
        return hook(board, "mender/edgeseg-models", state, str(work))

    assert mender("NeedsArtifactReboot").stdout == "No\n"
    assert mender("SupportsRollback").stdout == "Yes\n"
    assert mender("ArtifactRollback").returncode == 0, "nothing was installed yet"
    assert board.serves() == {"sums": "1"}
    assert mender("ArtifactInstall").returncode == 0
    assert board.serves() == {"sums": "2"}
    for state in ("ArtifactCommit", "Cleanup"):
        assert mender(state).returncode == 0
    assert mender("ArtifactRollback").returncode == 0
    assert board.serves() == board.at_start() == {"sums": "1"}
    assert mender("ArtifactInstall").returncode == 17, "it was taken back"
    assert mender("ArtifactRollback").returncode == 0
    assert board.serves() == {"sums": "1"}


@pytest.mark.slow
def test_balenas_container_waits_for_the_daemon_and_installs_its_release(board: Board) -> None:
    release = board.publisher.publish({"sums": 2})
    env = {"ROLLOUT_RELEASE": str(release), "BALENA_DEVICE_UUID": "0123", "ROLLOUT_TRIES": "1"}
    board.daemon.stop()
    assert hook(board, "balena/sync-models", **env).returncode == 4
    board.start()
    assert hook(board, "balena/sync-models", **env).returncode == 0
    assert board.serves() == {"sums": "2"}


@pytest.mark.slow
def test_a_hook_takes_a_release_for_other_boards_for_no_failure(board: Board) -> None:
    release = board.publisher.publish({"sums": 2}, percent=0)
    done = hook(board, "install-release", str(release), "--board=0123")
    assert (done.returncode, "not for this one yet" in done.stdout) == (0, True), done
    assert board.serves() == {"sums": "1"}


@pytest.mark.parametrize(
    "script",
    ["install-release", "rauc/install-models", "mender/edgeseg-models", "balena/sync-models"],
)
def test_each_hook_is_a_program_for_the_shell_of_any_board(script: str) -> None:
    path = HOOKS / script
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/bin/sh\n")
    subprocess.run(["sh", "-n", path], check=True)


def test_an_empty_variable_is_no_release(tmp_path: Path) -> None:
    done = edgesegd_models("sync", "", f"--models={tmp_path}", "--unsigned")
    assert (done.returncode, "name the release" in done.stderr) == (3, True), done


def test_the_command_makes_a_manifest_and_says_how_it_is_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")  # a command in two lines would be two for a shell
    folder = tmp_path / "a release"
    add_version(folder, "sums", 2)
    (folder / SIGNATURE).write_text("of another manifest")
    done = edgesegd_models("manifest", folder, "--percent=10", "--release=winter")
    assert done.returncode == 0, done
    assert "release winter, serial 1, for 10 % of the boards: sums 2" in " ".join(
        done.stdout.split()
    )
    assert "openssl pkeyutl -sign -rawin" in done.stdout
    document = json.loads((folder / MANIFEST).read_text())
    assert (document["release"], document["percent"], document["serial"]) == ("winter", 10, 1)
    assert not (folder / SIGNATURE).exists()
    (signing,) = [line for line in done.stdout.splitlines() if "pkeyutl" in line]
    command = signing.partition(":")[2].replace("release-key.pem", str(Signer(tmp_path).private))
    subprocess.run(["sh", "-c", command], check=True)
    assert (folder / SIGNATURE).stat().st_size == 64
    assert not done.stderr
    again = edgesegd_models("manifest", folder, "--percent=20", "--serial=1")
    assert "boards that have winter, serial 1, refuse this release" in again.stderr
    assert edgesegd_models("manifest", tmp_path / "nowhere").returncode == 3
