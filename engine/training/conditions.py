"""What the network is told of training images besides their class. A pure function of the random seed and the step, as all of a batch is.

Most images are told only in part, so that each part can be asked for alone and guidance has something to compare with.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from engine.checkpoints.encoder import shipped_encoder
from engine.compute.seeds import derive_seed
from engine.config.condition import VARIANTS, ConditionConfig
from engine.config.training import TrainConfig
from engine.data.measured import Measured, find_scales, find_variants, score_images
from engine.models.conditioner import MOST, Told, pack_captions
from engine.training.hand_references import HandReferences
from engine.training.told_captions import Captions, check_captions, encoder_of_captions, encoder_of_texts, pack_batch

NO_PART = 0.15
"""The share of images that are told by their class alone; those without a label are told nothing, apart from …"""
NO_LABEL_TOLD = 0.2
"""… this share of them, of which parts are told all the same."""
KEPT = 0.6
"""The probability with which each part of the others is told, apart from hands."""
HAND, HAND_ALONE = 0.5, 0.6
"""The share of the others that are told a hand, and the share of these that are told nothing beside it: thickness and slant are most of what a hand
is, so a network that always knew them would learn little from it."""
WORDS, WORDS_ALONE = 0.5, 0.5
"""The share of the others that are told a caption, and the share of these that are told nothing beside it, so that the network reads the words."""
WORDS_WITHOUT_LABEL = 0.4
"""The share of images without a label that are told a caption."""
OWN_WITHOUT_LABEL, LABEL_DROPOUT = 0.8, 0.3
"""The same share where images have captions of their own, and the share of labels that are withheld then, so that words are learned without classes.
Where nothing but such captions is told, all of the others are told theirs."""
EXACT, LEVEL, AT_LEAST = 0.5, 0.25, 0.1
"""The shares of attributes that are told as a value, as one side of a threshold, and as one side of a value just beside; the rest between two."""
LEVELS = (-1.28, -0.52, 0.52, 1.28)
"""Scores that are the thresholds of words such as thick and very thick; half of the thresholds are among them, the others anywhere."""
MARGIN = (0.03, 1.2)
"""How far the ends of an interval between two values lie from the true one, in standard deviations."""
RARE, RARE_SHARE = 0.01, 0.01
"""A variant that less than this share of the images has is rare, and this share of each batch is drawn from the images that have it."""


def with_conditions(config: TrainConfig, measured: Measured | None, texts: Sequence[str | None] = ()) -> TrainConfig:
    """The configuration of a new run, whose network is told what was measured, and hands and captions if it is to be.

    Images with `texts` have captions of their own. What it is told already keeps its scales. Raises SettingError for captions of images that they
    are not for.
    """
    if (measured is None and not config.text) or not config.model.draws:
        return config
    told, text = config.model.conditions or ConditionConfig(route=config.route), config.model.text
    if measured is not None and not told.scales:
        told = replace(told, scales=find_scales(measured, config.data), variants=find_variants(config.data))
    if config.hands:
        told = replace(told, hand=shipped_encoder().config.emb_dim)
    if config.text:
        if not texts:
            check_captions(config.data, [scales.name for scales in told.scales])
        told, text = replace(told, text=True), text or (encoder_of_texts(texts) if texts else encoder_of_captions())
        if texts and config.data.classes:
            config = replace(config, label_dropout=max(config.label_dropout, LABEL_DROPOUT))
    return replace(config, model=replace(config.model, conditions=told, text=text))


class TrainingConditions:
    """What is told of a run's images."""

    def __init__(self, config: TrainConfig, measured: Measured, hands: HandReferences | None = None, captions: Captions | None = None) -> None:
        """`measured`, `hands` and `captions` are those of the images that the run trains on, in their order; without `hands` none is told."""
        conditions = config.model.conditions
        assert conditions is not None
        self._captions, self.measured = captions, measured
        self.config, self._hand, self._references = config, conditions.hand, hands
        self._without, self._within = score_images(measured, conditions)
        order = [list(VARIANTS).index(name) for name in conditions.variants]
        self._variants = measured.variants[:, order]
        having = [(self._variants[:, k] == 1).nonzero().flatten() for k in range(len(order))]
        self._rare = {k: images for k, images in enumerate(having) if 0 < len(images) < RARE * len(measured.labels)}
        """The images that have each rare variant."""

    def with_seed(self, seed: int) -> TrainingConditions:
        """The same images, of which other parts are told at random."""
        other = copy.copy(self)
        other.config = replace(self.config, seed=seed)
        return other

    def add_rare(self, step: int, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Replaces some of a batch's images (N,) by images with rare variants. Returns the batch, and which variant was the reason, or -1, (N,).

        What such images show is always told, so that drawings without conditions show it no more often than the images do.
        """
        rng = torch.Generator().manual_seed(derive_seed(self.config.seed, step, 15))
        place, chosen, reason = torch.rand(len(chosen), generator=rng), chosen.clone(), torch.full((len(chosen),), -1)
        for n, (k, images) in enumerate(self._rare.items()):
            replaced = (place >= n * RARE_SHARE) & (place < (n + 1) * RARE_SHARE)
            drawn = images[torch.randint(len(images), (len(chosen),), generator=rng)].to(chosen.device)
            chosen = torch.where(replaced.to(chosen.device), drawn, chosen)
            reason[replaced] = k
        return chosen, reason

    def draw(self, step: int, chosen: Tensor, reason: Tensor, labelled: bool) -> Told:
        """What is told of a batch's images (N,), on the CPU, if all of them have labels, or if none has; `reason` is that of `add_rare`."""
        told, has_words = self._draw_parts(step, chosen, reason, labelled)
        return told._replace(words=self._write(step, chosen, has_words))

    def draw_both(self, step: int, chosen: Tensor, reason: Tensor) -> tuple[Told, Told]:
        """As `draw` where all have labels, and where none has; an image that is told a caption in both is told the same one, written once."""
        (one, in_one), (other, in_other) = (self._draw_parts(step, chosen, reason, labelled) for labelled in (True, False))
        words = self._write(step, chosen, in_one | in_other)
        return one._replace(words=words * in_one.view(-1, 1, 1)), other._replace(words=words * in_other.view(-1, 1, 1))

    def _draw_parts(self, step: int, chosen: Tensor, reason: Tensor, labelled: bool) -> tuple[Told, Tensor]:
        """As `draw`, still without captions; and which images (N,) are told one."""
        rng = torch.Generator().manual_seed(derive_seed(self.config.seed, step, 14))
        chosen, n = chosen.cpu(), len(chosen)
        scores, variants = (self._within if labelled else self._without)[chosen], self._variants[chosen]
        some = torch.rand(n, 1, generator=rng) < (1 - NO_PART if labelled else NO_LABEL_TOLD)
        kept = some & (torch.rand(n, scores.shape[1] + 1, generator=rng) < KEPT)
        ends = draw_intervals(scores, rng).nan_to_num(0.0)
        hand, has_hand, alone = self._draw_hands(chosen, some.squeeze(1), rng)
        has_words, words_alone = self._draw_words(step, n, some.squeeze(1) & ~alone, labelled)
        has_hand = has_hand & ~words_alone
        hand = hand * has_hand.unsqueeze(1)
        kept = kept & ~(alone | words_alone).unsqueeze(1)
        variant_kept = kept[:, -1] | (reason >= 0)  # no image can have more than one variant
        asked = kept[:, :-1] & ~scores.isnan()
        return Told(ends, asked, variants * variant_kept.unsqueeze(1), hand, has_hand, pack_captions([None] * n, None)), has_words

    def _draw_words(self, step: int, n: int, some: Tensor, labelled: bool) -> tuple[Tensor, Tensor]:
        """Which of n images are told a caption, and which of them nothing else, (n,) each; `some` says of which with labels anything may be told."""
        if self._captions is None:
            return (never := torch.zeros(n, dtype=torch.bool)), never
        rng = torch.Generator().manual_seed(derive_seed(self.config.seed, step, 19))
        place, alone = torch.rand(n, generator=rng), torch.rand(n, generator=rng) < WORDS_ALONE
        is_own, has_parts = self.config.data.texts is not None, self._within.shape[1] > 0 or self._hand > 0
        has_words = place < (OWN_WITHOUT_LABEL if is_own else WORDS_WITHOUT_LABEL)
        if labelled:
            has_words = some & (place < WORDS) if has_parts else some
        return has_words, has_words & alone

    def _write(self, step: int, chosen: Tensor, has_words: Tensor) -> Tensor:
        """Captions of those of the images (N,) that are told one, as `Told.words` has them."""
        text = self.config.model.text
        if self._captions is None or text is None:
            return pack_captions([None] * len(chosen), None)
        return pack_batch(self._captions, text, self.config.seed, step, chosen, has_words)

    def _draw_hands(self, chosen: Tensor, some: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Hands of images (N,), (N, H), zeros where none is told; whether one is told, and whether nothing else is, (N,) each.

        `some` (N,) says of which images anything is told.
        """
        n = len(chosen)
        if self._references is None:
            never = torch.zeros(n, dtype=torch.bool)
            return torch.zeros(n, self._hand), never, never
        has_hand = some & (torch.rand(n, generator=rng) < HAND)
        alone = has_hand & (torch.rand(n, generator=rng) < HAND_ALONE)
        return self._references.choose(chosen, rng) * has_hand.unsqueeze(1), has_hand, alone


def draw_intervals(scores: Tensor, rng: torch.Generator) -> Tensor:
    """(N, A) -> (N, A, 2): intervals that hold each score, of the kinds and in the shares that EXACT, LEVEL and AT_LEAST say.

    The side of a threshold that is drawn without regard to the score says no more than that. A margin drawn about the score lets the network
    learn narrow intervals, too.
    """

    def uniform() -> Tensor:
        return torch.rand(scores.shape, generator=rng)

    kind, up = uniform(), uniform() < 0.5
    named = torch.tensor(LEVELS)[torch.randint(len(LEVELS), scores.shape, generator=rng)]
    threshold = torch.where(uniform() < 0.5, named, torch.randn(scores.shape, generator=rng))
    below, above = (scores + sign * (MARGIN[0] + (MARGIN[1] - MARGIN[0]) * uniform()) for sign in (-1, 1))
    open_low, open_high = torch.full_like(scores, -MOST), torch.full_like(scores, MOST)
    low = torch.where(kind < EXACT, scores, below)
    high = torch.where(kind < EXACT, scores, above)
    one_sided = (kind >= EXACT) & (kind < EXACT + LEVEL)
    over = scores >= threshold
    low = torch.where(one_sided, torch.where(over, threshold, open_low), low)
    high = torch.where(one_sided, torch.where(over, open_high, threshold), high)
    beside = (kind >= EXACT + LEVEL) & (kind < EXACT + LEVEL + AT_LEAST)
    low = torch.where(beside & ~up, open_low, low)
    high = torch.where(beside & up, open_high, high)
    return torch.stack([low, high], -1).clamp(-MOST, MOST)
