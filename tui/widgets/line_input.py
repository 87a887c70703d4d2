"""A one-line input into which several lines can be pasted."""

from __future__ import annotations

from textual import events
from textual.widgets import Input


class LineInput(Input):
    """Joins pasted lines with spaces and says so. Textual's Input silently drops all but the first."""

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()  # or Textual handles the paste, too
        lines = [line for line in event.text.splitlines() if line.strip()]
        text = lines[0] if len(lines) == 1 else " ".join(line.strip() for line in lines)
        text = "".join(char if char.isprintable() else " " for char in text)
        if self.selection.is_empty:
            self.insert_text_at_cursor(text)
        else:
            self.replace(text, *self.selection)
        if len(lines) > 1:
            self.notify(f"{len(lines)} pasted lines were joined into one.")
