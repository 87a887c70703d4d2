"""The best and the worst of the drawn pictures, for people to look at. Knows tensors only."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.protocol.events import ClassGallery
from engine.sampling.pixels import to_images

EACH = 5
"""Pictures of a class on either side."""
ALL = "pictures"
"""The name of the row where nothing tells classes apart."""
MOST_ROWS, WORST_ROWS = 20, 10
"""A gallery has a row for each class. With more than MOST_ROWS classes, it has rows for the WORST_ROWS least accurate ones."""


def make_gallery(drawn: Tensor, logits: Tensor, labels: Tensor, names: Sequence[str]) -> tuple[ClassGallery, ...]:
    """For each class the EACH pictures in which the classifier is most sure of it, and the EACH in which it is least sure.

    drawn (N, H, W) or (N, H, W, 3) uint8, logits (N, classes), labels (N,). A class with fewer pictures shows the surer half as its best.
    """
    certainty = logits.double().log_softmax(1).gather(1, labels[:, None])[:, 0]
    read = logits.argmax(1)
    shown: Sequence[int] = range(len(names))
    if len(names) > MOST_ROWS:
        drawn_of = torch.bincount(labels, minlength=len(names))
        wrong = torch.bincount(labels, (read != labels).double(), minlength=len(names)) / drawn_of.clamp(min=1)
        wrong[drawn_of == 0] = -1  # a class that was not drawn has nothing to show
        shown = wrong.argsort(descending=True, stable=True)[:WORST_ROWS].tolist()
    read_as = [names[i] for i in read.tolist()]
    return tuple(_row(names[label], drawn, certainty, torch.nonzero(labels == label)[:, 0], read_as) for label in shown)


def make_plain_gallery(drawn: Tensor, distances: Tensor | None) -> tuple[ClassGallery, ...]:
    """One row: the EACH pictures that are nearest to real images, and the EACH that are farthest; the first and the last without distances (N,)."""
    nearness = -distances if distances is not None else -torch.arange(len(drawn)).double()
    return (_row(ALL, drawn, nearness, torch.arange(len(drawn)), [ALL] * len(drawn)),)


def _row(name: str, drawn: Tensor, score: Tensor, own: Tensor, read: Sequence[str]) -> ClassGallery:
    """The row of the pictures `own`, by descending score (N,). `read` names what was read in each picture."""
    ranked = own[score[own].argsort(descending=True, stable=True)]
    better = min(EACH, (len(own) + 1) // 2)
    best, worst = ranked[:better], ranked[max(better, len(own) - EACH) :]
    pictures = [to_images(drawn[chosen.to(drawn.device)].cpu()) for chosen in (best, worst)]
    read_as = [tuple(read[i] for i in chosen.tolist()) for chosen in (best, worst)]
    return ClassGallery(name, len(own), pictures[0], pictures[1], read_as[0], read_as[1])
