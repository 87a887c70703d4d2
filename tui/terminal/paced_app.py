"""An application that sends its terminal only what differs from what is shown there, and no more than the connection takes."""

from __future__ import annotations

import asyncio
import os
import threading
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

from tui.terminal import clipboard
from tui.terminal.driver import PacedDriver
from tui.terminal.flow_control import FlowControl
from tui.terminal.guarded_app import GuardedApp
from tui.terminal.key_order import KeyOrder
from tui.terminal.screen_diff import ScreenDiff, is_heavy
from tui.terminal.window import PLAIN, UPDATE_EVERY, Alert, Window, WindowState

if TYPE_CHECKING:
    from rich.console import RenderableType


class PacedApp(GuardedApp):
    """Paces the output to a terminal. Without one, as in a test or a browser, Textual draws as usual."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+l", "repaint", "draw the screen again", show=False),
        Binding("ctrl+z", "suspend_process", "suspend; fg in the shell resumes digitty", show=False, priority=True),
        Binding("super+c", "copy", "copy the selection", show=False, priority=True),
    ]

    def __init__(self, remote: bool = False, window: Window = PLAIN) -> None:
        """`remote`: the terminal is at the other end of an SSH connection."""
        super().__init__()
        self._window = WindowState(window)
        self._window_is_due = False
        """The window shows an older state, and a timer will bring it up to date."""
        self.keys = KeyOrder(self, super().on_event)
        self._flow = FlowControl(remote)
        self._diff = ScreenDiff(self.console._color_system or ColorSystem.TRUECOLOR, _erases_with_background())
        self._timer: asyncio.TimerHandle | None = None
        """Sends the rest; None while everything is sent."""
        self._waiting: dict[Callable[[], None], None] = {}
        self._cursor = (-1, -1)
        """The terminal's cursor."""

    async def on_event(self, event: events.Event) -> None:
        await self.keys.on_event(event)

    def get_driver_class(self) -> type[Driver]:
        driver = super().get_driver_class()
        return PacedDriver if driver is LinuxDriver else driver

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Set what the terminal should show. Textual calls this for every update of every screen."""
        if screen is self.screen and screen.outer_size != self.size:
            # A screen posts the size it took to itself. Where the terminal's next size waits already, that is replaced and lost.
            self.call_later(screen._screen_resized, self.size)
        if not isinstance(self._driver, PacedDriver) or not isinstance(renderable, LayoutUpdate | ChopsUpdate):
            super()._display(screen, renderable)
            return
        if not self._batch_count:
            self._diff.set_wanted(renderable)
            self._send()
        self.post_display_hook()

    def action_repaint(self) -> None:
        """Draw everything again, for example after another program wrote to the terminal."""
        self._diff.invalidate()
        self._send()

    def action_suspend_process(self) -> None:
        """Suspend the process, and with it the training, until the shell resumes it."""
        if isinstance(self._driver, PacedDriver):
            if self._driver.has_shell:
                self._driver.suspend_process_group()
            else:
                self.notify("ctrl+z does nothing here: no shell in this terminal could resume digitty", severity="warning")

    def copy_to_clipboard(self, text: str) -> None:
        """Put text on the clipboard of the terminal that the user sits at. May be called from any thread; a tmux is asked in the background."""
        self._clipboard = text
        if os.environ.get("TMUX") and isinstance(self._driver, PacedDriver):
            threading.Thread(target=self._copy_through_tmux, args=(text,), name="background", daemon=True).start()
        else:
            self.send_sequence(clipboard.text_sequence(text, os.environ))

    def _copy_through_tmux(self, text: str) -> None:
        if not clipboard.copy_through_tmux(text):
            self.send_sequence(clipboard.text_sequence(text, os.environ))

    def send_sequence(self, sequence: str) -> None:
        """Send what is not part of the screen. May be called from any thread."""
        if self._driver is not None:
            self._driver.write(sequence)

    def action_copy(self) -> None:
        self.copy_selection()

    def on_resize(self, event: events.Resize) -> None:
        """Draw everything again. A terminal that was smaller for a moment has lost some cells, and one that was just entered shows nothing."""
        self._diff.invalidate()
        if event.size == self._diff.size:
            self._send()

    def when_caught_up(self, draw: Callable[[], None]) -> None:
        """Call `draw` once the terminal shows all earlier output: at once, unless the connection lags behind. Drops duplicates."""
        if self._timer is None:
            draw()
        else:
            self._waiting[draw] = None

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Stop the cursor from blinking, so that an idle screen sends nothing."""
        if isinstance(event.widget, Input):
            event.widget.cursor_blink = False

    @property
    def expects_answers(self) -> bool:
        return self._flow.wants_query

    def on_terminal_entered(self, driver: PacedDriver) -> None:
        """Send a query while there is nothing else to send, to measure the round trip."""
        self._flow.on_sent(driver.paint([], (0, 0), False, True))
        driver.write(self._window.enter())
        self.show_in_window()

    def on_terminal_leaving(self, driver: PacedDriver) -> None:
        driver.write(self._window.window.reset)

    def show_in_window(self) -> None:
        """Set the window's title and progress, by `set_window`. Called whenever the terminal was entered."""

    def set_window(self, title: str, percent: int | None, paused: bool) -> None:
        """Set the window's title and progress, where the terminal can show them."""
        if not isinstance(self._driver, PacedDriver) or not self._driver.entered:
            return
        if sequence := self._window.change(title, percent, paused):
            self._driver.write(sequence)
        elif not self._window_is_due and not self._window.shows(title, percent, paused):
            self._window_is_due = True
            self.set_timer(UPDATE_EVERY, self._show_due)

    def _show_due(self) -> None:
        self._window_is_due = False
        self.show_in_window()

    def alert(self, text: str, how: Alert) -> None:
        """Announce something to a person who looks elsewhere; not in a browser."""
        if isinstance(self._driver, PacedDriver) and self._driver.entered:
            self._driver.write(self._window.window.alert(text, how))

    def on_terminal_answer(self, at: float) -> None:
        """The terminal has shown everything that was sent before a query."""
        self._flow.on_answer(at)
        self._send()

    def _send(self) -> None:
        """Send as many of the due rows as fit now. The rest follows later, in the state it has by then."""
        driver = self._driver
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if not isinstance(driver, PacedDriver) or not driver.entered or not self._diff.size:
            return
        rows, cursor = self._diff.due_rows(), self._diff.size.clamp_offset(self.cursor_position)
        sequences = self._take_fitting(rows, 0 if driver.has_backlog else self._flow.window_left())
        if sequences or cursor != self._cursor:
            self._cursor = cursor
            self._flow.on_sent(driver.paint(sequences, cursor, self._sync_available, self._flow.wants_query))
        if len(sequences) < len(rows):
            self._timer = asyncio.get_running_loop().call_later(self._flow.wait(), self._send)
            return
        waiting, self._waiting = self._waiting, {}
        for draw in waiting:
            self.call_later(draw)

    def _take_fitting(self, rows: list[tuple[int, str]], window: int) -> list[str]:
        """The escape sequences of the rows to send now, which count as sent."""
        sequences, size, heavy_window = [], 0, min(window, self._flow.byte_budget())
        for y, sequence in rows:
            if size >= (heavy_window if is_heavy(sequence) else window):
                break
            sequences.append(sequence)
            size += len(sequence.encode())
            self._before_row(y)
            self._diff.mark_sent(y)
        return sequences

    def _before_row(self, y: int) -> None:
        """Row y is about to be sent."""

    # --- what the driver asks, without any graphics -------------------------------------------------------------------

    @property
    def questions(self) -> str:
        return ""

    def on_self_description(self, text: str) -> None:
        """Ignore the answer, since nothing was asked."""

    def last_output(self) -> str:
        return ""


def _erases_with_background() -> bool:
    """Whether erased cells take the background's colour. In tmux they do; for other terminals terminfo says so."""
    try:
        import curses
    except ImportError:  # an optional part of Python
        return False
    try:
        curses.setupterm(fd=1)
    except curses.error:
        return False
    return bool(os.environ.get("TMUX")) or curses.tigetflag("bce") > 0
