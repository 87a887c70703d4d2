"""The first line of every screen: the program, the tabs, and where the work happens."""

from __future__ import annotations

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.events import Resize
from textual.reactive import reactive
from textual.widgets import Static

from tui.terminal.literal import literal

ROOMY = 60
"""Columns from which on there is room for the program's name beside its tabs."""
TABS = ("prompt", "generate", "grid", "train")


class TopLine(Horizontal):
    """Tabs to click on the left; host, device, precision and what runs on the right."""

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
        tabs = [(f" {tab.title()} ", "b reverse" if tab == self._current else f"@click=app.go('{tab}')") for tab in TABS]
        yield Static(" [b $accent]digitty[/]  ", id="name")
        yield Static(Content(" ").join(Content.styled(*tab) for tab in tabs), id="tabs")
        yield Static(id="status")

    def watch_status(self) -> None:
        if self.is_mounted:
            self._tell()

    def on_mount(self) -> None:
        self._tell()

    def on_resize(self, event: Resize) -> None:
        self.query_one("#name").display = event.size.width >= ROOMY
        self.call_after_refresh(self._tell)

    def _tell(self) -> None:
        """What runs comes last and is never cut: where room is short, the host goes first."""
        line = self.query_one("#status", Static)
        room, parts = line.content_size.width, self.status.split(" · ")
        while room and len(parts) > 1 and cell_len(" · ".join(parts)) > room:
            del parts[0]
        line.update(literal(" · ".join(parts)))
