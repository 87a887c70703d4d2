"""The captions that a network which draws is told in training: made up from what was measured of its images, or those that came with them.

All are a pure function of the random seed and the step.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol

from torch import Tensor

from engine.captions.captions import plan_caption
from engine.captions.facts import Shown, split_words
from engine.captions.vocabulary import known_words
from engine.checkpoints.reader import shipped_reader
from engine.compute.seeds import derive_seed
from engine.config.condition import ConditionConfig
from engine.config.data import DataSpec
from engine.config.text import TextConfig
from engine.data.measured import Measured
from engine.data.shown import ShownImages
from engine.errors import SettingError
from engine.formatting import printable
from engine.models.conditioner import pack_captions
from engine.models.tokenizer import unpack
from engine.training.hand_references import shows_digits
from engine.training.read_captions import hide_words, write_caption

MOST_KNOWN = 4000
"""Words of texts that have an embedding."""


class Captions(Protocol):
    """What can be said of each training image."""

    def write(self, rng: random.Random, place: int) -> str | None:
        """A caption that is true of the image at a place; None where nothing can be said."""


class MeasuredCaptions:
    """Captions of the grammar in `engine.captions`, of digits. Nothing in them is held out."""

    def __init__(self, measured: Measured, conditions: ConditionConfig) -> None:
        """`measured` are the images that the run trains on, and `conditions` the scales that levels such as bold refer to."""
        self._shown = ShownImages(measured, conditions)

    def write(self, rng: random.Random, place: int) -> str:
        """A caption with some words left out, or with slips of the fingers, as the reader of captions learns from."""
        return write_caption(rng, plan_caption(rng, self.shown(place)))

    def shown(self, place: int) -> Shown:
        """What the image at a place shows. An image of one flat grey has no measures."""
        return self._shown.of(place)


class OwnCaptions:
    """The texts that came with the images."""

    def __init__(self, texts: Sequence[str | None]) -> None:
        self._texts = texts

    def write(self, rng: random.Random, place: int) -> str | None:
        """The text of the image at a place, always the same."""
        return self._texts[place] or None


def encoder_of_texts(texts: Iterable[str | None]) -> TextConfig:
    """A new text encoder that knows the words of these texts, the most frequent ones if they are many."""
    counts = Counter(word for text in texts for word in split_words(text or ""))
    return TextConfig(words=tuple(sorted(word for word, _ in counts.most_common(MOST_KNOWN))))


def pack_batch(captions: Captions, text: TextConfig, seed: int, step: int, chosen: Tensor, has_words: Tensor) -> Tensor:
    """Captions of those of a batch's images (N,) of which words are told (N,), as `Told.words` has them. Of some words only the letters are shown."""
    rng = random.Random(derive_seed(seed, step, 20))
    texts = [captions.write(rng, place) if told else None for place, told in zip(chosen.tolist(), has_words.tolist(), strict=True)]
    return hide_words(unpack(pack_captions(texts, text)), seed, step).packed()


def check_captions(data: DataSpec, attributes: Sequence[str]) -> None:
    """Raises SettingError for images of which no captions can be made up; `attributes` is what a network is told of their strokes."""
    if not shows_digits(data):
        raise SettingError(
            f"captions are made up for grey digits of 28x28 pixels with the classes 0 to 9, which {printable(data.name)} is not; leave out --text"
        )
    if not attributes:
        raise SettingError("captions are made up from what is measured of strokes; use --text with --preset attributes or --attributes")


def encoder_of_captions() -> TextConfig:
    """The text encoder for such captions: that of the reader which ships, whose weights it begins with."""
    reader = shipped_reader()
    return reader.config if reader else TextConfig(words=known_words())
