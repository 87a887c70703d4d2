"""The application as its screens and dialogs see it: it has a studio and shows notices."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import ClassVar, cast

from textual.message_pump import MessagePump
from textual.notifications import SeverityLevel
from textual.timer import Timer

from engine.errors import DigittyError, OutputError
from engine.formatting import printable
from engine.storage.atomic import read_small
from tui.studio.messages import FromEngine
from tui.studio.studio import Studio
from tui.terminal.clipboard import LARGEST as LARGEST_FILE
from tui.terminal.clipboard import FileTransfer, fetch_command, file_sequences, file_transfer
from tui.terminal.graphics import Graphics
from tui.terminal.literal import LONGEST
from tui.terminal.notices import Notices
from tui.terminal.pixel_app import PixelApp
from tui.terminal.window import PLAIN, Window


class StudioApp(PixelApp):
    """Knows no screen."""

    studio: Studio
    NOTICE_SECONDS: ClassVar[float] = 6.0
    """How long a notice is shown that names no time and is no error."""

    def __init__(self, remote: bool = False, window: Window = PLAIN, graphics: Graphics | None = None) -> None:
        super().__init__(remote, window, graphics)
        self._disable_notifications = True  # no widgets for Textual's toasts
        self.notices = Notices()
        self._notice_timer: Timer | None = None

    def on_from_engine(self, message: FromEngine) -> None:
        if self.is_running:  # else its screens are being removed
            self.studio.on_job_event(message.job, message.event)
            self.end_outdated_notices()

    def notify(
        self, message: str, *, title: str = "", severity: SeverityLevel = "information", timeout: float | None = None, markup: bool = False
    ) -> None:
        """Show a notice: a single line of plain text, since names, paths and errors in it may hold anything. `markup` is ignored.

        The notices of every screen and widget are shown by this method, which may be called from any thread. An error stays until it is
        dismissed, or until something succeeds.
        """
        text = printable(f"{title}: {message}" if title else message, LONGEST)
        seconds = None if severity == "error" else self.NOTICE_SECONDS if timeout is None else timeout
        self.call_later(self._add_notice, text, severity, seconds)

    def explain(self, text: str, still: Callable[[], bool]) -> None:
        """Show why a key does nothing now, as long as `still` says that this is so."""
        self.call_later(self._add_notice, printable(text, LONGEST), "warning", self.NOTICE_SECONDS, still)

    def _add_notice(self, text: str, severity: SeverityLevel, seconds: float | None, still: Callable[[], bool] | None = None) -> None:
        self.notices.add(text, severity, seconds, still)
        self.refresh_notices()

    def end_outdated_notices(self) -> None:
        """Called after whatever may have ended the cause of a notice."""
        if self.notices.end_outdated():
            self.refresh_notices()

    def dismiss_notices(self) -> bool:
        """End all notices. Returns whether one of them was an error."""
        stayed = self.notices.dismiss()
        self.refresh_notices()
        return stayed

    def end_earlier_notices(self) -> None:
        """The user's next action succeeded, so end the errors before it."""
        self.notices.end_earlier()
        self.refresh_notices()

    def refresh_notices(self) -> None:
        """Show the current notice, and set the time at which it ends."""
        if self._notice_timer:
            self._notice_timer.stop()
            self._notice_timer = None
        seconds = self.notices.seconds_left()
        if seconds is not None:
            self._notice_timer = self.set_timer(max(seconds, 0.01), self._expire_notice)
        self.show_notice()

    def _expire_notice(self) -> None:
        self.notices.expire()
        self.refresh_notices()

    def show_notice(self) -> None:
        """Show the current notice on the topmost screen, or none."""

    def send_file(self, path: Path) -> str:
        """Hand a file to the terminal that the user sits at, or put the command that fetches it on the clipboard; says which. For any thread.

        Raises OutputError if the file can't be read.
        """
        transfer = FileTransfer.BROWSER if self.is_web else file_transfer(os.environ)
        try:
            data = read_small(path, LARGEST_FILE) if transfer is not FileTransfer.NONE else b""
        except OSError as error:
            if error.errno != errno.EFBIG:
                raise OutputError(f"can't read {path}: {error.strerror or error}") from None
            transfer = FileTransfer.NONE
        if transfer is FileTransfer.BROWSER:
            self.call_later(self.deliver_binary, BytesIO(data), save_filename=path.name)
            return f"Sent {path.name} to your browser: look in its downloads"
        if transfer is not FileTransfer.NONE:
            for sequence in file_sequences(transfer, path.name, data):
                self.send_sequence(sequence)
            where = "its downloads" if transfer is FileTransfer.DOWNLOAD else "its clipboard"
            return f"Sent {path.name} to your terminal: look in {where}"
        command = fetch_command(path, os.environ)
        self.copy_to_clipboard(command or str(path))
        if command:
            return f"This terminal takes no files. Sent a command for your machine to its clipboard: {command}"
        return f"This terminal takes no files. Sent the path to its clipboard: {path}"

    def start_run(self) -> None:
        """Go where runs are started, and ask what to train."""

    def notify_error(self, error: DigittyError) -> None:
        self.notify(str(error), severity="error")


def studio_app(node: MessagePump) -> StudioApp:
    """The application that a screen or a dialog belongs to."""
    return cast(StudioApp, node.app)
