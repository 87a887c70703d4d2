"""The pictures of a gallery in their order: which are shown, which one is selected, which are marked. Reads nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from engine.storage.gallery import Entry


class PictureList:
    """The selected picture stays selected while others are added or removed. If it is removed itself, the next one is selected."""

    def __init__(self) -> None:
        self.favourites: frozenset[Path] = frozenset()
        self.only_favourites = False
        self.marked: set[Path] = set()
        """Pictures marked for a contact sheet or for deletion."""
        self.index = 0
        """The index of the selected picture in `shown`."""
        self._entries: Sequence[Entry] = ()

    @property
    def total(self) -> int:
        return len(self._entries)

    @property
    def shown(self) -> list[Entry]:
        """All pictures, or only the favourites."""
        return [entry for entry in self._entries if entry.path in self.favourites] if self.only_favourites else list(self._entries)

    @property
    def selected(self) -> Entry | None:
        shown = self.shown
        return shown[self.index] if self.index < len(shown) else None

    def update(self, entries: Sequence[Entry], favourites: Iterable[Path]) -> None:
        """Replace the listing."""
        selected = self.selected
        self._entries, self.favourites = entries, frozenset(favourites)
        self.marked &= {entry.path for entry in entries}
        self._keep(selected)

    def toggle_filter(self) -> None:
        selected = self.selected
        self.only_favourites = not self.only_favourites
        self._keep(selected)

    def _keep(self, selected: Entry | None) -> None:
        paths = [entry.path for entry in self.shown]
        if selected is not None and selected.path in paths:
            self.index = paths.index(selected.path)
        self.index = max(0, min(self.index, len(paths) - 1))

    def select(self, path: Path) -> None:
        """Select a picture, if it is shown."""
        for index, entry in enumerate(self.shown):
            if entry.path == path:
                self.index = index

    def move(self, by: int) -> bool:
        """Select another picture. False where there is none in this direction."""
        index = max(0, min(len(self.shown) - 1, self.index + by))
        moved, self.index = index != self.index, index
        return moved

    def toggle_mark(self) -> None:
        if self.selected:
            self.marked ^= {self.selected.path}

    def chosen(self) -> list[Entry]:
        """The marked pictures, or else the selected one."""
        marked = [entry for entry in self.shown if entry.path in self.marked]
        return marked or [entry for entry in (self.selected,) if entry]
