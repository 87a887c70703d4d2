"""An application that shows finished pictures in real pixels, where the terminal has them. Live ones stay blocks."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import suppress

from textual import events

from tui.terminal import graphics
from tui.terminal.ask import cell_of
from tui.terminal.driver import PacedDriver
from tui.terminal.flow_control import HEAVY_BURST
from tui.terminal.graphics import Answers, Graphics
from tui.terminal.paced_app import PacedApp
from tui.terminal.pixel_layer import PixelLayer, Placement
from tui.terminal.window import PLAIN, Window

STILL = 0.2
"""Seconds for which pictures have to stay the same before they are sent in pixels."""


class PixelApp(PacedApp):
    """Asks the terminal while it starts, and shows blocks until it has answered."""

    def __init__(self, remote: bool = False, window: Window = PLAIN, choice: Graphics | None = None) -> None:
        """`choice` is the user's choice; None asks the terminal."""
        super().__init__(remote, window)
        self._choice = choice
        self.graphics = choice or Graphics.BLOCKS
        """How pictures are shown now."""
        self.cell = graphics.USUAL_CELL
        """The size of a cell in pixels."""
        self.in_tmux = False
        self._answers = ""
        self._expects_descriptions = False
        self._layer = PixelLayer(self._diff)
        self._wanted: Sequence[Placement] = ()
        self._wanted_since = 0.0
        self._pixel_timer: asyncio.TimerHandle | None = None

    def placements(self) -> Sequence[Placement]:
        """The pictures that the terminal should show in pixels now."""
        return ()

    # --- asking the terminal ------------------------------------------------------------------------------------------

    @property
    def questions(self) -> str:
        self._answers = ""
        self._expects_descriptions = (self._choice is None or self._choice.has_pixels) and graphics.is_worth_asking(os.environ)
        return graphics.QUERIES if self._expects_descriptions else ""

    def on_self_description(self, text: str) -> None:
        if not self._expects_descriptions:
            return
        self._answers += text[:200]
        if graphics.ends_answers(self._answers):
            self._expects_descriptions = False
            self._on_answers(graphics.read_answers(self._answers))

    def _on_answers(self, answers: Answers) -> None:
        tmux = graphics.ask_tmux(os.environ)
        self.in_tmux = tmux is not None
        self.graphics = self._choice or graphics.choose(answers, tmux)
        self.cell = self._cell_of_window() or answers.cell or graphics.USUAL_CELL
        self._send()

    def _cell_of_window(self) -> tuple[int, int] | None:
        """The size of a cell in pixels, by what the kernel knows of the window; None where it does not."""
        with suppress(OSError, ValueError):
            return cell_of(self._driver.fileno) if isinstance(self._driver, PacedDriver) else None
        return None

    # --- sending ------------------------------------------------------------------------------------------------------

    def on_terminal_entered(self, driver: PacedDriver) -> None:
        self._layer.clear()
        super().on_terminal_entered(driver)

    def on_resize(self, event: events.Resize) -> None:
        self._layer.clear()
        self.cell = self._cell_of_window() or self.cell

    def action_repaint(self) -> None:
        self._layer.clear()
        super().action_repaint()

    def last_output(self) -> str:
        return self._layer.retire(())

    def _before_row(self, y: int) -> None:
        self._layer.on_row(y)

    def _send(self) -> None:
        driver = self._driver
        if not self.graphics.has_pixels or not isinstance(driver, PacedDriver) or not driver.entered or not self._diff.size:
            super()._send()
            return
        wanted = self.placements()
        if wanted != self._wanted:
            self._wanted, self._wanted_since = wanted, time.monotonic()
        if sequences := self._layer.retire(wanted):
            driver.write(sequences)
        super()._send()
        if self._timer is None:  # all cells are sent
            self._send_pixels(driver)

    def _send_pixels(self, driver: PacedDriver) -> None:
        """Send the next picture that is due, if it fits now; then look again."""
        if self._pixel_timer:
            self._pixel_timer.cancel()
            self._pixel_timer = None
        due = self._layer.due(self._wanted)
        if not due:
            return
        wait = self._wanted_since + STILL - time.monotonic()
        if wait <= 0:
            wait = 0.001 if self._paint(driver, due[0]) else self._flow.wait()
        self._pixel_timer = asyncio.get_running_loop().call_later(wait, self._send)

    def _paint(self, driver: PacedDriver, placement: Placement) -> bool:
        """Send a picture, unless the connection has to deliver other bytes first."""
        sequence = placement.paint()
        size = len(sequence.encode())
        is_idle = self._flow.in_flight == 0
        if driver.has_backlog or not (is_idle or size <= self._flow.window_left()) or self._flow.byte_budget() < min(size, HEAVY_BURST):
            return False
        self._flow.on_sent(driver.paint([sequence], self._cursor, self._sync_available, self._flow.wants_query))
        self._layer.mark_sent(placement)
        return True
