"""Ranks pictures by a caption: what the caption was understood to say, and how well the digits of each file fit it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from engine.config.data import MNIST
from engine.datasets.sources.folder import Folder
from engine.datasets.sources.picture import SUFFIXES
from engine.errors import DigittyError, PictureError, PromptError, SettingError
from engine.formatting import printable
from engine.models.classifier import Classifier
from engine.models.text import CaptionReader
from engine.prompt.changes import Change
from engine.prompt.faults import quote
from engine.prompt.levels import level_of
from engine.prompt.parser import parse_or_change
from engine.prompt.phrase import Phrase
from engine.prompt.reading import read
from engine.prompt.vocabulary import vocabulary_for
from engine.prompt.words import fact_words, prompt_words
from engine.runs.conditional_weights import EVERYTHING
from engine.sampling.ranker import Ranker
from engine.sampling.understand import reword
from engine.storage.pictures import StoredPicture, load_any

SAYS_NOTHING = "says nothing of a digit that pictures can be ranked by; try 'a bold seven' or 'a 4 that is not wide'"


@dataclass(frozen=True)
class Caption:
    """A caption as it was understood."""

    words: str
    """What pictures are compared with."""
    facts: tuple[str, ...]
    """What it says: 7, bold, leaning left."""
    left_out: tuple[str, ...]
    """What it says that captions of pictures never do, and that is left out: numbers and hands."""


@dataclass(frozen=True)
class Ranked:
    """A file and how well it fits."""

    path: Path
    score: float
    """The probability that the caption is true of the digit that fits best."""
    logit: float
    """The same before it is squeezed between 0 and 1, which orders also the surest."""
    digit: int
    """The place of this digit among those of the file, from 1."""
    digits: int


def read_caption(text: str, reader: CaptionReader) -> Caption:
    """What a caption of one digit says, by the parser of prompts, and by the reader of captions where that can't read it. Raises PromptError."""
    phrase = _read(text, reader)
    known = tuple(
        target for target in phrase.targets if level_of(target.attribute, target.interval) and target.in_units == (target.attribute == "slant")
    )
    stated = replace(phrase, targets=known, hand=None)
    if stated == Phrase(None):
        raise PromptError(f"{quote(text)} {SAYS_NOTHING}")
    vocabulary = vocabulary_for(MNIST.class_names, True)
    facts = tuple(fact_words(stated, vocabulary))
    words = prompt_words([stated]).replace("random", "digit")
    return Caption(words, facts, tuple(fact for fact in fact_words(phrase, vocabulary) if fact not in facts))


def _read(text: str, reader: CaptionReader) -> Phrase:
    vocabulary = vocabulary_for(MNIST.class_names, True)
    try:
        parse_or_change(text, random.Random(0), MNIST.class_names, EVERYTHING)
    except PromptError as error:
        found = reword(text, reader)
        if found.problem:
            raise PromptError(found.problem, found.near) from None
        if not found.prompt or found.prompt == text:
            raise PromptError(str(error), error.near) from None
        text = found.prompt
    reading = read(vocabulary.normalize(text), vocabulary)
    if isinstance(reading.asked, Change):
        raise PromptError(f"{quote(text)} changes another picture; say what is in the pictures, such as 'a bold seven'")
    if len(reading.labels) > 1:
        raise PromptError(f"{quote(text)} describes {len(reading.labels)} digits, and pictures are ranked by one; rank them by each in turn")
    return Phrase(reading.labels[0]) if reading.asked is None else reading.asked.phrases[0]


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The files, and the pictures in the folders among them and below, sorted by name, each once. Raises SettingError and StorageError."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            names = [name for name in Folder(path).listing.files if Path(name).suffix.lower() in SUFFIXES]
            if not names:
                raise SettingError(f"{printable(path)} holds no pictures")
            found |= dict.fromkeys(path / name for name in sorted(names))
        else:
            found[path] = None
    return list(found)


def rank_files(files: Sequence[Path], caption: Caption, ranker: Ranker, reader: Classifier | None) -> Iterator[Ranked | PictureError]:
    """For each file how well it fits, or why it can't be read, in their order. `reader` is one for MNIST."""
    words = ranker.encode_captions([caption.words])
    for path in files:
        try:
            images = read_images(path, reader)
        except PictureError as error:
            yield error
            continue
        logits = ranker.compare(ranker.encode_pictures(images), words)[:, 0]
        best = int(logits.argmax())
        yield Ranked(path, float(logits[best].sigmoid()), float(logits[best]), best + 1, len(images))


def read_images(path: Path, reader: Classifier | None) -> Tensor:
    """The digits in a file as MNIST has them, (n, 28, 28) uint8, bright on dark.

    All of a picture that digitty saved; one of just this size as it is; of any other its one to ten digits, as for hands. Raises PictureError.
    """
    from engine.measures.strokes import to_strokes
    from engine.sampling.hand_files import FAINTEST, NO_DIGIT, open_picture, read_digits

    if (saved := _read_saved(path)) is not None:
        return saved
    picture = open_picture(path)
    if (picture.height, picture.width) == (MNIST.height, MNIST.width):
        strokes = to_strokes(picture)
        if int(strokes.max()) - int(strokes.min()) < FAINTEST:
            raise PictureError(f"{printable(path)} {NO_DIGIT}")
        return torch.tensor(strokes)[None]
    return read_digits(picture, path, reader)[0]


def _read_saved(path: Path) -> Tensor | None:
    """The pictures in a file that digitty saved of MNIST's digits; None for any other file."""
    try:
        picture = load_any(path)
        if not isinstance(picture, StoredPicture) or picture.recipe.data.digest != MNIST.digest:
            return None
        images = picture.images()
    except DigittyError:
        return None  # it may have been cropped, or drawn over: look at what it shows
    return torch.frombuffer(bytearray(images.data), dtype=torch.uint8).reshape(len(images), MNIST.height, MNIST.width)
