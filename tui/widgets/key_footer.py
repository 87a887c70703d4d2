"""The keys that work now, on the last line of a screen."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import ActiveBinding
from textual.widgets import Footer
from textual.widgets._footer import FooterKey


class KeyFooter(Footer):
    """Textual's footer, in its compact form and without leaking memory.

    Textual binds each key to the footer's `compact`, and the footer never forgets a key that is bound: all that were ever shown stay in
    memory. A key is compact by default, so that ours need not be bound.
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
            shown = self.app.get_key_display(binding)
            yield FooterKey(binding.key, shown, binding.description, binding.action, disabled=not enabled, tooltip=tooltip)
