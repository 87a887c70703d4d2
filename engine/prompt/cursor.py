"""A place among the words of a prompt that are read as attributes. Plain Python: no tensors, no screen."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import TypeVar

from engine.prompt.tokens import Token
from engine.prompt.vocabulary import Kind

T = TypeVar("T")
LONGEST = 5
"""Words of the longest entry of a table."""


class Cursor:
    """Reads tokens from left to right. Names of classes are no words to it, since they come before any other meaning."""

    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        """The text that the tokens are of."""
        self.text, self.tokens = text, tokens
        self.at = 0
        self._words = ["" if token.kind in (Kind.CLASS, Kind.PLURAL) else token.text.casefold() for token in tokens]

    def word(self, ahead: int = 0) -> str:
        """The word at the cursor, or further on; empty for none."""
        return self._words[self.at + ahead] if self.at + ahead < len(self._words) else ""

    def kind(self, ahead: int = 0) -> Kind:
        """The kind of the word there."""
        return self.tokens[self.at + ahead].kind if self.at + ahead < len(self.tokens) else Kind.END

    def accept(self, words: Container[str]) -> str:
        """Consume one of these words if it comes next; returns it, or nothing."""
        word = self.word()
        if not word or word not in words:
            return ""
        self.at += 1
        return word

    def accept_all(self, phrase: str) -> bool:
        """Consume these words if all of them come next."""
        words = phrase.split()
        if self._words[self.at : self.at + len(words)] != words:
            return False
        self.at += len(words)
        return True

    def longest(self, table: Mapping[tuple[str, ...], T]) -> T | None:
        """Consume the longest key of the table that comes next; returns its value, or None."""
        for length in range(min(LONGEST, len(self._words) - self.at), 0, -1):
            key = tuple(self._words[self.at : self.at + length])
            if key in table:
                self.at += length
                return table[key]
        return None

    def __bool__(self) -> bool:
        return self.at < len(self.tokens)
