"""The base of all dialogs."""

from __future__ import annotations

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen, ScreenResultType


class Dialog(ModalScreen[ScreenResultType]):
    """A window over a screen until it is dismissed."""

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Close the dialog. A second call does nothing: after two quick presses of enter Textual would close the screen beneath."""
        return super().dismiss(result) if self.is_active else AwaitComplete()
