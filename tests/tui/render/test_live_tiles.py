"""A frame that is cut short, as by a signal, leaves neither a colour nor a hidden cursor, whichever frame it is."""

from __future__ import annotations

import io
import os
import sys

import pyte
import pytest

from engine.protocol.recipe import Images
from tui.render.live_tiles import LiveTiles

COLUMNS, LINES = 60, 30
GREY = Images(bytes([150]) * 784, 1, 28, 28, 1)


class CutShort(io.StringIO):
    """Takes `room` characters, then is interrupted once."""

    encoding = "utf-8"

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, text: str) -> int:
        if len(text) <= self.room:
            self.room -= len(text)
            return super().write(text)
        super().write(text[: self.room])
        self.room = sys.maxsize
        raise KeyboardInterrupt


def draw(output: CutShort, whole: int, room: int) -> None:
    """Frames that are written whole, then one of which the terminal takes `room` characters."""
    with LiveTiles("truecolor") as live:
        for _ in range(whole):
            assert live.show(GREY, "step 1/9")
        live._due = 0.0
        output.room = room
        live.show(GREY, "step 2/9")


@pytest.mark.parametrize("room", [0, 3, 40, 400, 700])
@pytest.mark.parametrize("whole", [0, 1], ids=["first", "second"])
def test_a_frame_that_is_cut_short(whole: int, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    output = CutShort(sys.maxsize)
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((COLUMNS, LINES)))
    with pytest.raises(KeyboardInterrupt):
        draw(output, whole, room)
    screen = pyte.Screen(COLUMNS, LINES)
    pyte.Stream(screen).feed(output.getvalue() + "$")
    after = screen.buffer[screen.cursor.y][screen.cursor.x - 1]
    assert not screen.cursor.hidden
    assert (after.data, after.fg, after.bg) == ("$", "default", "default")
