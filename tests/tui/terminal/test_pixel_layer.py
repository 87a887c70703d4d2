"""Pictures of real pixels above cells, on a model of a terminal: it erases a picture's part wherever a cell is written."""

from __future__ import annotations

import random
import re

from rich.segment import Segment
from textual._compositor import LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from tui.terminal.pixel_layer import PixelLayer, Placement
from tui.terminal.screen_diff import ScreenDiff

WIDTH, HEIGHT = 30, 10


class Model:
    """Which picture each cell shows; None for text. Takes rows and pictures as they are sent."""

    def __init__(self) -> None:
        self.diff = ScreenDiff()
        self.layer = PixelLayer(self.diff)
        self.cells: list[list[str | None]] = [[None] * WIDTH for _ in range(HEIGHT)]

    def wanted(self, lines: list[str]) -> None:
        self.diff.set_wanted(LayoutUpdate([[Strip([Segment(line)])] for line in lines], Region(0, 0, WIDTH, HEIGHT)))

    def send(self, placements: list[Placement]) -> None:
        self.layer.retire(placements)
        for y, sequence in self.diff.due_rows():
            self.layer.on_row(y)
            self._write(y, sequence)
            self.diff.mark_sent(y)
        for placement in self.layer.due(placements):
            name = placement.paint()
            for y in range(placement.region.y, placement.region.bottom):
                self.cells[y][placement.region.x : placement.region.right] = [name] * placement.region.width
            self.layer.mark_sent(placement)

    def _write(self, y: int, sequence: str) -> None:
        x = 0
        for part in re.findall(r"\x1b\[[\d;]*[A-Za-z]|.", sequence):
            if part[0] != "\x1b":
                self.cells[y][x] = None
                x += 1
            elif part[-1] == "H":
                x = int(part[2:-1].split(";")[1]) - 1
            elif part[-1] == "G":
                x = int(part[2:-1]) - 1
            elif part[-1] == "K":
                self.cells[y][x:] = [None] * (WIDTH - x)

    def shows(self, placements: list[Placement]) -> bool:
        """Exactly these pictures, whole."""
        expected: list[list[str | None]] = [[None] * WIDTH for _ in range(HEIGHT)]
        for placement in placements:
            for y in range(placement.region.y, placement.region.bottom):
                expected[y][placement.region.x : placement.region.right] = [placement.paint()] * placement.region.width
        return self.cells == expected


def picture(name: str, x: int, y: int, width: int = 6, height: int = 3) -> Placement:
    return Placement(Region(x, y, width, height), name, lambda: name)


def test_whatever_changes_the_terminal_shows_the_pictures_that_are_wanted_and_no_rest_of_others() -> None:
    rng = random.Random(1)
    model = Model()
    lines = [" " * WIDTH] * HEIGHT
    places = [(0, 0), (10, 0), (24, 7), (10, 5)]
    for _ in range(400):
        for _ in range(rng.choice((0, 1, 3))):
            y, x = rng.randrange(HEIGHT), rng.randrange(WIDTH)
            text = rng.choice(("seven", "x", " " * 9))
            lines[y] = (lines[y][:x] + text + lines[y][x + len(text) :])[:WIDTH]
        if rng.random() < 0.1:
            lines = [" " * WIDTH] * HEIGHT
        model.wanted(lines)
        placements = [picture(rng.choice("AB"), *place) for place in places if rng.random() < 0.7]
        if rng.random() < 0.1:
            model.diff.invalidate()
            model.layer.clear()
            model.cells = [[None] * WIDTH for _ in range(HEIGHT)]
        model.send(placements)
        assert model.shows(placements)


def test_what_stays_is_not_sent_again() -> None:
    model = Model()
    model.wanted([" " * WIDTH] * HEIGHT)
    placements = [picture("A", 3, 3)]
    model.send(placements)
    assert not model.layer.due(placements)
    model.wanted(["text" + " " * (WIDTH - 4), *[" " * WIDTH] * (HEIGHT - 1)])
    model.send(placements)
    assert not model.layer.due(placements), "text elsewhere does not damage it"
    assert not model.layer.is_empty


def test_the_memory_of_pictures_that_are_gone_is_freed() -> None:
    model = Model()
    model.wanted([" " * WIDTH] * HEIGHT)
    erasable = Placement(Region(0, 0, 4, 2), "A", lambda: "A", lambda: "<delete A>")
    model.send([erasable, picture("B", 10, 0)])
    assert model.layer.retire([picture("B", 10, 0)]) == "<delete A>"
    assert model.layer.retire([]) == ""
    assert model.layer.is_empty
