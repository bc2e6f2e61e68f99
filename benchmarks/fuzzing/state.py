"""Files that a daemon finds: tokens, the choice of a delegate, sidecars of models, releases.

Whoever can write them is trusted; but disks, power cuts and hands damage them.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from edgesegd.access.keyring import Keyring
from edgesegd.access.token_file import changing_tokens
from edgesegd.access.tokens import make_token
from edgesegd.core.errors import ConfigError, Unauthenticated
from edgesegd.models.sidecar import read_sidecar
from edgesegd.probe.choice_store import ChoiceStore
from edgesegd.rollout.record import RECORD, read_record, write_record
from fuzzing.changes import change_bytes
from fuzzing.target import Fault
from support.installed_record import INSTALLED
from support.mutations import mutate
from support.stored_choice import CHOICE

IN_MEMORY = Path("/dev/shm")  # noqa: S108 # in a folder of its own
NOW = 1_800_000_000.0
STRANGER = "edgeseg_0123456789ab_" + "0" * 64
MODEL = "5d" * 32
FACTS = {"model": "5d", "libraries": {"libnpu.so": "ab"}}
SIDECAR = b"""[model]
note = "for drawn scenes"
[input]
mean = [127.5, 127.5, 127.5]
std = 127.5
size = [257, 257]
layout = "channels_last"
order = "rgb"
alpha = 255
[output]
index = 0
kind = "probability"
threshold = 0.5
unit = 1.0
shape = [257, 257]
layout = "channels_first"
[classes]
names = ["background", "cat"]
palette = [[0, 0, 0], [255, 0, 0]]
[pair]
cpu = "model.tflite"
"""


class State:
    """Damaged files, read as a daemon reads them when it starts."""

    name = "state"
    at_a_time = 1

    def __init__(self) -> None:
        self.material = b""
        self._folder = tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None)
        folder = Path(self._folder.name)
        self._tokens = folder / "tokens.json"
        with changing_tokens(self._tokens) as tokens:
            tokens.append(make_token("robot", ["infer"], now=NOW, expires=NOW + 1e6)[0])
            tokens.append(make_token("panel", ["metrics"], now=NOW)[0])
        self._choice = ChoiceStore(folder, MODEL, FACTS)
        self._choice.save(CHOICE)
        self._sidecar = folder / "model.toml"
        write_record(folder, INSTALLED)
        record = folder / RECORD
        self._files: list[tuple[Path, bytes, Callable[[], str]]] = [
            (self._tokens, self._tokens.read_bytes(), self._read_tokens),
            (self._choice.path, self._choice.path.read_bytes(), self._read_choice),
            (self._sidecar, SIDECAR, self._read_sidecar),
            (record, record.read_bytes(), self._read_record),
        ]

    def try_case(self, dice: Random) -> str:
        """Damage one file, and read it."""
        path, sound, read = dice.choice(self._files)
        self.material = sound
        for _ in range(dice.choice((1, 1, 2, 5))):
            self.material = self._damage(self.material, dice, of_json=path != self._sidecar)
        path.write_bytes(self.material)
        return read()

    def _damage(self, content: bytes, dice: Random, *, of_json: bool) -> bytes:
        if of_json and dice.random() < 0.7:
            with contextlib.suppress(ValueError, IndexError):  # it is no JSON any more
                return mutate(content, dice)
        return change_bytes(content, dice)

    def _read_tokens(self) -> str:
        """A damaged file of tokens opens no door."""
        try:
            keyring = Keyring(self._tokens, clock=lambda: NOW)
        except ConfigError as error:
            if str(self._tokens) not in str(error):
                raise Fault(f"no file is named: {error}") from None
            return "tokens refused"
        if not keyring.in_force:
            raise Fault("no tokens are asked for")
        for text in ("", STRANGER):
            with contextlib.suppress(Unauthenticated):
                raise Fault(f"{keyring.find(text)} was found for {text!r}")
        return "tokens read"

    def _read_choice(self) -> str:
        """A damaged choice is none, or one that can serve."""
        store = ChoiceStore(Path(self._folder.name), MODEL, FACTS)
        loaded = store.load()
        if loaded is None:
            if store.reason == "no probe was made before":
                raise Fault("no reason is given")
            return "choice ignored"
        last, threads = loaded.selection.ranking[-1]
        if not last.is_cpu or threads < 0:
            raise Fault(f"{loaded.selection} does not end with the CPU")
        return "choice read"

    def _read_sidecar(self) -> str:
        """A damaged sidecar is refused by its name, or has sound facts."""
        try:
            found = read_sidecar(self._sidecar)
        except ConfigError as error:
            if str(self._sidecar) not in str(error) and "classes" not in str(error):
                raise Fault(f"no file is named: {error}") from None
            return "sidecar refused"
        if found.threshold is not None and not 0 <= found.threshold <= 1:
            raise Fault(f"the threshold {found.threshold}")
        return "sidecar read"

    def _read_record(self) -> str:
        """A damaged record of releases is refused by its name, or can be written again."""
        folder = Path(self._folder.name)
        try:
            found = read_record(folder)
        except ConfigError as error:
            if str(folder / RECORD) not in str(error):
                raise Fault(f"no file is named: {error}") from None
            return "record refused"
        write_record(folder, found)
        if read_record(folder) != found:
            raise Fault(f"{found} is another one when it is written and read")
        return "record read"

    def faults_at_the_end(self) -> Iterator[str]:
        """Nothing else is in the folder than what was put there."""
        known = {path.name for path, _, _ in self._files}
        for path in Path(self._folder.name).iterdir():
            if path.name not in known and "tokens" not in path.name:
                yield f"{path.name} was left"

    def close(self) -> None:
        """Remove the files."""
        self._folder.cleanup()
