"""What crosses from the engine's thread to the screen's."""

from __future__ import annotations

from textual.message import Message

from engine.protocol.events import Event, Frame, TrainStep


class FromEngine(Message):
    """An event of a job. A newer frame or training step replaces one that waits; no other event is ever dropped."""

    def __init__(self, job: int, event: Event) -> None:
        super().__init__()
        self.job, self.event = job, event

    def can_replace(self, message: Message) -> bool:
        return (
            isinstance(message, FromEngine)
            and message.job == self.job
            and isinstance(self.event, Frame | TrainStep)
            and type(self.event) is type(message.event)
        )
