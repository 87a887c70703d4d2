"""An input of one line, into which several can be pasted."""

from __future__ import annotations

from textual import events
from textual.widgets import Input


class LineInput(Input):
    """Textual's keeps the first line of a paste and drops the rest without a word; this one joins them with spaces and says so."""

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()  # Textual's own
        lines = [line for line in event.text.splitlines() if line.strip()]
        text = lines[0] if len(lines) == 1 else " ".join(line.strip() for line in lines)
        text = "".join(char if char.isprintable() else " " for char in text)
        if self.selection.is_empty:
            self.insert_text_at_cursor(text)
        else:
            self.replace(text, *self.selection)
        if len(lines) > 1:
            self.notify(f"{len(lines)} lines were pasted as one")
