"""An application that exits cleanly after a fault, which goes to the log and is not drawn over the terminal. Also guards parts of Textual."""

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

WIDGET_GONE = (MountError, NoMatches, ScreenStackError)
"""Raised by the handlers of keys that were typed after q, whose widgets no longer exist."""

log = logging.getLogger(__name__)


class Palette(CommandPalette):
    """Textual's palette, without the errors of keys that move in its list while the search changes or closes it."""

    def _action_command_list(self, action: str) -> None:
        with suppress(KeyError, IndexError, NoMatches):
            super()._action_command_list(action)


class GuardedApp(App[int]):
    """Without `report_fault`, as in a test, Textual handles exceptions as usual."""

    report_fault: Callable[[BaseException], None] | None = None
    """Receives each unhandled exception and ends the application."""

    def on_load(self) -> None:
        asyncio.get_running_loop().set_exception_handler(self._on_loop_exception)

    def _handle_exception(self, error: Exception) -> None:
        """Handle an exception of a handler, a timer, a worker or a callback."""
        cause = error.error if isinstance(error, WorkerFailed) else error
        if _comes_from_closed_palette(cause) or (self._exit and self.report_fault and isinstance(cause, WIDGET_GONE)):
            log.warning("exception of a closed widget", exc_info=cause)
        elif self.report_fault is None:
            super()._handle_exception(error)
        else:
            self._return_code = 1
            self.report_fault(cause)

    async def on_event(self, event: events.Event) -> None:
        """Handle an event. Textual raises if the widget below the mouse has just been removed, for example where a drag begins."""
        if not isinstance(event, events.MouseEvent):
            await super().on_event(event)
            return
        try:
            await super().on_event(event)
        except Exception:
            log.warning("%r", event, exc_info=True)
            self.clear_selection()

    def _on_loop_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Handle an exception of a call or a task that Textual does not watch."""
        error = context.get("exception")
        if self.report_fault is None or self._exit or not isinstance(error, Exception):
            loop.default_exception_handler(context)
        else:
            self.report_fault(error)

    def _print_error_renderables(self) -> None:
        """Report what Textual prints at the end, such as an error in a style sheet."""
        if self.report_fault is None or not self._exit_renderables:
            super()._print_error_renderables()
            return
        text = io.StringIO()
        console = Console(file=text, width=120)
        for renderable in self._exit_renderables:
            console.print(renderable)
        self._exit_renderables.clear()
        self.report_fault(RuntimeError(text.getvalue()))

    def action_command_palette(self) -> None:
        if self.use_command_palette and not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def search_themes(self) -> None:
        self.push_screen(Palette(providers=[ThemeProvider], placeholder="Search for themes…"))

    def clear_selection(self) -> None:
        """Clear the selection, even before a screen is on the stack: from Python 3.12 on an input may have the focus by then."""
        with suppress(ScreenStackError):
            super().clear_selection()

    def pop_screen(self) -> AwaitComplete:
        """Pop the screen, or do nothing if it is the last one, as after two quick presses of enter in the command palette."""
        return super().pop_screen() if len(self.screen_stack) > 1 else AwaitComplete()

    def copy_selection(self) -> bool:
        """Copy the text selected by mouse or in an input. Whether any was selected."""
        focused = self.focused
        if isinstance(focused, Input) and focused.selected_text:
            self.copy_to_clipboard(focused.selected_text)
            return True
        if not self.screen.selections:
            return False
        if text := self._selected_text():
            self.copy_to_clipboard(text)
        else:
            self.screen.clear_selection()  # an empty selection: next time the key has its usual effect
        return True

    def _selected_text(self) -> str:
        """The screen's `get_selected_text`, which raises if a selection begins below the last line of a widget's text (Textual #6708)."""
        texts: list[str] = []
        for widget, selection in self.screen.selections.items():
            try:
                piece = widget.get_selection(selection) if widget.is_attached else None
            except Exception:
                log.warning("copying the selection of %r", widget, exc_info=True)
                continue
            texts += piece or ()
        return "".join(texts).rstrip("\n")


def _comes_from_closed_palette(error: BaseException) -> bool:
    """Whether the error comes from a palette that is closed, whose search looks for widgets that no longer exist."""
    owners = (frame.f_locals.get("self") for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(isinstance(owner, CommandPalette) and not owner.is_active for owner in owners)
