"""The prompt's input: one line, with arrow keys that browse the history, and keys that act in the order in which they were typed."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from tui.widgets.line_input import LineInput

EARLIER, SCROLL = "go back and forth in earlier prompts", "scroll"


class PromptInput(LineInput):
    """Its screen must have the actions `submit`, `history` and `page`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.submit", "draw", tooltip="draw the prompt"),
        Binding("up", "screen.history(-1)", "history", key_display="↑", tooltip=EARLIER),
        Binding("down", "screen.history(1)", show=False, tooltip=EARLIER),
        Binding("pageup", "screen.page(-1)", show=False, tooltip=SCROLL),
        Binding("pagedown", "screen.page(1)", show=False, tooltip=SCROLL),
    ]

    def on_mount(self) -> None:
        self.cursor_blink = False  # an idle screen sends nothing

    async def _on_key(self, event: events.Key) -> None:
        """Run bound keys in order. Textual routes them through the application, behind letters typed later, which scrambles a paste."""
        for binding in () if event.is_printable else self._bindings.key_to_bindings.get(event.key, ()):
            event.stop()
            event.prevent_default()
            await self.run_action(binding.action)
            return
        await super()._on_key(event)
