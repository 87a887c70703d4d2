"""The pictures of real pixels that the terminal shows in the place of some cells, and which of them must be sent again or removed.

The cells below hold the same pictures as blocks. A picture is sent after the cells, and the terminal erases it wherever a cell is written.
Knows neither the protocol nor the connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from textual.geometry import Region

from tui.terminal.screen_diff import ScreenDiff


@dataclass(frozen=True, slots=True)
class Placement:
    """A picture in a region of the screen. Two are equal if they look the same."""

    region: Region
    content: object
    """What determines the pixels."""
    paint: Callable[[], str] = field(compare=False)
    """Returns the escape sequences that show it. They may leave the cursor and the style anywhere."""
    erase: Callable[[], str] = field(compare=False, default=lambda: "")
    """Returns the sequences that free the terminal's memory once the cells are written again."""


class PixelLayer:
    """`retire` what is no longer wanted, `on_row` before each row of cells that is sent, then send what is `due`."""

    def __init__(self, diff: ScreenDiff) -> None:
        self._diff = diff
        self._shown: dict[Region, Placement] = {}

    @property
    def is_empty(self) -> bool:
        return not self._shown

    def retire(self, wanted: Iterable[Placement]) -> str:
        """Have the cells of all other pictures sent again. Returns sequences to send."""
        keep = set(wanted)
        gone = [placement for placement in self._shown.values() if placement not in keep]
        for placement in gone:
            self._diff.forget(placement.region)
            del self._shown[placement.region]
        return "".join(placement.erase() for placement in gone)

    def on_row(self, y: int) -> None:
        """Row y is about to be sent: a picture whose cells it writes is damaged."""
        for region in [*self._shown]:
            if region.y <= y < region.bottom and self._diff.overwrites(y, region.x, region.right):
                del self._shown[region]

    def due(self, wanted: Iterable[Placement]) -> list[Placement]:
        """The wanted pictures that are not shown."""
        return [placement for placement in wanted if self._shown.get(placement.region) != placement]

    def mark_sent(self, placement: Placement) -> None:
        self._shown[placement.region] = placement

    def clear(self) -> None:
        """The terminal no longer shows any of them."""
        self._shown.clear()
