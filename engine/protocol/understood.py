"""What a text encoder understood of a prompt that the parser can't read: the event."""

from __future__ import annotations

from dataclasses import dataclass

from engine.protocol.events import Event


@dataclass(frozen=True, slots=True)
class Understood(Event):
    """A prompt in other words, or why there are none. Both are empty where the text encoder adds nothing to what the parser says."""

    prompt: str = ""
    """The same in words that the parser reads."""
    problem: str = ""
    """What is not understood, and the nearest that is: a sentence."""
    near: str = ""
    """The prompt that `problem` proposes."""
