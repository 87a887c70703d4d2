"""The prompts and answers of the Prompt screen, one below the other."""

from __future__ import annotations

from textual.containers import VerticalScroll
from textual.widgets import Static

from tui.terminal.literal import literal
from tui.widgets.image_view import ImageView


class Conversation(VerticalScroll):
    """Prompts and their answers. The images are as large as they can be while an answer fits."""

    @property
    def room(self) -> int:
        """Rows for the images of an answer; its prompt and its text take the others."""
        return max(5, self.size.height - 5)

    def on_resize(self) -> None:
        for view in self.query(ImageView):
            view.max_rows = self.room
        self.scroll_end(animate=False)

    def show_line(self, text: str, classes: str) -> None:
        """Add a line at the end."""
        self.mount(Static(literal(text), classes=classes))
        self.scroll_end(animate=False)
