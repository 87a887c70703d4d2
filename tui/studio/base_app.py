"""The application as its screens and dialogs see it: it has a studio and shows notices."""

from __future__ import annotations

from typing import cast

from textual.message_pump import MessagePump
from textual.notifications import SeverityLevel

from engine.errors import DigittyError
from engine.formatting import printable
from tui.studio.messages import FromEngine
from tui.studio.studio import Studio
from tui.terminal.literal import LONGEST
from tui.terminal.paced_app import PacedApp


class StudioApp(PacedApp):
    """Knows no screen."""

    studio: Studio

    def on_from_engine(self, message: FromEngine) -> None:
        if self.is_running:  # else its screens are being removed
            self.studio.on_job_event(message.job, message.event)

    def notify(
        self, message: str, *, title: str = "", severity: SeverityLevel = "information", timeout: float | None = None, markup: bool = False
    ) -> None:
        """Show a notice: a single line of plain text, since names, paths and errors in it may hold anything. `markup` is ignored.

        The notices of every screen and widget are shown by this method.
        """
        plain = message.replace("[$text-success]", "")  # in Textual's own notice of a screenshot
        super().notify(printable(plain, LONGEST), title=title, severity=severity, timeout=timeout, markup=False)

    def notify_error(self, error: DigittyError) -> None:
        self.notify(str(error), severity="error", timeout=10)


def studio_app(node: MessagePump) -> StudioApp:
    """The application that a screen or a dialog belongs to."""
    return cast(StudioApp, node.app)
