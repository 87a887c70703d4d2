"""The loss of a reader of captions, and its batches: captions, others that differ in one fact, misspelt ones, and nonsense."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.captions.captions import Plan, hard_negative, random_plan
from engine.captions.nonsense import make_nonsense
from engine.captions.typos import drop_words, misspell
from engine.captions.vocabulary import known_words
from engine.checkpoints.training_state import TrainingState
from engine.compute.precision import Numerics
from engine.compute.seeds import derive_seed
from engine.config.training import TrainConfig
from engine.diffusion.guidance import Network
from engine.models.text import Readings, encode_facts
from engine.models.tokenizer import UNKNOWN, Tokenizer, Tokens
from engine.prompt.phrase import Phrase
from engine.training.batches import EpochBatches
from engine.training.finite import FiniteGuard

NONSENSE = 0.12
"""The share of texts that are nonsense."""
PAIRED = 0.5
"""The share of captions that are followed by one that differs in one fact."""
SLIPS = (0.65, 0.25, 0.1)
"""The shares of captions with no typo, one and two."""
DROPPED = 0.15
"""The share of captions that are written as a telegram: without some of the words that mean nothing."""
WORDS_HIDDEN = 0.15
"""The share of words of which only the letters are shown, so that letters are learned, too."""


class CaptionBatch(NamedTuple):
    """Texts, and what each states: None for nonsense."""

    texts: Sequence[str]
    says: Sequence[Phrase | None]


def draw_captions(seed: int, step: int, count: int) -> CaptionBatch:
    """The captions of a step, a pure function of the random seed and the step; none of them has anything that is held out."""
    rng = random.Random(derive_seed(seed, step, 17))
    texts: list[str] = []
    says: list[Phrase | None] = []
    while len(texts) < count:
        if rng.random() < NONSENSE:
            texts.append(make_nonsense(rng))
            says.append(None)
            continue
        plan = random_plan(rng)
        for version in (plan, hard_negative(rng, plan)) if rng.random() < PAIRED else (plan,):
            texts.append(write_caption(rng, version))
            says.append(version.says)
    return CaptionBatch(texts[:count], says[:count])


def write_caption(rng: random.Random, plan: Plan) -> str:
    """The text of a caption as people may write it: perhaps as a telegram, perhaps with typos."""
    text = drop_words(rng, plan.text) if rng.random() < DROPPED else plan.text
    return misspell(rng, text, rng.choices(range(len(SLIPS)), SLIPS)[0])


def hide_words(tokens: Tokens, seed: int, step: int) -> Tokens:
    """Tokens of which some show only their letters; a pure function of the random seed and the step."""
    rng = torch.Generator().manual_seed(derive_seed(seed, step, 18))
    hidden = (torch.rand(tokens.words.shape, generator=rng) < WORDS_HIDDEN).to(tokens.words.device) & tokens.present
    return tokens._replace(words=tokens.words.masked_fill(hidden, UNKNOWN))


def reading_loss(readings: Readings, right: Readings) -> Tensor:
    """The cross-entropy of each answer, added up and averaged over N texts. Of nonsense only that it is nonsense counts."""
    meaningful = right.nonsense == 0

    def cross_entropy(logits: Tensor, places: Tensor) -> Tensor:
        return F.cross_entropy(logits.float().flatten(0, -2), places.flatten(), reduction="none").reshape(places.shape)

    facts = cross_entropy(readings.label, right.label) + sum(
        cross_entropy(logits, places).sum(1) for logits, places in ((readings.attributes, right.attributes), (readings.variants, right.variants))
    )
    return (cross_entropy(readings.nonsense, right.nonsense) + facts * meaningful).mean()


def right_readings(batch: CaptionBatch, device: torch.device) -> Readings:
    """The right answers of a batch, on a device."""
    return Readings(*(part.to(device) for part in encode_facts(batch.says)))


def with_words(config: TrainConfig) -> TrainConfig:
    """The configuration of a new run, whose reader knows the words of captions for training, unless its first weights know words already."""
    text = config.model.text
    if config.model.network != "text" or text is None or text.words:
        return config
    return replace(config, model=replace(config.model, text=replace(text, words=known_words())))


class ReadingLoss:
    """`reading_loss` of the captions of `draw_captions`. The reported loss is the minimised one. One process only."""

    def __init__(self, config: TrainConfig, numerics: Numerics, device: torch.device) -> None:
        assert config.model.text is not None
        self.config, self.numerics, self.device = config, numerics, device
        self._tokenizer = Tokenizer(config.model.text)

    def __call__(self, network: Network, step: int, batches: EpochBatches, guard: FiniteGuard) -> tuple[Tensor, Tensor]:
        seed = self.config.seed
        captions = draw_captions(seed, step, batches.length(step))
        tokens = hide_words(self._tokenizer(captions.texts), seed, step).to(self.device)
        with self.numerics.autocast(self.device):
            readings: Any = network(tokens)
        loss = reading_loss(readings, right_readings(captions, self.device))
        return loss, loss

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: TrainingState) -> None:
        pass
