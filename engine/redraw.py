"""Drawing again, from other noise, what a reader does not take for the digit asked for.

Rejection sampling with a classifier (Razavi et al. 2019, section 3.4): guidance makes every digit more typical to mend the few that are
misread; this replaces those few. The reader is a third classifier: neither judge of `evaluate` has a say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from engine.classifier import Classifier
from engine.config import SampleConfig

ATTEMPTS = 4
"""Drawings of one digit at most; the last stands, whatever it is."""


def attempts(
    reader: Classifier, images: Tensor, labels: Sequence[int | None], indices: Sequence[int], sample: SampleConfig
) -> Iterator[tuple[int, list[int]]]:
    """(attempt from 0, places to draw): all of them, then those of images (N, 28, 28) uint8, which the caller fills, that are doubted.

    Those with equal indices share their noise, also when one of them is drawn again.
    """
    places = list(range(len(labels)))
    below = sample.redraw_below if sample.guidance or sample.sampler == "one-step" else 0.0  # guidance 0 asks for nothing
    for attempt in range(ATTEMPTS):
        if attempt:
            of_noise = {indices[places[i]] for i in doubted(reader, images[places], [labels[place] for place in places], below)}
            places = [place for place in places if indices[place] in of_noise]
        if not places:
            return
        yield attempt, places


def doubted(reader: Classifier, images: Tensor, labels: Sequence[int | None], below: float) -> list[int]:
    """The places in images (N, 28, 28) uint8 whose label the reader gives a probability of less than `below`; never one without a label."""
    asked = [place for place, label in enumerate(labels) if label is not None]
    if below <= 0 or not asked:
        return []
    _, logits = reader.features_and_logits(images[asked].to(reader.device))
    wanted = torch.tensor([labels[place] for place in asked], device=reader.device)
    sure = logits.softmax(1).gather(1, wanted[:, None])[:, 0].tolist()
    return [place for place, p in zip(asked, sure, strict=True) if p < below]
