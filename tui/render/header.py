"""The first line of every screen, fitted to its width: tabs shorten, then facts go, and the progress stays. Knows no widget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

BRAND = " digitty  "
"""Before the tabs, where there is room."""
BETWEEN = " · "
MARGIN = 3
"""Columns beside the status: at least two between the tabs and it, and one after it."""
CALM = 12
"""The least width that is reserved for the activity, so that short jobs do not change the rest of the line."""

Tabs = tuple[tuple[str, str], ...]
"""Screens, and what their tabs say."""


@dataclass(frozen=True, slots=True)
class Status:
    """What the right-hand side says."""

    facts: tuple[str, ...] = ()
    """Host, device, weights: where the line is too short, they are left out from the first on."""
    activity: tuple[str, ...] = ("idle",)
    """The current activity, in fewer and fewer words; at least one entry."""


@dataclass(frozen=True, slots=True)
class Header:
    """The whole line."""

    brand: bool
    tabs: Tabs
    facts: tuple[str, ...]
    activity: str

    @property
    def status(self) -> str:
        return BETWEEN.join((*self.facts, self.activity))

    @property
    def width(self) -> int:
        """The columns that the line needs."""
        tabs = sum(cell_len(label) for _, label in self.tabs)
        calm = max(0, CALM - cell_len(self.activity)) if self.facts or self.brand else 0
        return len(BRAND) * self.brand + tabs + MARGIN + cell_len(self.status) + calm


def fit_header(width: int, screens: Sequence[str], current: str, status: Status) -> Header:
    """The longest line that fits into `width` columns, or the shortest there is.

    The tabs shorten first, to the current one's name and digits for the others. Then the program's name goes, then fact after fact. Then the
    activity shortens, and at last the other tabs go.
    """
    headers = list(_headers(screens, current, status))
    return next((header for header in headers if header.width <= width), headers[-1])


def _headers(screens: Sequence[str], current: str, status: Status) -> Iterator[Header]:
    """From the longest to the shortest."""
    facts, (activity, *shorter) = status.facts, status.activity
    names = tuple((screen, f" {screen.title()} ") for screen in screens)
    digits = tuple((screen, f" {screen.title() if screen == current else number} ") for number, screen in enumerate(screens, 1))
    alone = tuple(tab for tab in digits if tab[0] == current)
    yield Header(True, names, facts, activity)
    yield Header(True, digits, facts, activity)
    for left_out in range(len(facts) + 1):
        yield Header(False, digits, facts[left_out:], activity)
    for words in shorter:
        yield Header(False, digits, (), words)
    for words in status.activity:
        yield Header(False, alone, (), words)
