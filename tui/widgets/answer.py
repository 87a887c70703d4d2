"""One prompt, and its images as they emerge from the noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from engine.config.data import DataSpec
from engine.prompt.changes import Move
from engine.prompt.facts import group_facts
from engine.prompt.parser import Prompt
from engine.prompt.phrase import Phrase
from engine.prompt.vocabulary import vocabulary_for
from engine.protocol import events as e
from engine.protocol.events import Event
from engine.protocol.recipe import LONGEST_LINE, Images
from tui.render import captions as caption
from tui.terminal.literal import literal, literal_lines
from tui.widgets.fact_bar import FactBar
from tui.widgets.filmstrip import Filmstrip
from tui.widgets.image_view import ImageView
from tui.widgets.shown_size import describe_shown_size

TEXT_WIDTH = 44
"""Columns that the text beside a single image needs."""


class Answer(Widget):
    """Shows a drawing whose events go to `on_job_event`."""

    def __init__(self, text: str, prompt: Prompt, view: ImageView, data: DataSpec) -> None:
        """`data` is what the prompt was read for."""
        super().__init__(classes="answer")
        self.text, self.view, self.data = text, view, data
        self.facts = FactBar()
        """What the prompt asks for besides classes; each fact can be changed."""
        self.set_asked(prompt)
        self.number, self._shows_number = 0, False
        """By which a prompt can name it: in the hand of answer 12."""
        self.job: int | None = None
        self.seed: int | None = None
        """The random seed of the drawing, once it was asked for."""
        self.keeps_picture = False
        """Whether the picture on view stays until the drawing is finished."""
        self.is_busy = True
        """Whether it is neither finished nor given up."""
        self._followers: list[Callable[[], None]] = []
        self.result: e.DrawDone | None = None
        """The finished drawing."""
        self.moves: Sequence[Mapping[str, Move]] = ()
        """What shall change in each picture, and in which direction, where that is what was asked for: "bolder"."""
        self.note = ""
        """What else to say of the finished drawing."""
        self.locked = False
        """Whether the random seed was locked."""
        self._prompt_line, self._details = Static(classes="asked"), Static(classes="words")
        self.strip = Filmstrip(view.terminal, view.max_rows) if len(prompt.labels) == 1 else None
        """The denoising of a single image, on a wide screen."""
        if len(prompt.labels) == 1:
            view.beside = TEXT_WIDTH
        self.show(Images.black(data, len(prompt.labels)), live=True)  # reserves the room

    def compose(self) -> ComposeResult:
        yield self._prompt_line
        self.set_prompt(self.text)
        if len(self.prompt.labels) == 1:
            with Horizontal(classes="one"):
                yield self.view
                with Vertical():
                    yield self.facts
                    yield self._details
                    if self.strip:
                        yield self.strip
        else:
            yield self.view
            yield self.facts
            yield self._details

    def set_asked(self, prompt: Prompt) -> None:
        """Set what is drawn, with as many images as before."""
        self.prompt = prompt
        if prompt.conditions or self.facts.groups:  # a fact that has the focus stays, whatever was left out
            self.facts.groups = group_facts(self.phrases, vocabulary_for(self.data.class_names))

    @property
    def phrases(self) -> Sequence[Phrase]:
        """What is asked of each picture."""
        return self.prompt.conditions or [Phrase(label) for label in self.prompt.labels]

    def set_number(self, number: int, shown: bool) -> None:
        self.number, self._shows_number = number, shown
        self.set_prompt(self.text)

    def show(self, images: Images, live: bool = False) -> None:
        """Show as many images as labels, on one line where they are all asked for in one hand."""
        hands = [phrase.hand for phrase in self.prompt.conditions or ()]
        in_line = 2 <= len(hands) <= LONGEST_LINE and hands[0] is not None and len(set(hands)) == 1
        self.view.show(images.side_by_side() if in_line else images, live=live)

    def follow(self, then: Callable[[], None]) -> None:
        """Call `then` once this answer is not busy any more: at once, if it is not."""
        if self.is_busy:
            self._followers.append(then)
        else:
            then()

    def end(self) -> None:
        """It is finished, or given up."""
        self.job, self.is_busy = None, False
        followers, self._followers = self._followers, []
        for then in followers:
            then()

    def fail(self, why: str) -> None:
        """Give it up."""
        self.set_text(why)
        self.end()

    def set_prompt(self, text: str) -> None:
        """Set the line above the images."""
        self.text = text
        number = literal(f" · answer {self.number}") if self._shows_number else ""
        self._prompt_line.update(Content.assemble(literal(f"❯ {text}").stylize("bold"), number))

    def set_text(self, text: str) -> None:
        """Set the text beside or below the images."""
        self._details.update(literal_lines(text))

    def on_job_event(self, event: Event) -> None:
        match event:
            case e.Preparing(what):
                self.set_text(what + "…")
            case e.DrawStarted(recipe):
                self._recipe = recipe
                if self.strip:
                    self.strip.begin(recipe.data, recipe.sample.steps)
            case e.Frame(images):
                if not self.keeps_picture:
                    self.show(images, live=True)
                if self.strip:
                    self.strip.add(event)
                self.set_text("\n".join(filter(None, (self._heading(), caption.progress(event)))))
            case e.DrawDone():
                event = replace(event, measured=caption.accept_moves(event.measured, self.moves))
                self.result, self._recipe = event, event.recipe
                self.show(event.images)
                if self.strip:
                    self.strip.finish(event)
                self._describe(event)
            case e.Ended(outcome, message):
                if outcome == "stopped":
                    self.set_text("stopped")
                elif outcome == "failed":
                    self.set_text(message)
                self.end()

    def on_resize(self) -> None:
        if self.result:
            self.call_after_refresh(self._describe, self.result)

    def _describe(self, done: e.DrawDone) -> None:
        """Set the text of the finished drawing."""
        is_single = len(self.prompt.labels) == 1
        smaller = f"{size} · z enlarges" if (size := describe_shown_size(self.view)) else ""
        sample = caption.describe_sample(done.recipe.sample, self.locked)
        sample += f" · {smaller}" if smaller and not is_single else ""  # a line more would not fit below the images
        between = "\n" if is_single else " · "
        details = f"{sample}\n{caption.timing(done)}{between}{done.recipe.weights}"
        lines = (self._heading(), details, smaller if is_single else "", caption.describe_measured(done, self.moves), self.note)
        self.set_text("\n".join(filter(None, lines)))

    def _heading(self) -> str:
        """What is drawn, where the facts do not say it."""
        if self.facts.groups:
            return ""
        labels = self.prompt.labels
        return caption.name_of(labels[0], self._recipe.data) if len(labels) == 1 else caption.labels_of(self._recipe)
