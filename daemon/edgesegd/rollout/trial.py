"""What tries a new version before it is installed: the daemon that serves, by its own orders."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Protocol

from edgesegd.control.client import give_order
from edgesegd.control.messages import ModelState, Order
from edgesegd.core.errors import CannotListen, ConfigError, ModelMissing, StartupError
from edgesegd.rollout.manifest import ReleasedModel


class OtherFolder(ConfigError):
    """The daemon serves another folder than that in which releases are installed."""


class Trial(Protocol):
    """Serves versions that are held, or finds that they cannot be served."""

    def require_ready(self, model: ReleasedModel, folder: Path) -> None:
        """Raise a StartupError if a version of this model, in `folder`, could not be tried."""

    def serving(self, name: str) -> int:
        """The version that serves, as a number; 0 if none does, or if it has no number."""

    def serve(self, model: ReleasedModel) -> None:
        """Serve the version, or raise the StartupError with which it cannot be served."""

    def serve_again(self, name: str, version: int) -> None:
        """Serve the version that served before; with 0, serve the model no more."""

    def installed(self, model: ReleasedModel) -> None:
        """The version that serves is not held any more."""


class DaemonTrial:
    """The daemon that takes orders at `control`.

    It starts and tests a new version while the present one serves, and changes to it only then.
    """

    def __init__(self, control: Path) -> None:
        self._control = control

    def require_ready(self, model: ReleasedModel, folder: Path) -> None:
        """Raise CannotListen if no daemon runs, ConfigError if it has the model from elsewhere."""
        state = self._states().get(model.name)
        if state is None or not Path(state.path).is_absolute():
            return
        if Path(state.path).parents[1].resolve() != (folder / model.name).resolve():
            raise ConfigError(
                f"the daemon serves {model.name} from {state.path}, and releases are installed in "
                f"{folder}; let it serve that folder with --models, and this model not with --model"
            )

    def serving(self, name: str) -> int:
        """The version that serves, as a number; 0 if none does, or if it has no number."""
        state = self._states().get(name)
        return int(state.version) if state and state.version.isdecimal() else 0

    def serve(self, model: ReleasedModel) -> None:
        """Serve the version, or raise the StartupError with which it cannot be served.

        That is OtherFolder if the daemon does not find it, or finds another file.
        """
        try:
            state = self._order("load", model.name, str(model.version)).get(model.name)
        except ModelMissing as error:
            raise OtherFolder(f"the daemon serves another folder of models: {error}") from None
        if state is None or state.sha256 != model.sha256:
            found = state.path if state else "nothing"
            raise OtherFolder(f"the daemon serves another folder of models: it has loaded {found}")

    def serve_again(self, name: str, version: int) -> None:
        """Serve the version that served before; with 0, serve the model no more."""
        state = self._states().get(name)
        if state is not None and state.version == str(version):
            return
        if version and state is not None and state.previous == str(version):
            self._order("rollback", name)  # from memory, whatever happened to its files
        elif version:
            self._order("load", name, str(version))
        elif state is not None:
            self._order("unload", name)

    def installed(self, model: ReleasedModel) -> None:
        """Let the daemon know that the highest version is the one that serves."""
        # Otherwise a rollback would not outlive the next reload. It serves already.
        with contextlib.suppress(StartupError):
            self._order("load", model.name, str(model.version))

    def _states(self) -> dict[str, ModelState]:
        return self._order("list")

    def _order(self, order: str, name: str = "", version: str = "") -> dict[str, ModelState]:
        try:
            states = give_order(self._control, Order(order, name, version))
        except OSError as error:
            raise CannotListen(f"the daemon at {self._control} does not answer: {error}") from None
        return {state.name: state for state in states}
