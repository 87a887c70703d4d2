"""One line for the progress of a job: a label, a bar, a percentage and a few words."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from engine.formatting import printable
from tui.terminal.literal import LONGEST


class JobBar(Widget):
    """Without a `fraction` it shows only the words. Drawn again only when one of its reactives changes."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"job-bar--done", "job-bar--left"}
    DEFAULT_CSS = """
    JobBar {
        height: 1;
        & > .job-bar--done { color: $accent; }
        & > .job-bar--left { color: $text-muted 40%; }
    }
    """

    fraction: reactive[float | None] = reactive(None)
    words: reactive[str] = reactive("")
    label: reactive[str] = reactive("")

    def __init__(self, *, label: str = "", ascii: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self._full, self._empty = ("#", "-") if ascii else ("━", "─")
        self.set_reactive(JobBar.label, label)

    def render(self) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        words = printable(self.words, LONGEST)
        if self.label:
            text.append(f"{self.label} ")
        if self.fraction is not None:
            words = f" {words}" if words else ""
            width = max(4, min(40, self.size.width - len(text) - len(words) - 6))
            full = min(width, round(self.fraction * width))
            text.append(self._full * full, self.get_component_rich_style("job-bar--done", partial=True))
            text.append(self._empty * (width - full), self.get_component_rich_style("job-bar--left", partial=True))
            text.append(f" {self.fraction:4.0%}")
        return text.append(words)
