"""The base of all dialogs."""

from __future__ import annotations

from typing import ClassVar

from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, ScreenResultType
from textual.widget import Widget

from tui.studio.base_app import studio_app
from tui.widgets.notice_line import NoticeLine


class Dialog(ModalScreen[ScreenResultType]):
    """A window over a screen until it is dismissed. The current notice is on the terminal's last line."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f9", "app.messages", show=False)]

    def _extend_compose(self, widgets: list[Widget]) -> None:
        super()._extend_compose(widgets)
        widgets.append(NoticeLine(ascii=not studio_app(self).studio.terminal.unicode))

    def on_screen_resume(self) -> None:
        studio_app(self).refresh_notices()

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Close the dialog. A second call does nothing: after two quick presses of enter Textual would close the screen beneath."""
        return super().dismiss(result) if self.is_active else AwaitComplete()
