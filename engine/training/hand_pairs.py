"""What a writer encoder has learned, to look at: digits, and below each the one of another class whose hand it finds most alike."""

from __future__ import annotations

from collections.abc import Generator

import torch
from torch import Tensor

from engine.protocol.events import Event, Tick
from engine.protocol.recipe import Images
from engine.training.trainer import Trainer

ANCHORS = 5
COMPARED = 1000
"""Training images among which the most alike are looked for: the first ones."""
BATCH = 250


def hand_pairs(trainer: Trainer) -> Generator[Event, None, tuple[Images, tuple[str, ...]]]:
    """Returns ANCHORS digits followed by their counterparts, and a caption for each: how far apart the codes are, by the average weights.

    Two codes are 0 apart where they are equal, and 1 where nothing says that they are by one hand: 1 - cosine. Yields Ticks.
    """
    n = min(COMPARED, trainer.config.images)
    parts = []
    for first in range(0, n, BATCH):
        parts.append(_encode(trainer, torch.arange(first, min(first + BATCH, n))))
        yield Tick()
    codes = torch.cat(parts)
    labels = trainer.batches.labels[:n]
    anchors = _first_of_each(labels)
    apart = 1 - codes[anchors] @ codes.T  # (anchors, n)
    others = labels[anchors][:, None] != labels if len(torch.unique(labels)) > 1 else anchors[:, None] != torch.arange(n, device=labels.device)
    distance, nearest = apart.masked_fill(~others, 9.0).min(1)
    shown = torch.cat([anchors, nearest]).to(trainer.batches.images.device)
    data = trainer.config.data
    pictures = Images(trainer.batches.images[shown].cpu().numpy().tobytes(), len(shown), data.height, data.width, data.channels)
    return pictures, (*[""] * len(anchors), *(f"{max(0.0, d):.2f} apart" for d in distance.tolist()))


@torch.no_grad()
def _encode(trainer: Trainer, places: Tensor) -> Tensor:
    x0, labels = trainer.batches.take(places)
    with trainer.numerics.autocast(trainer.device):
        codes: Tensor = trainer.ema.model(x0.contiguous(memory_format=trainer.numerics.format), labels)
    return codes.float()


def _first_of_each(labels: Tensor) -> Tensor:
    """The places of ANCHORS images, of different classes as far as there are as many."""
    seen: list[int] = []
    for place, label in enumerate(labels.tolist()):
        if label not in labels[seen].tolist():
            seen.append(place)
        if len(seen) == ANCHORS:
            break
    more = (place for place in range(len(labels)) if place not in seen)
    while len(seen) < min(ANCHORS, len(labels)):
        seen.append(next(more))
    return torch.tensor(seen, device=labels.device)
