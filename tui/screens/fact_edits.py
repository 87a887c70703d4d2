"""Changes of single facts of an answer on the Prompt screen: sketched at once from the same noise, drawn in full once the keys rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from textual.timer import Timer

from engine.config.condition import Condition
from engine.errors import PromptError
from engine.prompt.conditions import TOLD_CLASSES
from engine.prompt.facts import CLASS, Fact, drop_fact, step_fact
from engine.prompt.parser import DESCRIBED
from engine.prompt.phrase import Phrase
from engine.prompt.vocabulary import vocabulary_for
from engine.prompt.words import prompt_words
from engine.protocol import events as e
from engine.protocol.events import Event
from engine.protocol.requests import DrawRequest
from tui.screens.answers import REDRAWN, Answers, with_phrases
from tui.screens.base import AppScreen
from tui.widgets.answer import Answer
from tui.widgets.fact_bar import FactBar, Place

REST = 0.6
"""Seconds without a change after which the answer is drawn in full."""
NO_FACTS = f"There is nothing to change yet: ask for something such as {DESCRIBED}, then tab goes to what was understood."


@dataclass
class Edit:
    """An answer that is being changed, and where it comes from."""

    answer: Answer
    origin: Answer
    seed: int
    was_redrawn: bool
    """Whether the origin was redrawn: its picture then has other noise than its random seed says."""
    conditions: tuple[Condition, ...] | None = None
    sketch: int | None = None
    """The job that sketches it."""
    is_sketched: bool = False
    """Whether the sketch shows the facts as they are now."""
    rest: Timer | None = None
    """Runs while the answer waits to be drawn in full."""


class FactEdits:
    """At most one answer is changed at a time. Each keeps the noise of the one that it comes from, and is an answer of its own."""

    def __init__(self, screen: AppScreen, answers: Answers, show_error: Callable[[PromptError, str], None]) -> None:
        """`show_error` shows why a prompt is not drawn."""
        self._screen, self._studio, self._answers, self._show_error = screen, screen.studio, answers, show_error
        self._edit: Edit | None = None

    @property
    def has_facts(self) -> bool:
        return any(answer.facts.groups for answer in self._answers.all)

    def go_to_facts(self, by: int) -> None:
        """Let the first fact of the last answer that has any take the focus, or with -1 the last fact."""
        bars = [answer.facts for answer in self._answers.all if answer.facts.groups]
        if not bars:
            self._screen.explain(NO_FACTS if self._studio.told else f"There are no facts: {TOLD_CLASSES}.", lambda: not self.has_facts)
            return
        bars[-1].at = 0 if by > 0 else len(bars[-1].places) - 1
        bars[-1].focus()

    def on_asked(self, bar: FactBar, place: Place, by: int) -> None:
        """Change a fact by some steps, or leave it out where `by` is 0. The answer as it was stays."""
        origin = self._answer_of(bar)
        if origin is None:
            return
        if self._edit and self._edit.origin is origin:  # the focus is on its way to the answer that is being changed
            origin = self._edit.answer
        try:
            self._change(origin, place, by)
        except PromptError as error:
            self._show_error(error, prompt_words(origin.phrases, origin.data.class_names))

    def on_finished(self, bar: FactBar, again: bool) -> None:
        """Draw in full what waits for it. With `again`, what is not as asked for is redrawn, and further changes make another answer."""
        edit = self._edit
        if edit is None or edit.answer.facts is not bar:
            if again and self._answer_of(bar):
                self._screen.explain("Nothing is changed yet: the arrow keys change a fact, backspace drops it.", lambda: self._edit is None)
            return
        if again:
            self._draw(edit, redraws=True)
        elif edit.rest:
            self._draw(edit, redraws=edit.was_redrawn)
        self._edit = None

    def _answer_of(self, bar: FactBar) -> Answer | None:
        return next((answer for answer in self._answers.all if answer.facts is bar and answer.is_attached), None)

    def _change(self, origin: Answer, place: Place, by: int) -> None:
        """Raises PromptError where the chosen weights can't be told the changed facts."""
        phrases = self._changed(origin, place, by)
        if tuple(phrases) == tuple(origin.phrases):
            self._screen.explain(_why_unchanged(origin.facts.fact_at(place), by), lambda: origin.facts.has_focus and origin.facts.place == place)
            return
        if self._studio.data.class_names != origin.data.class_names:
            raise PromptError(f"this answer shows other classes than {self._studio.settings.weights} draws")
        prompt = with_phrases(origin.prompt, phrases)
        conditions = self._answers.conditions_of(prompt)
        edit = self._edit if self._edit and self._edit.answer is origin else self._begin(origin, place)
        edit.conditions, edit.is_sketched = conditions, False
        edit.answer.set_asked(prompt)
        edit.answer.set_prompt(prompt_words(phrases, origin.data.class_names))
        edit.answer.facts.go_to(place)
        self._stop_drawing(edit)
        self._sketch(edit)
        if edit.rest:
            edit.rest.stop()
        edit.rest = self._screen.set_timer(REST, lambda: self._draw(edit, redraws=edit.was_redrawn))

    def _changed(self, answer: Answer, place: Place, by: int) -> Sequence[Phrase]:
        """What is asked of the pictures after the change."""
        vocabulary = vocabulary_for(answer.data.class_names)
        phrases = list(answer.phrases)
        fact = answer.facts.fact_at(place)
        if fact is None or (by and not fact.can_step):
            return phrases
        for i in answer.facts.groups[place.group].places:
            phrases[i] = step_fact(phrases[i], place.name, by, vocabulary) if by else drop_fact(phrases[i], place.name)
        return phrases

    def _begin(self, origin: Answer, place: Place) -> Edit:
        """A new answer with the noise of another. Raises PromptError where that is not known yet."""
        if origin.seed is None:
            raise PromptError("this answer is not drawn yet; wait for it, then change it")
        answer = self._answers.add(origin.text, origin.prompt)
        answer.facts.groups, answer.facts.at, answer.facts.begins_focused = origin.facts.groups, origin.facts.at, True
        answer.keeps_picture = origin.view.images is not None
        if origin.view.images:
            answer.view.show(origin.view.images)
        self._edit = Edit(answer, origin, origin.seed, origin.result is not None and origin.result.again > 0)
        return self._edit

    # --- drawing ------------------------------------------------------------------------------------------------------

    def _stop_drawing(self, edit: Edit) -> None:
        """Give up the full drawing of facts that have changed since."""
        answer = edit.answer
        answer.is_busy, answer.result = True, None
        if answer.job is not None:
            self._studio.worker.stop(answer.job)
            answer.job = None

    def _sketch(self, edit: Edit) -> None:
        """Sketch the facts as they are now, or once the sketch before is finished, so that the picture follows while a key is held."""
        answer = edit.answer
        sketcher, sample = self._studio.sketcher, self._studio.settings.sample
        if not (sketcher.is_possible and self._studio.ready):
            answer.set_text("drawn once the keys rest")
            return
        if edit.sketch is not None:
            return
        labels = answer.prompt.labels
        indices = (0,) * len(labels) if answer.prompt.shared_noise else None
        own = DrawRequest(labels, replace(sample, seed=edit.seed), indices, self._studio.settings.weights, conditions=edit.conditions)
        request = sketcher.quick_request(own)
        edit.is_sketched = True
        steps = f"{request.sample.steps} step{'' if request.sample.steps == 1 else 's'}"

        def listener(event: Event) -> None:
            if isinstance(event, e.DrawDone) and answer.is_attached and answer.job is None:
                answer.show(event.images)
                answer.set_text(f"a sketch in {steps}\ndrawn in full once the keys rest")
                self._answers.show(answer)
            elif isinstance(event, e.Ended):
                edit.sketch = None
                if answer.is_attached and answer.job is None and answer.is_busy and not edit.is_sketched:
                    self._sketch(edit)

        edit.sketch = sketcher.draw(request, listener)

    def _draw(self, edit: Edit, *, redraws: bool) -> None:
        """Draw the answer in full."""
        if edit.rest:
            edit.rest.stop()
            edit.rest = None
        if edit.sketch is not None:
            self._studio.worker.stop(edit.sketch)
        answer = edit.answer
        if answer.is_attached:
            self._stop_drawing(edit)
            answer.note = REDRAWN if edit.was_redrawn else ""
            self._answers.start(answer, edit.conditions, edit.seed, redraws=redraws)


def _why_unchanged(fact: Fact | None, by: int) -> str:
    """Why a key has changed nothing."""
    if fact is None:
        return "This fact is gone."
    if not by:
        return "What is drawn can't be left out; the arrow keys change it."
    if fact.can_step:
        return f"{fact.text} is as far as it goes."
    return "Several classes have no next one." if fact.name == CLASS else f"{fact.text} has no next one; backspace leaves it out."
