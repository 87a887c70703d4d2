"""What held-out images say of a run: the event, and the sentence for a run that copies."""

from __future__ import annotations

from dataclasses import dataclass

from engine.protocol.events import Event

COPYING = "this run is copying; more images or fewer steps"
"""What screens and commands say of a run whose pictures are copies of its training images."""


@dataclass(frozen=True, slots=True)
class Validated(Event):
    """The average weights were judged by held-out images."""

    step: int
    loss: float
    """The training loss on held-out images, always with the same noise."""
    best: bool
    """It is the lowest until now, and the weights are kept as RUN:best-validation."""
    seconds: float
    distance_ratio: float | None = None
    """See `engine.data.copying.DistanceRatio`; None where it was not measured, as in large data sets."""
    copying: bool = False
    """The ratio says that the run copies its training images."""
