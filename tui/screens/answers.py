"""The answers of the Prompt screen: draws what prompts ask for, and changes of the last answer such as "bolder"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engine.config.condition import Condition
from engine.errors import PromptError
from engine.prompt.changes import Change, apply_change, asked_moves
from engine.prompt.conditions import TOLD_CLASSES
from engine.prompt.faults import quote
from engine.prompt.hand_numbers import other_hand
from engine.prompt.parser import DESCRIBED, Prompt
from engine.prompt.phrase import Phrase
from engine.prompt.told_words import to_conditions
from engine.protocol import events as e
from engine.protocol.events import Event
from tui.screens.answer_hands import find_hand, name_hands
from tui.studio.studio import Studio
from tui.widgets.answer import Answer
from tui.widgets.conversation import Conversation
from tui.widgets.image_view import ImageView

ANSWERS = 40
"""The most answers that the screen keeps."""
REDRAWN = "The last answer was redrawn, so this one may start from other noise."
Measures = Sequence[Mapping[str, float]]
"""What was measured of each picture of an answer."""


class Answers:
    """Draws them in a conversation."""

    def __init__(self, studio: Studio, conversation: Conversation) -> None:
        self._studio, self._conversation = studio, conversation
        self._count = 0
        """Answers until now; each has the next number."""

    @property
    def all(self) -> list[Answer]:
        """The oldest first."""
        return [answer for answer in self._conversation.query(Answer) if not answer.has_class("sketch")]

    @property
    def last_drawing(self) -> e.DrawDone | None:
        """The last one that has finished."""
        return next((answer.result for answer in reversed(self.all) if answer.result), None)

    def stop(self) -> None:
        for answer in self.all:
            if answer.job is not None:
                self._studio.worker.stop(answer.job)

    def draw(self, text: str, prompt: Prompt) -> None:
        """Draw a prompt with the next random seed. Raises PromptError where the chosen weights can't be told what it asks for."""
        self.conditions_of(prompt)  # before a random seed is taken
        seed = self._studio.next_seed()
        prompt = name_hands(prompt, seed, self.all)
        self.start(self.add(text, prompt), self.conditions_of(prompt), seed)

    def change(self, text: str, change: Change) -> None:
        """Draw the last answer with a change, from the same noise; without a change ("again"), from other noise.

        An answer that is being drawn is waited for. Raises PromptError where there is no answer, or where it can't be changed so.
        """
        last = next((answer for answer in reversed(self.all) if answer.is_busy or answer.result), None)
        if last is None:
            raise PromptError(f"{quote(text)} changes the last answer, but there is none yet; draw something first, such as {DESCRIBED}")
        if not last.is_busy:
            self.conditions_of(self._changed(change, last))
        answer = self.add(text, last.prompt)
        answer.set_text("waiting for the last answer…")
        last.follow(lambda: self._measure(answer, change, last))

    def _measure(self, answer: Answer, change: Change, last: Answer) -> None:
        """Measure the last answer, where the change goes on from what it shows; then draw."""
        if not answer.is_attached or last.result is None:
            answer.fail("not drawn, because the answer that it changes was not finished")
            return
        if not any(part.shifts for part in change.parts):
            self._draw_changed(answer, change, last)
            return

        recipe = last.result.recipe

        def on_job_event(event: Event) -> None:
            if isinstance(event, e.StrokesMeasured):
                measured = _within_asked(event, recipe.conditions)
                if told := self._studio.told:
                    answer.moves = asked_moves(change, last.phrases, told, measured, [dict(each) for each in event.pictures])
                self._draw_changed(answer, change, last, measured)
            elif isinstance(event, e.Ended) and event.outcome != "finished":
                answer.fail(event.message or event.outcome)

        answer.job = self._studio.measure(last.result.images, on_job_event)

    def _draw_changed(self, answer: Answer, change: Change, last: Answer, measured: Measures = ()) -> None:
        answer.job = None
        try:
            prompt = self._changed(change, last, measured)
            conditions = self.conditions_of(prompt)
        except PromptError as error:
            answer.fail(str(error))
            return
        answer.set_asked(prompt)
        if change.keeps_noise and last.result:
            # Redrawing starts from other noise, so more than one thing would change. But where the last answer was redrawn, redrawing tries the
            # same noise in the same order, and most likely ends where that did.
            was_redrawn = last.result.again > 0
            answer.note = REDRAWN if was_redrawn else ""
            self.start(answer, conditions, last.result.recipe.sample.seed, redraws=was_redrawn)
        else:
            self.start(answer, conditions, self._studio.next_seed())

    def _changed(self, change: Change, last: Answer, measured: Measures = ()) -> Prompt:
        """The prompt of the last answer with a change. Raises PromptError."""
        told = self._studio.told
        if told is None:
            raise PromptError(TOLD_CLASSES)
        if last.data.class_names != self._studio.data.class_names:
            raise PromptError(f"the last answer shows other classes than {self._studio.settings.weights} draws; draw something first")
        known = [phrase for answer in self.all for phrase in answer.prompt.conditions or ()]
        another = other_hand(self._studio.settings.sample.seed, known)
        changed = with_phrases(last.prompt, apply_change(change, last.phrases, told, measured, another))
        return name_hands(changed, self._studio.settings.sample.seed, self.all)

    def conditions_of(self, prompt: Prompt) -> tuple[Condition, ...] | None:
        """What the chosen weights are told of each picture besides its class. Raises PromptError where they can't be told it."""
        told = self._studio.told
        if prompt.caption:
            return tuple(Condition(label, text=prompt.caption) for label in prompt.labels)
        if not prompt.conditions:
            return None
        if told is None:
            raise PromptError(TOLD_CLASSES)
        return to_conditions(prompt.conditions, told, lambda hand: find_hand(hand, self.all), prompt.text)

    def show(self, answer: Answer) -> None:
        """Scroll to the last answer. Text below several pictures matters more than the first of them."""
        if len(answer.prompt.labels) == 1:
            self._conversation.show_last(answer)
        else:
            self._conversation.scroll_end(animate=False)

    def add(self, text: str, prompt: Prompt) -> Answer:
        """An answer at the end of the conversation, of which nothing is drawn yet."""
        conversation = self._conversation
        conversation.query("#hello, .problem").remove()
        answer = Answer(text, prompt, ImageView(self._studio.terminal, max_rows=conversation.room(len(prompt.labels))), self._studio.data)
        self._count += 1
        told = self._studio.told
        answer.set_number(self._count, shown=told is not None and told.hand > 0)
        for old in self.all[: 1 - ANSWERS]:
            old.remove()
        conversation.mount(answer)
        conversation.scroll_end(animate=False)
        return answer

    def start(self, answer: Answer, conditions: tuple[Condition, ...] | None, seed: int, *, redraws: bool = True) -> None:
        """Queue the drawing of an answer, in the place of the one before."""
        answer.locked, answer.seed = self._studio.settings.lock_seed, seed
        prompt, number = answer.prompt, 0

        def listener(event: Event) -> None:
            if answer.job == number:  # not a late event of a drawing that this one replaced
                self._on_job_event(answer, event)

        answer.job = number = self._studio.draw(prompt.labels, listener, seed, prompt.shared_noise, conditions, redraws)
        answer.set_text("waiting for the engine…")

    def _on_job_event(self, answer: Answer, event: Event) -> None:
        if not answer.is_attached:
            if isinstance(event, e.Ended):
                answer.end()
            return
        answer.on_job_event(event)
        if isinstance(event, e.DrawDone) and answer is self.all[-1]:
            self.show(answer)


def with_phrases(prompt: Prompt, phrases: Sequence[Phrase]) -> Prompt:
    """As many pictures, of which this is asked."""
    labels = tuple(own if phrase.label is None else phrase.label for own, phrase in zip(prompt.labels, phrases, strict=True))
    return replace(prompt, labels=labels, conditions=None if all(phrase.is_plain for phrase in phrases) else tuple(phrases), text="")


def _within_asked(event: e.StrokesMeasured, conditions: Sequence[Condition] | None) -> Measures:
    """What was measured of each picture, and where that is not as asked for, the nearest value that is."""
    measured = []
    for attributes, condition in zip(event.pictures, conditions or [Condition()] * len(event.pictures), strict=True):
        asked = {name: condition.interval(name) for name, _ in attributes}
        measured.append({name: min(max(value, asked[name].low), asked[name].high) for name, value in attributes})
    return measured
