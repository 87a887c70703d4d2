"""Text -> tokens: each word by its place among known words, and by its letters. The letters stay when a word is unknown or misspelt."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.captions.facts import MOST_WORDS, split_words
from engine.config.text import TextConfig

NOTHING, UNKNOWN = 0, 1
"""The places of no word, and of one that is not known."""
MOST_TRIGRAMS = 12
"""Trigrams of a word that count: the first ones."""
PACKED = 1 + MOST_TRIGRAMS
"""Numbers of a packed token."""


class Tokens(NamedTuple):
    """N texts, each of T tokens: as many as the longest has, at most MOST_WORDS."""

    words: Tensor
    """(N, T) int64: NOTHING, UNKNOWN, or the place of a known word."""
    trigrams: Tensor
    """(N, T, MOST_TRIGRAMS) int64: rows of the table of trigrams, 0 for none."""

    @property
    def present(self) -> Tensor:
        """Which tokens there are, (N, T) bool. An empty text has one that is unknown."""
        return self.words != NOTHING

    def to(self, device: torch.device) -> Tokens:
        """The same on another device."""
        return Tokens(self.words.to(device), self.trigrams.to(device))

    def packed(self) -> Tensor:
        """As one tensor of a fixed shape, (N, MOST_WORDS, PACKED): each token's word, then its trigrams. Zeros stand for no token."""
        together = torch.cat([self.words.unsqueeze(2), self.trigrams], 2)
        return F.pad(together, (0, 0, 0, MOST_WORDS - together.shape[1]))


def unpack(packed: Tensor) -> Tokens:
    """The reverse of `Tokens.packed`, in its whole length."""
    return Tokens(packed[..., 0], packed[..., 1:])


class Tokenizer:
    """Turns texts into tokens. The same text gives the same tokens in every process, since trigrams are hashed by CRC-32."""

    def __init__(self, config: TextConfig) -> None:
        self._places: Mapping[str, int] = {word: place for place, word in enumerate(config.words, UNKNOWN + 1)}
        self._trigrams = lru_cache(100_000)(lambda word: _hashed(word, config.trigrams))

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """The tokens of the first MOST_WORDS words of each text, on the CPU."""
        every = [split_words(text)[:MOST_WORDS] or [""] for text in texts]
        shape = (len(every), max(map(len, every), default=1))
        words = [[self._places.get(word, UNKNOWN) for word in split] + [NOTHING] * (shape[1] - len(split)) for split in every]
        trigrams = [[self._trigrams(word) for word in split] + [_NONE] * (shape[1] - len(split)) for split in every]
        return Tokens(torch.tensor(words).reshape(shape), torch.tensor(trigrams).reshape(*shape, MOST_TRIGRAMS))


_NONE = (0,) * MOST_TRIGRAMS


def _hashed(word: str, rows: int) -> tuple[int, ...]:
    """The rows from 1 on of a word's trigrams, its ends marked: <bold> has <bo, bol, old, ld>."""
    if not word:
        return _NONE
    marked = f"<{word}>"
    found = [1 + zlib.crc32(marked[k : k + 3].encode("utf-8", "surrogatepass")) % rows for k in range(len(marked) - 2)][:MOST_TRIGRAMS]
    return (*found, *_NONE[len(found) :])
