"""How often training reads losses, saves, draws previews and checks for commands between steps. Plain Python."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

EARLY_PREVIEWS = (1, 20, 50, 100)
"""Steps with a preview before the first regular one, so that there is something to see within seconds."""


def is_preview_due(step: int, every: int, total: int) -> bool:
    """Whether a preview is drawn after this step: every `every` steps, at EARLY_PREVIEWS, and at the end of the run; 0 for the end alone."""
    return step > 0 and ((every > 0 and step % every == 0) or (step in EARLY_PREVIEWS and step < every) or step >= total)


@dataclass(frozen=True)
class Cadence:
    """The defaults suit a person who watches; tests pass others."""

    read_every: float = 0.1
    """Seconds between boundaries: there the losses are read, which waits for the device, and the ranks of a group agree on what comes next."""
    save_share: float = 0.01
    """The share of the time that saves at the ends of epochs may take; where epochs are so short that it would be more, fewer are saved."""
    wait: float = 0.05
    """Seconds that a paused run sleeps at a time; a drawing in the same process waits as long."""
    clock: Callable[[], float] = time.perf_counter
    """The clock for these seconds, and for those of steps and saves."""
