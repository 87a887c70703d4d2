"""A list of answers to choose from, which takes every key also before it has a size, as in a burst of keys or in a tiny terminal."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

from textual.widgets import OptionList


class AnswerList(OptionList):
    """Textual's list, without the error of the keys that move by a page where no line of it is laid out."""

    def _move_page(self, direction: Literal[-1, 1]) -> None:
        with suppress(KeyError, IndexError):
            super()._move_page(direction)
