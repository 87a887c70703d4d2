"""The denoising of one image in a few stations: above what was denoised, x_t, and below the guess at x0 that the network made from it."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from engine.config.data import DataSpec
from engine.protocol.events import DrawDone, Frame
from engine.protocol.recipe import Images
from tui.render.captions import noun
from tui.render.tiles import Tiles, sizes
from tui.terminal.capabilities import Terminal
from tui.widgets.image_view import ImageView

LEAST_SCREEN = 100
"""Columns of the screen from which the strip is shown."""
MOST, LIKED, LEAST = 8, 6, 5
"""Stations: the most, the least for which tiles may be larger, and the least of all (fewer where there are fewer steps)."""
TEXT_ROWS = 6
"""Rows that the text above the strip needs."""


class Station(NamedTuple):
    """One image before and after the network has seen it."""

    x: Images
    guess: Images


class Filmstrip(ImageView):
    """Takes the width that it is given, and no room at all before `begin` or where the strip does not fit."""

    def __init__(self, terminal: Terminal, max_rows: int | None = None) -> None:
        super().__init__(terminal, max_rows=max_rows, classes="filmstrip")
        self._data: DataSpec | None = None
        self._steps = 0
        self._stations: dict[int, Station] = {}
        """By the number of steps that were done before."""

    def begin(self, data: DataSpec, steps: int) -> None:
        """Reserve the room for a drawing in this number of steps."""
        self._data, self._steps = data, steps
        self._stations.clear()
        self.refresh(layout=True)

    def add(self, frame: Frame) -> None:
        """Show what a frame of an unfinished drawing adds."""
        if frame.before is None or frame.guess is None:
            return
        done_before = frame.step - 1
        self._stations = {step: station for step, station in self._stations.items() if step < done_before}  # a redrawn image starts again
        self._stations[done_before] = Station(frame.before, frame.guess)
        self._show_soon(live=True)

    def finish(self, done: DrawDone) -> None:
        """Show the whole denoising."""
        if done.guesses:
            self._stations = dict(zip(done.frame_steps, map(Station, done.frames, done.guesses), strict=True))
            self._show_soon(live=False)

    def _arrange(self) -> None:
        grid = self._fit(*self.size)
        if grid and self._data:
            steps = [round(i * self._steps / (grid.columns - 1)) for i in range(grid.columns)]
            black = Images.black(self._data, 1)
            stations = [self._nearest(step, self._steps / (grid.columns - 1)) or Station(black, black) for step in steps]
            pictures = [station.x for station in stations] + [station.guess for station in stations]
            self.images = replace(black, data=b"".join(picture.data for picture in pictures), count=len(pictures))
            names = {0: "noise", self._steps: noun(self._data)}
            self._captions = (*(names.get(step, f"step {step}") for step in steps), *["guess"] * (len(steps) - 1), "")
        else:
            self.images = None
        super()._arrange()

    def _nearest(self, step: int, spacing: float) -> Station | None:
        """What is known nearest to this step, if it is nearer than any other station."""
        nearest = min(self._stations, key=lambda known: abs(known - step), default=None)
        return self._stations[nearest] if nearest is not None and abs(nearest - step) <= spacing / 2 else None

    def _fit(self, width: int, height: int) -> Tiles | None:
        """The largest tiles of which enough fit into the width. (The height is as much as they need.)"""
        data, available = self._data, self._steps + 1
        if data is None or self.app.size.width < LEAST_SCREEN:
            return None
        rows = (self.max_rows or self.app.size.height) - TEXT_ROWS
        image = data.height, data.width
        for least in (LIKED, LEAST):
            for size in sizes(image):
                tile = Tiles(1, size, 1, 1, gap_y=0, caption=True, image=image)
                count = min(MOST, available, (width + 1) // (tile.tile_width + 1))
                if size <= max(image) and count >= min(least, available) and 2 * tile.tile_height <= rows:
                    return replace(tile, count=2 * count, columns=count, rows=2)
        return None
