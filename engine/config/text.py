"""Which words a text encoder knows, and how large it is."""

from __future__ import annotations

from dataclasses import dataclass

from engine.config.fields import check_within
from engine.errors import SettingError


@dataclass(frozen=True)
class TextConfig:
    """A text encoder. Part of its weights, since a word's place in `words` is its place in the table of embeddings."""

    words: tuple[str, ...] = ()
    """The words that have an embedding; of all others it sees the letters alone. A new run fills in those of its captions where there are none."""
    trigrams: int = 2048
    """Rows of the table that trigrams are hashed into."""
    width: int = 128
    layers: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", tuple(self.words))  # JSON gives a list
        check_within("words", len(self.words), 0, 100_000)
        if len(set(self.words)) != len(self.words) or not all(isinstance(word, str) and word for word in self.words):
            raise SettingError("the words of a text encoder are not all different, or one is empty")
        check_within("trigrams", self.trigrams, 1, 1_000_000)
        check_within("width", self.width, 8, 1024)
        check_within("layers", self.layers, 1, 24)
