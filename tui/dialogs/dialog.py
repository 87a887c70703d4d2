"""What all dialogs share: each is closed once."""

from __future__ import annotations

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen, ScreenResultType


class Dialog(ModalScreen[ScreenResultType]):
    """A screen over another, which it covers until it is dismissed."""

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """A second time, as by two quick presses of enter, it does nothing: Textual would close the screen beneath."""
        return super().dismiss(result) if self.is_active else AwaitComplete()
