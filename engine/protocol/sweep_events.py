"""The events of a sweep: the drawings of one prompt with different settings."""

from __future__ import annotations

from dataclasses import dataclass

from engine.protocol.events import DrawDone, Event, Frame


@dataclass(frozen=True, slots=True)
class CellProgress(Event):
    """One drawing of a sweep in progress."""

    cell: int
    """The place of its settings in the request."""
    frame: Frame
    seconds: float
    """Time spent on this drawing until now."""
    fraction: float
    """How much of the whole sweep is done."""
    seconds_left: float | None
    """An estimate for the whole sweep; None while nothing is known."""


@dataclass(frozen=True, slots=True)
class CellDone(Event):
    """One drawing of a sweep is finished. It holds the frames of its denoising only if the request asks for them, else the last."""

    cell: int
    done: DrawDone
    fraction: float
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class CellFailed(Event):
    """One drawing of a sweep is impossible, and the others go on without it."""

    cell: int
    message: str


@dataclass(frozen=True, slots=True)
class SweepDone(Event):
    """All drawings of a sweep, in the order of the request; None where one failed."""

    cells: tuple[DrawDone | None, ...]
    seconds: float
