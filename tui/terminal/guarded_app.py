"""An application whose faults end it in order: they are reported to the log, never drawn over the terminal. And what of Textual's needs a guard."""

from __future__ import annotations

import asyncio
import io
import logging
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rich.console import Console
from textual import events
from textual.app import App, ScreenStackError
from textual.await_complete import AwaitComplete
from textual.command import CommandPalette
from textual.css.query import NoMatches
from textual.theme import ThemeProvider
from textual.widget import MountError
from textual.widgets import Input
from textual.worker import WorkerFailed

GONE = (MountError, NoMatches, ScreenStackError)
"""What the handlers of keys that were typed after q raise: the widgets that they look for are gone."""

log = logging.getLogger(__name__)


class Palette(CommandPalette):
    """Textual's, whose search goes on while its list is being moved in or closed."""

    def _action_command_list(self, action: str) -> None:
        with suppress(KeyError, IndexError, NoMatches):
            super()._action_command_list(action)


class GuardedApp(App[int]):
    """Where nobody set `report_fault`, as in a test, Textual handles exceptions as it always does."""

    report_fault: Callable[[BaseException], None] | None = None
    """Gets each exception that nobody handled, and ends the application."""

    def on_load(self) -> None:
        asyncio.get_running_loop().set_exception_handler(self._loop_failed)

    def _handle_exception(self, error: Exception) -> None:
        """Of a handler, a timer, a worker or a callback."""
        cause = error.error if isinstance(error, WorkerFailed) else error
        if _is_of_closed_palette(cause) or (self._exit and self.report_fault and isinstance(cause, GONE)):
            log.warning("of what is closed", exc_info=cause)
        elif self.report_fault is None:
            super()._handle_exception(error)
        else:
            self._return_code = 1
            self.report_fault(cause)

    async def on_event(self, event: events.Event) -> None:
        """Passes the mouse on to what lies beneath it, which may just have been removed: Textual raises then (where a drag begins, for one)."""
        if not isinstance(event, events.MouseEvent):
            await super().on_event(event)
            return
        try:
            await super().on_event(event)
        except Exception:
            log.warning("%r", event, exc_info=True)
            self.clear_selection()

    def _loop_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Of a call or a task that Textual does not watch."""
        error = context.get("exception")
        if self.report_fault is None or self._exit or not isinstance(error, Exception):
            loop.default_exception_handler(context)
        else:
            self.report_fault(error)

    def _print_error_renderables(self) -> None:
        """What Textual itself has to say at the end, as of a style sheet that it can't read."""
        if self.report_fault is None or not self._exit_renderables:
            super()._print_error_renderables()
            return
        said = Console(file=io.StringIO(), width=120)
        for renderable in self._exit_renderables:
            said.print(renderable)
        self._exit_renderables.clear()
        assert isinstance(said.file, io.StringIO)
        self.report_fault(RuntimeError(said.file.getvalue()))

    def action_command_palette(self) -> None:
        if self.use_command_palette and not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def search_themes(self) -> None:
        self.push_screen(Palette(providers=[ThemeProvider], placeholder="Search for themes…"))

    def clear_selection(self) -> None:
        """Also while a mode's first screen is mounted: from Python 3.12 on its input has the focus before the screen is on the stack."""
        with suppress(ScreenStackError):
            super().clear_selection()

    def pop_screen(self) -> AwaitComplete:
        """Does nothing where there is but one, as after two quick presses of enter in the command palette."""
        return super().pop_screen() if len(self.screen_stack) > 1 else AwaitComplete()

    def copy_selection(self) -> bool:
        """Copies what is selected by mouse or in an input, and says whether something was."""
        focused = self.focused
        if isinstance(focused, Input) and focused.selected_text:
            self.copy_to_clipboard(focused.selected_text)
            return True
        if not self.screen.selections:
            return False
        if text := self._selected_text():
            self.copy_to_clipboard(text)
        else:
            self.screen.clear_selection()  # of nothing: the next time the key means what it says
        return True

    def _selected_text(self) -> str:
        """As the screen's `get_selected_text`, which raises where a selection begins below the last line of a widget's text (Textual #6708)."""
        found: list[str] = []
        for widget, selection in self.screen.selections.items():
            try:
                selected = widget.get_selection(selection) if widget.is_attached else None
            except Exception:
                log.warning("copying the selection of %r", widget, exc_info=True)
                continue
            found += selected or ()
        return "".join(found).rstrip("\n")


def _is_of_closed_palette(error: BaseException) -> bool:
    """Whether it only concerns a palette that is gone: its search looks for widgets that went before it."""
    owners = (frame.f_locals.get("self") for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(isinstance(owner, CommandPalette) and not owner.is_active for owner in owners)
