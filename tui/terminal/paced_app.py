"""An application that sends its terminal only what differs from what is shown there, and no more of it than the link takes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from rich.color import ColorSystem
from textual import events
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import Screen
from textual.widgets import Input

from tui.terminal.driver import PacedDriver
from tui.terminal.flow_control import FlowControl
from tui.terminal.guarded_app import GuardedApp
from tui.terminal.screen_diff import ScreenDiff, heavy

if TYPE_CHECKING:
    from rich.console import RenderableType


class PacedApp(GuardedApp):
    """Where there is a terminal; elsewhere, as in a test or a browser, Textual draws as it always does."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+l", "repaint", "Draw the screen afresh", show=False),
        Binding("ctrl+z", "suspend_process", "stop, as other programs: the shell's fg goes on", show=False, priority=True),
        Binding("super+c", "copy", "copy the selection", show=False, priority=True),
    ]

    def __init__(self, remote: bool = False) -> None:
        """`remote`: over SSH."""
        super().__init__()
        self._link = FlowControl(remote)
        self._mirror = ScreenDiff(self.console._color_system or ColorSystem.TRUECOLOR, _erases())
        self._again: asyncio.TimerHandle | None = None
        self._waiting: dict[Callable[[], None], None] = {}
        self._cursor = (-1, -1)
        """Where the terminal has it."""

    def get_driver_class(self) -> type[Driver]:
        driver = super().get_driver_class()
        return PacedDriver if driver is LinuxDriver else driver

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Every picture of every screen comes this way."""
        if screen is self.screen and screen.outer_size != self.size:
            # A screen tells itself the size it took, which replaces the terminal's next one where that waits already: lost, and stuck.
            self.call_later(screen._screen_resized, self.size)
        if not isinstance(self._driver, PacedDriver) or not isinstance(renderable, LayoutUpdate | ChopsUpdate):
            super()._display(screen, renderable)
            return
        if not self._batch_count:
            self._mirror.note(renderable)
            self._send()
        self.post_display_hook()

    def action_repaint(self) -> None:
        """For what somebody else wrote over the screen."""
        self._mirror.forget()
        self._send()

    def action_suspend_process(self) -> None:
        """What trains here stops, too, until the shell continues the process."""
        if isinstance(self._driver, PacedDriver):
            if self._driver.has_shell:
                self._driver.stop_as_shells_do()
            else:
                self.notify("no shell started digitty in this terminal, so none could continue it: ctrl+z does nothing", severity="warning")

    def action_copy(self) -> None:
        self.copy_selection()

    def on_resize(self, event: events.Resize) -> None:
        """A terminal that was smaller, even for a moment, has lost what was outside; and one that was just entered shows nothing."""
        self._mirror.forget()
        if event.size == self._mirror.size:
            self._send()

    def when_shown(self, draw: Callable[[], None]) -> None:
        """Calls it once what was drawn before is shown: at once, unless the link is slower than what there is to show. Each only once."""
        if self._again is None:
            draw()
        else:
            self._waiting[draw] = None

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """An idle screen sends nothing: no cursor blinks."""
        if isinstance(event.widget, Input):
            event.widget.cursor_blink = False

    @property
    def asks(self) -> bool:
        """Whether the terminal answers, as far as is known."""
        return self._link.asks

    def entered(self, driver: PacedDriver) -> None:
        """Asks before there is anything to wait for: that shows how long the way is."""
        self._link.sent(driver.paint([], (0, 0), False, True))

    def answered(self, at: float) -> None:
        """The terminal has shown what was sent before a question."""
        self._link.answered(at)
        self._send()

    def _send(self) -> None:
        """As much of what is due as there is room for; the rest, as it is by then, once there is."""
        driver = self._driver
        if self._again:
            self._again.cancel()
            self._again = None
        if not isinstance(driver, PacedDriver) or not driver.entered or not self._mirror.size:
            return
        rows, cursor = self._mirror.rows(), self._mirror.size.clamp_offset(self.cursor_position)
        due = self._fitting(rows, 0 if driver.backlog else self._link.room())
        if due or cursor != self._cursor:
            self._cursor = cursor
            self._link.sent(driver.paint(due, cursor, self._sync_available, self._link.asks))
        if len(due) < len(rows):
            self._again = asyncio.get_running_loop().call_later(self._link.wait(), self._send)
            return
        waiting, self._waiting = self._waiting, {}
        for draw in waiting:
            self.call_later(draw)

    def _fitting(self, rows: list[tuple[int, str]], room: int) -> list[str]:
        """Those rows that are to go out now."""
        fitting, size, allowed = [], 0, min(room, self._link.allowance())
        for y, mends in rows:
            if size >= (allowed if heavy(mends) else room):
                break
            fitting.append(mends)
            size += len(mends.encode())
            self._mirror.sent(y)
        return fitting


def _erases() -> bool:
    """Whether what the terminal erases takes the background's colour, as tmux does, and as terminfo says of others."""
    try:
        import curses
    except ImportError:  # it is an optional part of Python
        return False
    try:
        curses.setupterm(fd=1)
    except curses.error:
        return False
    return bool(os.environ.get("TMUX")) or curses.tigetflag("bce") > 0
