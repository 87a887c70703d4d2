"""What a reader of captions has learned, to look at: captions, and what it reads in each."""

from __future__ import annotations

import torch

from engine.captions.facts import describe
from engine.models.text import CaptionReader, Readings, read_facts
from engine.models.tokenizer import Tokenizer
from engine.protocol.recipe import Images
from engine.training.trainer import Trainer

SHOWN = (
    "a bold seven leaning left",
    "let me see a very thin, wide 3",
    "an 8 that is not bold",
    "leaning to the right, a narrow 5",
    "a crosed seven, slihgtly slanted",
    "for the four, closed and short would be best",
    "a plump, italicised nine",
    "a looped two but not too long",
    "what should i cook tonight",
    "an upright six with thin strokes",
)
"""Some are like those of training; others have new templates, another order, typos or words that no caption for training has; one is nonsense."""


def caption_readings(trainer: Trainer) -> tuple[Images, tuple[str, ...]]:
    """Each caption followed by what the average weights read in it. The images are one black pixel for each text, since there is nothing to see."""
    reader = trainer.ema.model
    assert isinstance(reader, CaptionReader)
    with torch.no_grad(), trainer.numerics.autocast(trainer.device):
        readings = reader(Tokenizer(reader.config)(SHOWN).to(trainer.device))
    read = [describe(phrase) for phrase in read_facts(Readings(*(part.float().cpu() for part in readings)))]
    texts = tuple(text for pair in zip(SHOWN, read, strict=True) for text in pair)
    return Images(bytes(len(texts)), len(texts), 1, 1), texts
