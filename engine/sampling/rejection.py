"""Which images to redraw, from other noise: those that a reader does not take for the requested class.

Rejection sampling with a classifier (Razavi et al. 2019, section 3.4): guidance makes every digit more typical to improve the few
that are misread; this replaces only those few. The reader is a third classifier: it is neither of the judges of `evaluate`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.config.sampling import SampleConfig
from engine.models.classifier import Classifier

ATTEMPTS = 4
"""Drawings of one image at most; the last one stays, whatever it shows."""


def acceptance_threshold(sample: SampleConfig) -> float:
    """The probability of its label at which an image is kept. 0, which keeps all, at guidance 0: it asks for no label."""
    return sample.redraw_below if sample.guidance != 0 or sample.sampler == "one-step" else 0.0


def rejected_indices(reader: Classifier | None, images: Tensor, labels: Sequence[int | None], indices: Sequence[int], threshold: float) -> set[int]:
    """The indices of those images (N, H, W) or (N, H, W, 3) uint8 whose label has a smaller probability for the reader than `threshold`.

    An image without a label is never rejected, and without a reader none is.
    """
    places = [place for place, label in enumerate(labels) if label is not None]
    if reader is None or threshold <= 0 or not places:
        return set()
    _, logits = reader.features_and_logits(images[places].to(reader.device))
    requested = torch.tensor([labels[place] for place in places], device=reader.device)
    probabilities = logits.softmax(1).gather(1, requested[:, None])[:, 0].tolist()
    return {indices[place] for place, probability in zip(places, probabilities, strict=True) if probability < threshold}
