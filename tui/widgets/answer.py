"""One prompt and its digits, emerging in place."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Static

from engine.prompt.parser import Prompt
from engine.protocol import events as e
from engine.protocol.events import Event
from engine.protocol.recipe import Images
from tui.render import captions as caption
from tui.terminal.literal import literal, literal_lines
from tui.widgets.image_view import ImageView


class Answer(Widget):
    """Hears of the drawing that it shows."""

    def __init__(self, text: str, prompt: Prompt, view: ImageView) -> None:
        super().__init__(classes="answer")
        self.text, self.prompt, self.view = text, prompt, view
        self.job: int | None = None
        self.done: e.DrawDone | None = None
        self._asked, self._words = Static(classes="asked"), Static(classes="words")
        view.show(Images(bytes(784 * len(prompt.labels)), len(prompt.labels)))  # keeps the place

    def compose(self) -> ComposeResult:
        yield self._asked
        self.ask(self.text)
        if len(self.prompt.labels) == 1:
            with Horizontal(classes="one"):
                yield self.view
                yield self._words
        else:
            yield self.view
            yield self._words

    def ask(self, text: str) -> None:
        """The line above it."""
        self.text = text
        self._asked.update(literal(f"❯ {text}").stylize("bold"))

    def say(self, text: str) -> None:
        self._words.update(literal_lines(text))

    def hear(self, event: Event) -> None:
        match event:
            case e.Preparing(what):
                self.say(what + "…")
            case e.DrawStarted(recipe):
                self._recipe = recipe
            case e.Frame(images):
                self.view.show(images)
                self.say(self._head("\n") + caption.progress(event))
            case e.DrawDone():
                self.done, self._recipe = event, event.recipe
                self.view.show(event.images)
                between = "\n" if len(self.prompt.labels) == 1 else " · "
                self.say(
                    self._head("\n")
                    + caption.describe_sample(event.recipe.sample)
                    + "\n"
                    + caption.timing(event)
                    + between
                    + str(event.recipe.weights)
                )
            case e.Ended(outcome, message):
                self.job = None
                if outcome == "stopped":
                    self.say("stopped")
                elif outcome == "failed":
                    self.say(message)

    def _head(self, end: str) -> str:
        labels = self.prompt.labels
        return (caption.name_of(labels[0], self._recipe.data) if len(labels) == 1 else caption.labels_of(self._recipe)) + end
