"""The series of one metric that belong to one model."""

from __future__ import annotations

from typing import Any


class _Ended:
    """A series of a model that is served no more: nothing is counted."""

    def inc(self, _amount: float = 1) -> None:
        """As a counter does."""

    def observe(self, _value: float) -> None:
        """As a histogram does."""

    def set(self, _value: float) -> None:
        """As a gauge does."""


class Series(dict[tuple[str, ...], Any]):
    """The series of one metric and model by their other labels, cached for speed."""

    def __init__(self, metric: Any, model: str) -> None:  # noqa: ANN401 # any kind of metric
        super().__init__()
        self._metric = metric
        self._model = model
        self._has_ended = False

    def __missing__(self, labels: tuple[str, ...]) -> Any:  # noqa: ANN401 # as above
        if self._has_ended:
            return _Ended()
        self[labels] = series = self._metric.labels(self._model, *labels)
        return series

    def remove_all(self) -> None:
        """Remove all series from the metric."""
        for labels in self:
            self._metric.remove(self._model, *labels)
        self.clear()

    def end(self) -> None:
        """Remove them for good: later events do not bring them back."""
        self.remove_all()
        self._has_ended = True
