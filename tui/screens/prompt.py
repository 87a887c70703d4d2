"""Prompt: type `seven` and watch a 7 emerge from noise."""

from __future__ import annotations

import random
from collections.abc import Iterable, Set
from dataclasses import replace
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from engine.captions.own_words import read_caption
from engine.errors import PromptError
from engine.prompt.changes import Change
from engine.prompt.faults import quote
from engine.prompt.parser import Prompt, parse_or_change, parse_or_change_if_readable
from engine.runs.conditional_weights import name_weights_told
from engine.runs.other_classes import name_other_weights
from tui.render.prompt_examples import CHOOSE, examples, hello
from tui.screens.answers import Answers
from tui.screens.base import AppScreen
from tui.screens.fact_edits import FactEdits
from tui.screens.second_reading import SecondReading
from tui.screens.sketches import Sketches
from tui.settings import prompt_history
from tui.widgets.answer import Answer
from tui.widgets.conversation import Conversation
from tui.widgets.fact_bar import FactBar
from tui.widgets.image_view import ImageView
from tui.widgets.prompt_input import EARLIER, SCROLL, PromptInput

READING_SHOWN_AFTER = 0.3
"""Seconds after which the conversation says that a prompt is still being read."""


class PromptScreen(AppScreen):
    """The conversation above, the input below."""

    NAME = "prompt"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("i", "enter", "type", tooltip="move to the input", id="type"),
        Binding("enter", "enter", show=False, tooltip="move to the input"),
        Binding("up", "history(-1)", show=False, tooltip=EARLIER),
        Binding("down", "history(1)", show=False, tooltip=EARLIER),
        Binding("z", "enlarge", show=False, tooltip="enlarge the last drawing (or click on one)", id="enlarge"),
        Binding("s,ctrl+s", "save", "save", tooltip="save the last drawing as PNG with its recipe", id="save"),
        Binding("r,ctrl+r", "again", "again", tooltip="draw the prompt again with a new random seed", id="again"),
        Binding("f,tab", "facts(1)", "facts", tooltip="change the facts of the last answer", id="facts"),
        Binding("shift+tab", "facts(-1)", show=False, tooltip="the same, from its last fact"),
        Binding("l,ctrl+g", "lock_seed", "lock seed", show=False, tooltip="lock or unlock the last drawing's random seed", id="lock_seed"),
        Binding("pageup", "page(-1)", show=False, tooltip=SCROLL),
        Binding("pagedown", "page(1)", show=False, tooltip=SCROLL),
    ]
    FOOTER_IDS: ClassVar[Set[str]] = {"prompt", "help", "quit"}

    def body(self) -> Iterable[Widget]:
        yield Conversation(id="conversation", can_focus=False)
        yield PromptInput(placeholder=examples(self.studio.data, self.studio.told), select_on_focus=False, id="prompt")

    _was_ready = False
    """The engine was loaded when the screen last looked."""

    def about(self) -> str:
        return examples(self.studio.data, self.studio.told)

    def on_mount(self) -> None:
        self._history, problem = prompt_history.load()
        if problem:
            self.notify(problem, severity="warning", timeout=20)
        self._recalled = len(self._history)
        """The place in the history that up and down have reached."""
        self._sketches = Sketches(self.studio, self._conversation)
        self._answers = Answers(self.studio, self._conversation)
        self._edits = FactEdits(self, self._answers, self._show_error)
        self._second_reading = SecondReading(self.studio, self._draw_understood, self._show_error)
        self._conversation.mount(Static(self._hello(), id="hello"))
        self.on_navigate()

    def on_navigate(self) -> None:
        self._input.focus()

    def show_status(self) -> None:
        """Other weights may have been chosen, which draw other classes."""
        super().show_status()
        self._input.placeholder = examples(self.studio.data, self.studio.told)
        self._show_hello()
        if self.studio.ready and not self._was_ready:
            self._was_ready = True
            if self._input.value:  # typed before anything could be sketched
                self.on_input_changed()

    def on_resize(self, event: events.Resize) -> None:  # beside those of its bases, which Textual calls as well
        self._show_hello()

    def _show_hello(self) -> None:
        for first in self.query("#hello").results(Static):
            first.update(self._hello())

    def _hello(self) -> Content:
        return hello(self.studio.data, self.studio.told, *self.app.size)

    @property
    def _input(self) -> Input:
        return self.query_one("#prompt", Input)

    @property
    def _conversation(self) -> Conversation:
        return self.query_one(Conversation)

    async def action_submit(self) -> None:
        """Enter in the input. An action rather than the input's message, which would arrive after letters that were typed later."""
        text = self._input.value.strip()
        if not text:
            return
        if text.lower() in ("quit", "exit", "q", ":q"):
            self._input.clear()
            await self.run_action("app.leave")
            return
        if text.lower() in ("help", "?"):
            self._input.clear()
            await self.run_action("app.help")
            return
        self._remember(text)
        try:
            self._draw(text, self._read(text))
        except PromptError as error:
            if self._second_reading.ask(text, error):
                self.query(".problem").remove()
                self.set_timer(READING_SHOWN_AFTER, lambda: self._show_reading(text))
            else:
                self._show_error(error, text)  # the input keeps its text, to be corrected
        else:
            self._input.clear()

    def _read(self, text: str) -> Prompt | Change:
        """What a prompt asks for: what the parser reads, else a caption in the words that the weights learned. Raises PromptError."""
        names, words = self.studio.data.class_names, self.studio.own_words
        try:
            return parse_or_change(text, self.studio.rng, names, self.studio.told)
        except PromptError as error:
            if words is None:
                raise
            return read_caption(text, words, names, error)

    def _draw(self, text: str, asked: Prompt | Change) -> None:
        """Raises PromptError."""
        if isinstance(asked, Change):
            self._answers.change(text, asked)
        else:
            self._answers.draw(text, asked)
        self._sketches.end()
        self._second_reading.drop()

    def _draw_understood(self, text: str, meant: str) -> None:
        """Draw a prompt that only the engine's text encoder understood, by other words for the same."""
        try:
            asked = parse_or_change(meant, self.studio.rng, self.studio.data.class_names, self.studio.told)
            self._draw(text, replace(asked, text=asked.text and text) if isinstance(asked, Prompt) else asked)
        except PromptError as error:
            self._show_error(error, meant)
        else:
            if self._input.value.strip() == text:
                self._input.clear()

    def _show_reading(self, text: str) -> None:
        """Say that a prompt is still being read: the engine may have to load the reader first, or to finish a drawing."""
        if self._second_reading.waits_for == text and not self.query(".problem"):
            behind = " once the drawing before it is finished" if "drawing" in self.studio.router.activities else ""
            self._conversation.show_line(f"reading {quote(text)}{behind}…", "problem reading")

    @property
    def has_drawing(self) -> bool:
        return self._answers.last_drawing is not None

    def on_input_changed(self) -> None:
        """Sketch the images that the input names so far, in one step, in the place of the full drawing."""
        text = self._input.value.strip()
        rng = random.Random(0)
        before = rng.getstate()
        asked = parse_or_change_if_readable(text, rng, self.studio.data.class_names, self.studio.told) if text else None
        if asked or not text:
            self.query(".problem").remove()  # it was about another text; while that is corrected, its suggestion helps
        is_random = rng.getstate() != before  # the full drawing would choose these classes anew
        self._sketches.follow(text, None if is_random else asked)
        if text:
            self._conversation.scroll_end(animate=False)  # from wherever page up has led

    # --- answers ------------------------------------------------------------------------------------------------------

    def _remember(self, text: str) -> None:
        if not self._history or self._history[-1] != text:
            self._history.append(text)
            prompt_history.remember(text)
        self._recalled = len(self._history)

    def _show_error(self, error: PromptError, text: str) -> None:
        """Show why a prompt is not drawn, and which weights can draw it."""
        error = name_weights_told(error, text, self.studio.settings.weights, CHOOSE.format)
        self.query(".problem").remove()
        self._sketches.end()
        self._conversation.show_line(str(name_other_weights(error, self.studio.data, CHOOSE)), "problem")

    def stop_work(self) -> None:
        self._answers.stop()

    def action_enter(self) -> None:
        self._input.focus()

    def action_facts(self, by: int) -> None:
        self._edits.go_to_facts(by)

    def on_fact_bar_asked(self, event: FactBar.Asked) -> None:
        self._edits.on_asked(event.bar, event.place, event.by)

    def on_fact_bar_finished(self, event: FactBar.Finished) -> None:
        self._edits.on_finished(event.bar, event.again)

    def footer_label(self, binding: Binding) -> str:
        """The key to the facts is shown once there are some. While one has the focus, its own keys are, which leave no room for others."""
        if isinstance(self.focused, FactBar):
            return "" if binding.action in ("facts(1)", "enter", "save", "again") else super().footer_label(binding)
        if binding.action == "facts(1)" and not self._edits.has_facts:
            return ""
        return super().footer_label(binding)

    def action_history(self, by: int) -> None:
        if not self._history:
            return
        self._recalled = max(0, min(len(self._history), self._recalled + by))
        self._input.focus()
        self._input.value = self._history[self._recalled] if self._recalled < len(self._history) else ""
        self._input.cursor_position = len(self._input.value)

    def action_page(self, by: int) -> None:
        conversation = self._conversation
        conversation.scroll_relative(y=by * max(1, conversation.size.height - 2), animate=False)

    def action_save(self) -> None:
        self.save_drawing(self._answers.last_drawing, ".png")

    def action_lock_seed(self) -> None:
        """Lock the random seed that the last finished drawing had, or unlock it."""
        settings = self.studio.settings
        last = self._answers.last_drawing
        seed = last.recipe.sample.seed if last and not settings.lock_seed else settings.sample.seed
        self.studio.change_settings(lock_seed=not settings.lock_seed, sample=replace(settings.sample, seed=seed))
        free, kept = "is unlocked: each drawing takes the next", f"{seed} is locked: every drawing takes it until ctrl+g unlocks it"
        self.notify(f"The random seed {free if settings.lock_seed else kept}.")

    def action_enlarge(self) -> None:
        if last := self._answers.last_drawing:
            self.enlarge(last)
        else:
            self.explain("Nothing to enlarge: no drawing has finished yet.", lambda: not self.has_drawing)

    def on_image_view_chosen(self, event: ImageView.Chosen) -> None:
        answer = next((node for node in event.view.ancestors if isinstance(node, Answer)), None)
        if answer and answer.result:
            self.enlarge(answer.result, event.index if event.view is answer.view else 0)

    def action_again(self) -> None:
        if not self._answers.all:
            self.explain("Nothing to draw again yet. Type a prompt first.", lambda: not self._answers.all)
            return
        last = self._answers.all[-1]
        try:
            self._draw(last.text, last.prompt)
        except PromptError as error:  # other weights may have been chosen since
            self._show_error(error, last.text)
