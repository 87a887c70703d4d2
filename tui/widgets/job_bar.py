"""One line for the progress of a job: a label, a bar, a percentage and a few words."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from engine.formatting import printable
from tui.terminal.literal import LONGEST


class JobBar(Widget):
    """Without a `fraction` it shows only the words. Drawn again only when one of its reactives changes."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"job-bar--done", "job-bar--left"}
    DEFAULT_CSS = """
    JobBar {
        height: 1; text-wrap: nowrap; text-overflow: ellipsis;
        & > .job-bar--done { color: $accent; }
        & > .job-bar--left { color: $text-muted 40%; }
    }
    """

    fraction: reactive[float | None] = reactive(None)
    words: reactive[str] = reactive("")
    label: reactive[str] = reactive("")

    class Scrubbed(Message):
        """The mouse was pressed or dragged on the bar."""

        def __init__(self, bar: JobBar, fraction: float) -> None:
            super().__init__()
            self.bar, self.fraction = bar, fraction

        @property
        def control(self) -> JobBar:
            return self.bar

    def __init__(self, *, label: str = "", ascii: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self._full, self._empty = ("#", "-") if ascii else ("━", "─")
        self.set_reactive(JobBar.label, label)
        self._bar = range(0)
        """The columns of the bar."""

    def render(self) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        words = printable(self.words, LONGEST)
        if self.label:
            text.append(f"{self.label} ")
        if self.fraction is not None:
            words = f" {words}" if words else ""
            self._bar = range(len(text), len(text) + max(4, min(40, self.size.width - len(text) - len(words) - 6)))
            width = len(self._bar)
            full = min(width, round(self.fraction * width))
            text.append(self._full * full, self.get_component_rich_style("job-bar--done", partial=True))
            text.append(self._empty * (width - full), self.get_component_rich_style("job-bar--left", partial=True))
            text.append(f" {self.fraction:4.0%}")
        else:
            self._bar = range(0)
        return text.append(words)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and offset.x in self._bar:
            self.capture_mouse()
            self._scrub_to(offset.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self.app.mouse_captured is self:
            self._scrub_to(event.get_content_offset_capture(self).x)

    def on_mouse_up(self) -> None:
        self.release_mouse()

    def _scrub_to(self, column: int) -> None:
        """Report the place on the bar. Its ends are the first and the last column."""
        if self._bar:
            share = (column - self._bar.start) / (len(self._bar) - 1)
            self.post_message(self.Scrubbed(self, max(0.0, min(1.0, share))))
