"""The first line of every screen: the program's name, the tabs, and the machine that does the work."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui.render.header import BRAND, Header, Status, fit_header
from tui.settings.keymap import SCREEN_NAMES
from tui.terminal.literal import literal


class TopLine(Widget):
    """Tabs to click on the left; host, device, weights and the current job on the right."""

    DEFAULT_CSS = """
    TopLine {
        height: 1; background: $panel; color: $text-muted; link-color: $foreground; link-style: none;
    }
    """

    status: reactive[Status] = reactive(Status())

    def __init__(self, current: str) -> None:
        super().__init__()
        self._current = current

    def render(self) -> Content:
        header = fit_header(self.size.width, SCREEN_NAMES, self._current, self.status)
        left, status = self._draw_left(header), literal(f"{header.status} ")
        gap = max(1, self.size.width - left.cell_length - status.cell_length)
        return Content.assemble(left, " " * gap, status)

    def _draw_left(self, header: Header) -> Content:
        tabs = [Content.styled(label, self._style_tab(screen)) for screen, label in header.tabs]
        return Content("").join([Content.styled(BRAND, "b $accent"), *tabs] if header.brand else tabs)

    def _style_tab(self, screen: str) -> str:
        return "b $foreground reverse" if screen == self._current else f"@click=app.go('{screen}')"
