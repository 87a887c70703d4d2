"""The loss of an image tower, and its batches: images, a caption that is true of each, and the same captions with one fact changed."""

from __future__ import annotations

import random
from copy import deepcopy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.captions.captions import Plan, hard_negative, plan_caption
from engine.checkpoints.reader import reader_with_digest
from engine.checkpoints.training_state import TrainingState
from engine.compute.precision import Numerics
from engine.compute.seeds import derive_seed
from engine.config.condition import ConditionConfig
from engine.config.training import TrainConfig
from engine.data.measured import Measured, find_scales, find_variants
from engine.data.shown import ShownImages
from engine.diffusion.guidance import Network
from engine.errors import SettingError
from engine.formatting import printable
from engine.models.image_tower import Seen
from engine.models.tokenizer import Tokenizer
from engine.training.batches import EpochBatches
from engine.training.finite import FiniteGuard
from engine.training.hand_references import shows_digits
from engine.training.read_captions import hide_words, write_caption

SEEN = 0.5
"""The weight of what the heads see."""
CHANGED = 4
"""How many pairs of other images and captions count as much as an image beside its own caption, or beside that with one fact changed."""
SLANT = (3.0, 15.0)
"""Mean and deviation of slants in degrees, which the heads see divided by it."""
MOST_SEEN = 4.0
"""Scores beyond count as this."""


def with_reader(config: TrainConfig, measured: Measured | None) -> TrainConfig:
    """The configuration of a new run: the scales of its images, to which words refer, and the reader of captions that ships.

    Raises SettingError for images that the captions are not for, and CheckpointError where that reader is missing or damaged.
    """
    if config.model.network != "tower" or measured is None:
        return config
    reader, digest = reader_with_digest()
    told = config.model.conditions or ConditionConfig(find_scales(measured, config.data), find_variants(config.data))
    return replace(config, model=replace(config.model, conditions=told, text=replace(reader.config, words=()), reader=digest))


def check_ranked(config: TrainConfig) -> None:
    """Raises SettingError for images of which no captions can be made up."""
    if not shows_digits(config.data):
        raise SettingError(
            f"captions are made up for grey digits of 28x28 pixels with the classes 0 to 9, which {printable(config.data.name)} is not; "
            "the preset rank needs such images"
        )


def draw_plans(shown: ShownImages, seed: int, step: int, chosen: Tensor) -> tuple[list[Plan], list[str]]:
    """A caption for each of a batch's images (n,), then each with one fact changed, and their texts; a pure function of seed and step."""
    rng = random.Random(derive_seed(seed, step, 21))
    plans = [plan_caption(rng, shown.of(place)) for place in chosen.tolist()]
    plans += [hard_negative(rng, plan) for plan in plans]
    return plans, [write_caption(rng, plan) for plan in plans]


def ranking_loss(logits: Tensor, truths: Tensor) -> Tensor:
    """The sigmoid loss of SigLIP (Zhai et al. 2023, eq. 1) over all pairs of n images (rows) and 2n captions (columns), per image.

    Where SigLIP takes an image's own caption alone for true, it is known here which others are true of it, too; `truths` (n, 2n) says so. Column k
    is the caption of image k, and column n + k the same with one fact changed; these two count more.
    """
    n = len(logits)
    each = F.binary_cross_entropy_with_logits(logits, truths.float(), reduction="none")
    own = each[:, :n].diagonal() + each[:, n:].diagonal()
    return (each.sum() / n + CHANGED * own.mean()) / CHANGED


class RankingLoss:
    """`ranking_loss`, and that of what the heads see. The reported loss is the minimised one. One process only."""

    def __init__(self, config: TrainConfig, numerics: Numerics, device: torch.device, measured: Measured) -> None:
        """`measured` are the images that the run trains on. Raises CheckpointError where the reader is not the one that the run began with."""
        assert config.model.conditions is not None
        self.config, self.numerics, self.device = config, numerics, device
        self.shown = ShownImages(measured, config.model.conditions)
        reader, _ = reader_with_digest(config.model.reader)
        self._tokenizer = Tokenizer(reader.config)
        self._reader = deepcopy(reader).to(device)  # others use the same one, on the CPU

    def __call__(self, network: Network, step: int, batches: EpochBatches, guard: FiniteGuard) -> tuple[Tensor, Tensor]:
        chosen = batches.choose(step)
        x0, labels = batches.take(chosen)
        chosen = chosen.cpu()
        plans, texts = draw_plans(self.shown, self.config.seed, step, chosen)
        tokens = hide_words(self._tokenizer(texts), self.config.seed, step).to(self.device)
        with self.numerics.autocast(self.device):
            with torch.no_grad():
                sentences = self._reader.sentences(tokens)
            compared: Any = network(x0.contiguous(memory_format=self.numerics.format), sentences)
        truths = self.shown.truths([plan.says for plan in plans], chosen).to(self.device)
        loss = ranking_loss(compared.logits, truths) + SEEN * self._seeing_loss(compared.seen, labels, chosen)
        return loss, loss

    def _seeing_loss(self, seen: Seen, labels: Tensor, chosen: Tensor) -> Tensor:
        """The cross-entropies of class and variants, and the mean squared error of the scores that are known."""
        values, variants = (part[chosen].to(self.device) for part in (self.shown.values, self.shown.variants))
        known, has_variant = ~values.isnan(), variants != 0
        scores = values.clone()
        if "slant" in self.shown.names:
            place = self.shown.names.index("slant")
            scores[:, place] = (scores[:, place] - SLANT[0]) / SLANT[1]
        off = (seen.strokes.float() - scores.nan_to_num().clamp(-MOST_SEEN, MOST_SEEN).float()).square() * known
        shows = F.binary_cross_entropy_with_logits(seen.variants.float(), (variants > 0).float(), reduction="none") * has_variant
        return F.cross_entropy(seen.label.float(), labels) + off.sum() / known.sum().clamp(min=1) + shows.sum() / has_variant.sum().clamp(min=1)

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: TrainingState) -> None:
        pass
