"""The line above the footer that shows the current notice. It lies over the screen's last row and takes no room."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Protocol, cast

from rich.cells import cell_len
from rich.text import Text
from textual.notifications import SeverityLevel
from textual.reactive import reactive
from textual.widget import Widget

from tui.terminal.literal import literal
from tui.terminal.notices import Notice

MARKS: dict[SeverityLevel, str] = {"information": "", "warning": "! ", "error": "✗ "}
ASCII_MARKS: dict[SeverityLevel, str] = {**MARKS, "error": "X "}


@dataclass(frozen=True, slots=True)
class NoticeText:
    """What the line shows."""

    text: str
    severity: SeverityLevel = "information"
    more: int = 0
    """Problems that wait behind this one."""
    key: str = ""
    """Shows all notices."""


class NoticeApp(Protocol):
    """What the line asks of its application."""

    def refresh_notices(self) -> None:
        """Show the current notice on the line of the topmost screen."""


class NoticeLine(Widget):
    """Hidden while it has nothing to show. A click shows all notices."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"notice-line--rest"}
    DEFAULT_CSS = """
    NoticeLine {
        layer: notices; dock: bottom; height: 1; width: 100%; padding: 0 1; margin-bottom: 1;
        display: none; background: $panel; color: $foreground;
        &.-warning { color: $text-warning; text-style: bold; }
        &.-error { color: $text-error; text-style: bold; }
        & > .notice-line--rest { color: $text-muted; text-style: none; }
        &:ansi { background: ansi_default; text-style: reverse; }
        &.-warning:ansi { color: ansi_yellow; text-style: bold reverse; }
        &.-error:ansi { color: ansi_red; text-style: bold reverse; }
    }
    """

    notice: reactive[NoticeText | None] = reactive(None)

    def __init__(self, *, ascii: bool = False) -> None:
        super().__init__()
        self._marks = ASCII_MARKS if ascii else MARKS

    def on_mount(self) -> None:
        cast("NoticeApp", self.app).refresh_notices()

    async def on_click(self) -> None:
        await self.run_action("app.messages")

    def watch_notice(self, notice: NoticeText | None) -> None:
        self.set_class(notice is not None and notice.severity == "warning", "-warning")
        self.set_class(notice is not None and notice.severity == "error", "-error")
        self.display = notice is not None

    def render(self) -> Text:
        if self.notice is None:
            return Text()
        text, rest = fit(self.notice, self.content_size.width, self._marks)
        line = Text(text, no_wrap=True)
        return line.append(rest, self.get_component_rich_style("notice-line--rest", partial=True))


def fit(notice: NoticeText, width: int, marks: dict[SeverityLevel, str]) -> tuple[str, str]:
    """The line's two parts, `width` cells in all: the text, and at the right how many problems wait and the key that shows all.

    The key is left out where the whole text is shown and no other notice waits.
    """
    text = marks[notice.severity] + literal(notice.text).plain
    rest = f" +{notice.more} {notice.key}" if notice.more else f" {notice.key}"
    if notice.more or cell_len(text) > width:
        room = max(0, width - cell_len(rest))
        line = Text(_shorten_path(text, cell_len(text) - room))
        line.truncate(room, overflow="ellipsis", pad=True)
        return line.plain, rest
    return text, ""


def _shorten_path(text: str, excess: int) -> str:
    """The text with the beginning of its first path left out, if that makes it short enough: the file's name matters most."""
    folder = re.search(r"/\S*/", text)
    if excess <= 0 or folder is None or excess + 1 >= len(folder[0]):
        return text
    return text[: folder.start()] + "…" + text[folder.start() + excess + 1 :]


def log_line(notice: Notice, marks: dict[SeverityLevel, str]) -> tuple[str, str]:
    """A notice in the log: 14:03:12, and ! its whole text  (3 times)"""
    times = f"  ({notice.count} times)" if notice.count > 1 else ""
    return f"{notice.at:%H:%M:%S}", f"{marks[notice.severity]}{literal(notice.text).plain}{times}"
