"""Where the run that this process trains is between start and end."""

from __future__ import annotations

from enum import Enum, auto


class Phase(Enum):
    """Where the run is between start and end."""

    IDLE = auto()
    """No run is trained here."""
    TRAINING = auto()
    """It trains, or prepares to."""
    STOPPING = auto()
    """It was asked to stop."""
    SAVING = auto()
    """It was asked to stop, so that a background process can take over."""
    HANDING_OVER = auto()
    """Nothing trains here any more, and the background process starts."""


def describe_phase(phase: Phase, preparing: str) -> str:
    """What happens that the run's files don't show. Empty while it simply trains."""
    match phase:
        case Phase.STOPPING:
            return "stopping…"
        case Phase.SAVING:
            return "saving before detaching…"
        case Phase.HANDING_OVER:
            return f"detaching: {preparing}…" if preparing else "detaching…"
        case _:
            return f"{preparing}…" if preparing else ""
