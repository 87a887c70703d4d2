"""The answers in which a terminal says what it is, as messages of the input."""

from __future__ import annotations

import re

from textual.message import Message

_ANSWER = re.compile(r"\x1b\[(\?[\d;]*c|6;\d+;\d+t)|\x1bP>\|.*", re.DOTALL)
"""The attributes, the size of a cell, and the name."""


class SelfDescription(Message):
    """One answer of the terminal."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


def is_self_description(sequence: str) -> bool:
    """Whether a whole sequence is such an answer."""
    return _ANSWER.fullmatch(sequence) is not None
