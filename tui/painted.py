"""An application that sends its terminal only what differs from what is shown there, and no more of it than the link takes."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.color import ColorSystem
from textual import events
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input

from tui.link import QUESTION, Link
from tui.mirror import Mirror, heavy

if TYPE_CHECKING:
    from rich.console import RenderableType

SYNC_START, SYNC_END = "\x1b[?2026h", "\x1b[?2026l"
"""What comes between is shown at once, where the terminal knows how."""
FAREWELL = 1.0
"""Seconds that leaving waits for answers under way: the shell would take them for typed."""


class PaintedApp(App[int]):
    """Where there is a terminal; elsewhere, as in a test or a browser, Textual draws as it always does."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+l", "repaint", "Draw the screen afresh", show=False)]

    def __init__(self, remote: bool = False) -> None:
        """`remote`: over SSH."""
        super().__init__()
        self._link = Link(remote)
        self._mirror = Mirror(self.console._color_system or ColorSystem.TRUECOLOR, _erases())
        self._again: asyncio.TimerHandle | None = None
        self._waiting: dict[Callable[[], None], None] = {}
        self._cursor = (-1, -1)
        """Where the terminal has it."""

    def get_driver_class(self) -> type[Driver]:
        driver = super().get_driver_class()
        return PaintedDriver if driver is LinuxDriver else driver

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Every picture of every screen comes this way."""
        if screen is self.screen and screen.outer_size != self.size:
            # A screen tells itself the size it took, which replaces the terminal's next one where that waits already: lost, and stuck.
            self.call_later(screen._screen_resized, self.size)
        if not isinstance(self._driver, PaintedDriver) or not isinstance(renderable, LayoutUpdate | ChopsUpdate):
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

    def entered(self, driver: PaintedDriver) -> None:
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
        if not isinstance(driver, PaintedDriver) or not driver.entered or not self._mirror.size:
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


class PaintedDriver(LinuxDriver):
    """Textual's, which puts questions to the terminal and hears the answers."""

    def __init__(self, app: PaintedApp, **how: Any) -> None:
        super().__init__(app, **how)
        self._asked = self._heard = 0
        self._all_heard = threading.Condition()
        self.entered = False
        """Whether the terminal is there to be drawn on."""

    @property
    def backlog(self) -> bool:
        """Whether the terminal has not even taken what was sent."""
        assert self._writer_thread
        return self._writer_thread._queue.qsize() > 0

    def start_application_mode(self) -> None:
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._writer_thread:  # which a process in the background has not
            self.entered = True
            cast(PaintedApp, self._app).entered(self)

    def paint(self, rows: list[str], cursor: tuple[int, int], at_once: bool, ask: bool) -> int:
        """Sends rows, leaves the cursor there, and asks; how many bytes that are."""
        x, y = cursor
        picture = f"{''.join(rows)}\x1b[0m\x1b[{y + 1};{x + 1}H" if rows else f"\x1b[{y + 1};{x + 1}H"
        data = (SYNC_START + picture + SYNC_END if at_once and rows else picture) + QUESTION * ask
        self._asked += ask
        self.write(data)
        return len(data.encode())

    def process_message(self, message: Message) -> None:
        """On the thread that reads what is typed."""
        if not isinstance(message, events.CursorPosition):
            super().process_message(message)
            return
        with self._all_heard:
            self._heard += 1
            self._all_heard.notify()
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(cast(PaintedApp, self._app).answered, time.monotonic())

    def stop_application_mode(self) -> None:
        """Whatever is answered later is typed into the shell."""
        self.entered = False
        if cast(PaintedApp, self._app).asks:
            with self._all_heard:
                self._all_heard.wait_for(lambda: self._heard >= self._asked, FAREWELL)
        super().stop_application_mode()
