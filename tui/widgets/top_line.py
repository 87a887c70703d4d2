"""The first line of every screen: the program's name, the tabs, and the machine that does the work."""

from __future__ import annotations

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.events import Resize
from textual.reactive import reactive
from textual.widgets import Static

from tui.settings.keymap import SCREEN_NAMES
from tui.terminal.literal import literal

NAME_WIDTH = 60
"""The least width of the screen, in columns, at which the program's name is shown before the tabs."""


class TopLine(Horizontal):
    """Tabs to click on the left; host, device, precision and the current job on the right."""

    DEFAULT_CSS = """
    TopLine {
        height: 1; background: $panel;
        & > #name, & > #tabs { width: auto; }
        & > #status { width: 1fr; text-align: right; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; padding: 0 1; }
    }
    """

    status: reactive[str] = reactive("")

    def __init__(self, current: str) -> None:
        super().__init__()
        self._current = current

    def compose(self) -> ComposeResult:
        tabs = [(f" {tab.title()} ", "b reverse" if tab == self._current else f"@click=app.go('{tab}')") for tab in SCREEN_NAMES]
        yield Static(" [b $accent]digitty[/]  ", id="name")
        yield Static(Content(" ").join(Content.styled(*tab) for tab in tabs), id="tabs")
        yield Static(id="status")

    def watch_status(self) -> None:
        if self.is_mounted:
            self._show_status()

    def on_mount(self) -> None:
        self._show_status()

    def on_resize(self, event: Resize) -> None:
        self.query_one("#name").display = event.size.width >= NAME_WIDTH
        self.call_after_refresh(self._show_status)

    def _show_status(self) -> None:
        """Where the line is too short, parts are dropped from the left: the host first, the current job never."""
        line = self.query_one("#status", Static)
        width, parts = line.content_size.width, self.status.split(" · ")
        while width and len(parts) > 1 and cell_len(" · ".join(parts)) > width:
            del parts[0]
        line.update(literal(" · ".join(parts)))
