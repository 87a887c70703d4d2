"""How well drawn pictures fit the captions that they were drawn by, beside real images and captions that are true of them.

Each picture is asked for what a real test image shows, so that captions are as frequent as what they say is.
"""

from __future__ import annotations

import random
from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.captions.captions import Plan, hard_negative, plan_caption
from engine.checkpoints.tower import load_tower
from engine.compute.seeds import derive_seed
from engine.config.condition import VARIANTS, Condition, Interval
from engine.config.data import MNIST
from engine.config.model import ModelConfig
from engine.data.measured import Measured, measure_each
from engine.data.shown import ShownImages
from engine.errors import SettingError
from engine.evaluation.metrics import wilson
from engine.evaluation.real_images import Pictures
from engine.evaluation.report import CaptionFit
from engine.formatting import printable
from engine.prompt.told_words import to_conditions
from engine.protocol.events import EvaluateProgress, Event
from engine.runs.conditional_weights import check_told
from engine.sampling.ranker import Ranker

ROWS = 250
"""Images that are measured, or judged, between two reports of progress."""
TRIES = 50
"""Captions of an image among which one is looked for that names its digit and has a fact to change."""


@dataclass(frozen=True)
class Asked:
    """What is asked of N pictures."""

    conditions: tuple[Condition, ...]
    captions: tuple[str, ...]
    changed: tuple[str, ...]
    """The same captions with one fact changed."""
    places: Tensor
    """The real image that each caption is made from, (N,)."""


def check_captions(model: ModelConfig, weights: str) -> None:
    """Raises SettingError for weights that can't be asked for what captions say."""
    if (model.data.shape, model.data.class_names) != (MNIST.shape, MNIST.class_names):
        raise SettingError(
            f"captions are of grey digits of 28x28 pixels, and {printable(weights)} draws {printable(model.data.name)}; leave out --captions"
        )
    if model.conditions is None or not model.conditions.scales:
        check_told([Condition(0, (("thickness", Interval(2, 3)),))], model, weights)


def ask(model: ModelConfig, real: Pictures, labels: Tensor, seed: int) -> Generator[Event, None, Asked]:
    """Returns a caption of a real image for each of `labels` (N,): picture k takes image k, again from the first where there are fewer."""
    told = model.conditions
    assert told is not None  # as check_captions ensures
    count = min(len(real), len(labels))
    parts = []
    for rows, of in zip(real.first(count).batches(ROWS), torch.split(labels[:count], ROWS), strict=True):
        parts.append(measure_each(model.data, rows, of))
        yield EvaluateProgress("measuring test images", sum(len(part.labels) for part in parts), count)
    measured = Measured(*(torch.cat([getattr(part, name) for part in parts]) for name in ("attributes", "variants", "labels")))
    measured.variants[:, [name not in told.variants for name in VARIANTS]] = 0
    shown = ShownImages(measured, told)
    conditions: list[Condition] = []
    plans = []
    for k in range(len(labels)):
        own, other = _choose(random.Random(derive_seed(seed, k, 22)), shown, k % count)
        conditions += to_conditions([own.says], told, lambda hand: (), own.text)
        plans.append((own.text, other.text))
    captions, changed = zip(*plans, strict=True)
    return Asked(tuple(conditions), captions, changed, torch.arange(len(labels)) % count)


def _choose(rng: random.Random, shown: ShownImages, place: int) -> tuple[Plan, Plan]:
    """A caption of an image that names its digit, and the same with one fact changed."""
    for _ in range(TRIES):
        own = plan_caption(rng, shown.of(place))
        other = hard_negative(rng, own)
        if own.says.label is not None and own.text != other.text and not bool(shown.truths([other.says], torch.tensor([place]))[0, 0]):
            break
    return own, other


def judge_captions(asked: Asked, drawn: Tensor, real: Pictures) -> Generator[Event, None, CaptionFit]:
    """Returns how well N drawn pictures, and as many real images, fit their captions. Raises CheckpointError."""
    ranker = Ranker(load_tower())
    count = int(asked.places.max()) + 1
    fits, preferred = yield from _compare(ranker, asked, Pictures.all_of(drawn))
    real_fits, real_preferred = yield from _compare(ranker, asked, real.first(count), asked.places)
    right = int(preferred.sum())
    return CaptionFit(
        fit=float(fits.mean()),
        preferred=right / len(preferred),
        preferred_interval=wilson(right, len(preferred)),
        real_fit=float(real_fits.mean()),
        real_preferred=float(real_preferred.double().mean()),
    )


def _compare(ranker: Ranker, asked: Asked, pictures: Pictures, places: Tensor | None = None) -> Generator[Event, None, tuple[Tensor, Tensor]]:
    """The probability of each caption, and whether it exceeds that of the changed one, (N,) each.

    Caption k is that of picture k, or of the picture at places[k].
    """
    codes, done = [], 0
    for rows in pictures.batches(ROWS):
        codes.append(ranker.encode_pictures(rows))
        done += len(rows)
        yield EvaluateProgress("comparing with captions", done, len(pictures))
    each = torch.cat(codes) if places is None else torch.cat(codes)[places]
    own, changed = (ranker.compare_pairs(each[:, None], ranker.encode_captions(texts))[:, 0] for texts in (asked.captions, asked.changed))
    return own.sigmoid().double(), own > changed
