"""When a training state is due. Plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from engine.training.cadence import Cadence


class SavePolicy:
    """Every `minutes`, and at the end of an epoch unless epochs are so short that saves would take more than `save_share` of the time."""

    def __init__(self, minutes: float, cadence: Cadence, step: int) -> None:
        """`step` is where the run starts or resumes: nothing is to be saved yet."""
        self.minutes, self.share, self._clock = minutes, cadence.save_share, cadence.clock
        self.saved_step = step
        self.seconds = 0.0
        """The seconds that the last save took."""
        self._last_attempt = self._clock()

    def due(self, at_epoch_end: bool) -> bool:
        passed = self._clock() - self._last_attempt
        return passed >= self.minutes * 60 or (at_epoch_end and passed * self.share >= self.seconds)

    @contextmanager
    def saving(self, step: int) -> Iterator[None]:
        """Notes that `step` is being saved. An attempt that fails counts too, so that a full disk is not tried at every step."""
        start = self._last_attempt = self._clock()
        yield
        self._last_attempt = self._clock()
        self.saved_step, self.seconds = step, self._last_attempt - start
