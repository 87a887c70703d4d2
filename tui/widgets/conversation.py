"""The prompts and answers of the Prompt screen, one below the other."""

from __future__ import annotations

from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from tui.terminal.literal import literal
from tui.widgets.answer import Answer
from tui.widgets.image_view import ImageView


class Conversation(VerticalScroll):
    """Prompts and their answers. The images are as large as they can be while an answer fits."""

    def room(self, count: int) -> int:
        """Rows for that many images of an answer; its prompt takes the others, and its text, which stands beside a single image."""
        return max(5, self.size.height - (2 if count == 1 else 5))

    def on_resize(self) -> None:
        for answer in self.query(Answer):
            for view in answer.query(ImageView):
                view.max_rows = self.room(len(answer.prompt.labels))
        self.scroll_end(animate=False)

    def show_last(self, answer: Widget) -> None:
        """Scroll to the last answer: to its end, or where there is no room for all of it, to its beginning."""

        def scroll() -> None:
            if answer.outer_size.height > self.size.height:
                self.scroll_to_widget(answer, animate=False, top=True)
            else:
                self.scroll_end(animate=False)

        self.call_after_refresh(scroll)

    def show_line(self, text: str, classes: str) -> None:
        """Add a line at the end."""
        self.mount(Static(literal(text), classes=classes))
        self.scroll_end(animate=False)
