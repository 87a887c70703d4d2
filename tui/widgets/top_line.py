"""The first line of every screen: the program's name, the tabs, and the machine that does the work."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from tui.render.header import BRAND, Header, Status, fit_header
from tui.settings.keymap import SCREEN_NAMES
from tui.terminal.literal import literal


class TopLine(Horizontal):
    """Tabs to click on the left; host, device, weights and the current job on the right."""

    DEFAULT_CSS = """
    TopLine {
        height: 1; background: $panel;
        & > #name, & > #tabs { width: auto; }
        & > #name { color: $accent; text-style: bold; }
        & > #status { width: 1fr; text-align: right; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; padding: 0 1; }
    }
    """

    status: reactive[Status] = reactive(Status())

    def __init__(self, current: str) -> None:
        super().__init__()
        self._current = current
        self._shown: Header | None = None

    def compose(self) -> ComposeResult:
        yield Static(BRAND, id="name")
        yield Static(id="tabs")
        yield Static(id="status")

    def watch_status(self) -> None:
        if self.is_mounted:
            self._show()

    def on_mount(self) -> None:
        self._show()

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        header, before = fit_header(self.size.width, SCREEN_NAMES, self._current, self.status), self._shown
        self._shown = header
        self.query_one("#name").display = header.brand
        if before is None or before.tabs != header.tabs:
            tabs = (Content.styled(label, self._style_tab(screen)) for screen, label in header.tabs)
            self.query_one("#tabs", Static).update(Content("").join(tabs))
        if before is None or before.status != header.status:
            self.query_one("#status", Static).update(literal(header.status))

    def _style_tab(self, screen: str) -> str:
        return "b reverse" if screen == self._current else f"@click=app.go('{screen}')"
