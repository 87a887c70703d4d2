"""A slider on one line: a label, a rail to click and drag on, and a few words."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from engine.formatting import printable
from tui.terminal.literal import LONGEST


class Slider(Widget):
    """Shows `value` between 0 and `last`. It does not move by itself: the handler of `Moved` sets the value."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"slider--done", "slider--left", "slider--knob"}
    DEFAULT_CSS = """
    Slider {
        height: 1; text-wrap: nowrap; text-overflow: ellipsis;
        & > .slider--done { color: $accent; }
        & > .slider--left { color: $text-muted 40%; }
        & > .slider--knob { color: $accent; text-style: bold; }
    }
    """

    value: reactive[int] = reactive(0)
    last: reactive[int] = reactive(1)
    words: reactive[str] = reactive("")

    class Moved(Message):
        """The knob was dragged, or its rail clicked."""

        def __init__(self, value: int) -> None:
            super().__init__()
            self.value = value

    def __init__(self, label: str, *, ascii: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self._label = f"{label} "
        self._full, self._empty, self._knob = ("=", "-", "O") if ascii else ("━", "─", "●")

    @property
    def _rail(self) -> int:
        """Its columns."""
        return max(4, self.size.width - len(self._label) - len(printable(self.words, LONGEST)) - 2)

    def render(self) -> Text:
        rail = self._rail
        at = round(self.value * (rail - 1) / max(1, self.last))
        text = Text(self._label, no_wrap=True, overflow="ellipsis")
        text.append(self._full * at, self.get_component_rich_style("slider--done", partial=True))
        text.append(self._knob, self.get_component_rich_style("slider--knob", partial=True))
        text.append(self._empty * (rail - 1 - at), self.get_component_rich_style("slider--left", partial=True))
        return text.append(f"  {printable(self.words, LONGEST)}")

    def _move_to(self, x: int) -> None:
        fraction = (x - self.content_region.x + self.region.x - len(self._label)) / max(1, self._rail - 1)
        value = round(max(0.0, min(1.0, fraction)) * self.last)
        if value != self.value:
            self.post_message(self.Moved(value))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self.capture_mouse()
        self._move_to(event.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self.app.mouse_captured is self:
            self._move_to(event.x)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        self.release_mouse()
