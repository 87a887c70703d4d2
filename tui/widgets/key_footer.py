"""The keys that work at the moment, on the last line of a screen."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import ActiveBinding
from textual.widgets import Footer
from textual.widgets._footer import FooterKey


class KeyFooter(Footer):
    """Textual's footer, in its compact form and without leaking memory.

    Textual binds each key widget to the footer's `compact`, and the footer keeps a reference to each bound widget forever. A key widget is
    compact by default, so there is no need to bind it.
    """

    def __init__(self) -> None:
        super().__init__(compact=True, show_command_palette=False)

    def compose(self) -> ComposeResult:
        if not self._bindings_ready:
            return
        first: dict[str, ActiveBinding] = {}
        for active in self.screen.active_bindings.values():
            if active.binding.show:
                first.setdefault(active.binding.action, active)
        for _, binding, enabled, tooltip in first.values():
            key_display = self.app.get_key_display(binding)
            yield FooterKey(binding.key, key_display, binding.description, binding.action, disabled=not enabled, tooltip=tooltip)
