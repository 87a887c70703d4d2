"""Sketches of the prompt that is being typed, for the Prompt screen."""

from __future__ import annotations

from engine.prompt.changes import Change
from engine.prompt.parser import Prompt
from engine.protocol import events as e
from engine.protocol.events import Event
from tui.render import captions as caption
from tui.studio.studio import Studio
from tui.widgets.answer import Answer
from tui.widgets.conversation import Conversation
from tui.widgets.image_view import ImageView


class Sketches:
    """Shows at most one sketch, drawn in one step, in the place of the full drawing."""

    def __init__(self, studio: Studio, conversation: Conversation) -> None:
        self._studio, self._conversation = studio, conversation
        self._sketch: Answer | None = None

    def follow(self, text: str, asked: Prompt | Change | None) -> None:
        """Sketch the images that the input names so far; None where it names none, or random ones.

        The weights that sketch are told classes alone, so what asks for more is only said in words: a plain sketch would mislead.
        """
        if asked is not None and (understood := caption.understood_of(asked, self._studio.data)):
            self._say(f"{understood} (enter draws it{self._no_sketch()})")
        elif not isinstance(asked, Prompt):
            self.end()
        elif self._sketch and self._sketch.prompt == asked:
            self._sketch.set_prompt(text)
        else:
            self._begin(text, asked)

    def end(self) -> None:
        self._stop()
        self._conversation.query(".sketch").remove()

    def _begin(self, text: str, prompt: Prompt) -> None:
        """The sketch before stays until this one is finished."""
        self._stop()
        sketch = Answer(text, prompt, ImageView(self._studio.terminal, max_rows=self._conversation.room(len(prompt.labels))), self._studio.data)
        sketch.add_class("sketch")
        if self._studio.ready:  # else it would have to wait
            draw, settings = self._studio.sketcher.sketch, self._studio.settings
            sketch.job = draw(settings, prompt.labels, lambda event: self._on_job_event(sketch, event), prompt.shared_noise)
        if sketch.job is not None:
            self._sketch = sketch
            return
        self.end()
        if self._studio.ready and (why := self._studio.sketcher.why_not(self._studio.settings)):
            self._say(why)

    def _no_sketch(self) -> str:
        """Says so, unless the user wants no sketches anyway."""
        return "; phrases are not sketched" if self._studio.sketcher.is_wanted else ""

    def _say(self, line: str) -> None:
        self.end()
        self._conversation.show_line(line, "sketch why")

    def _on_job_event(self, sketch: Answer, event: Event) -> None:
        if isinstance(event, e.DrawDone) and sketch is self._sketch:
            self._conversation.query("#hello, .problem, .sketch").remove()
            self._conversation.mount(sketch)
            sketch.view.show(event.images)
            sketch.set_text("a one-step sketch\nenter draws it in full")
            self._conversation.scroll_end(animate=False)

    def _stop(self) -> None:
        if self._sketch and self._sketch.job is not None:
            self._studio.worker.stop(self._sketch.job)
        self._sketch = None
