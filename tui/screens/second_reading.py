"""Prompts that the parser can't read: the engine's text encoder says what they mean, in a job of the worker."""

from __future__ import annotations

from collections.abc import Callable

from engine.errors import PromptError
from engine.protocol import events as e
from engine.protocol.events import Event
from engine.protocol.understood import Understood
from engine.runs.caption_reader import can_explain
from tui.studio.studio import Studio


class SecondReading:
    """Asks the engine about one prompt after another."""

    def __init__(self, studio: Studio, draw: Callable[[str, str], None], fail: Callable[[PromptError, str], None]) -> None:
        """`draw` gets a prompt and the same in words that the parser reads; `fail` gets what is wrong with a prompt, and the prompt."""
        self._studio, self._draw, self._fail = studio, draw, fail
        self._newest = 0
        self.waits_for = ""
        """The prompt that is being read; empty for none."""

    def ask(self, text: str, error: PromptError) -> bool:
        """Ask about a prompt that the parser refused with an error. False where there is nothing to ask. What was asked before is forgotten."""
        names = self._studio.data.class_names
        self.drop()
        if not can_explain(text, names):
            return False
        number, answers, self.waits_for = self._newest, list[Understood](), text

        def on_job_event(event: Event) -> None:
            if isinstance(event, Understood):
                answers.append(event)
            elif isinstance(event, e.Ended) and number == self._newest:  # the answer to an older prompt comes too late
                self._finish(text, error, answers[0] if answers else Understood())

        self._studio.router.submit("draw", lambda: self._studio.jobs.understand(text, names), on_job_event, "reading the prompt")
        return True

    def drop(self) -> None:
        """Forget what was asked: another prompt is drawn."""
        self._newest += 1
        self.waits_for = ""

    def _finish(self, text: str, error: PromptError, found: Understood) -> None:
        self.waits_for = ""
        if found.prompt:
            self._draw(text, found.prompt)
        else:
            self._fail(PromptError(found.problem, found.near) if found.problem else error, text)
