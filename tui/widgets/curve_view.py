"""A curve with one marked place; a click marks another. Sends only the lines that changed."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.render.curve import Curve, Line, draw_curve, x_at
from tui.terminal.capabilities import Terminal


class CurveView(Widget):
    """Shows a Curve."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"curve-view--{role}" for role in ("line", "mark", "axis", "blank")}
    DEFAULT_CSS = """
    CurveView {
        & > .curve-view--line { color: $accent; text-style: bold; }
        & > .curve-view--mark { color: $foreground; text-style: bold; }
        & > .curve-view--axis { color: $text-muted; }
    }
    """

    class Picked(Message):
        """A place on the curve was clicked."""

        def __init__(self, x: int) -> None:
            super().__init__()
            self.x = x

    def __init__(self, terminal: Terminal, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._braille = terminal.braille and terminal.unicode
        self.curve = Curve((), 1)
        self._lines: list[Line] = []
        self._drawn: tuple[Curve, Size] | None = None

    def show(self, curve: Curve) -> None:
        """Show this curve, and refresh the lines that changed."""
        before, self.curve = self._lines, curve
        if not self.size or self._drawn == (curve, self.size):
            return
        self._draw()
        if len(before) != len(self._lines):
            self.refresh()
        elif rows := [y for y, (old, new) in enumerate(zip(before, self._lines, strict=True)) if old != new]:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in rows))

    def _draw(self) -> None:
        self._drawn = self.curve, self.size
        self._lines = draw_curve(self.curve, self.size.width, self.size.height, self._braille)

    def render_line(self, y: int) -> Strip:
        if self.size and self._drawn != (self.curve, self.size):
            self._draw()
        if y >= len(self._lines):
            return Strip.blank(self.size.width, self.rich_style)
        segments = [Segment(text, self.get_component_rich_style(f"curve-view--{role}")) for text, role in self._lines[y]]
        return Strip(segments, sum(cell_len(text) for text, _ in self._lines[y]))

    def on_click(self, event: events.Click) -> None:
        if self.curve.points:
            self.post_message(self.Picked(x_at(self.curve, event.x, self.size.width, self.size.height)))
