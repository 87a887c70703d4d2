"""Drawing again, from other noise, what a reader does not take for the digit asked for.

Rejection sampling with a classifier (Razavi et al. 2019, section 3.4): guidance makes every digit more typical to mend the few that are
misread; this replaces those few. The reader is a third classifier: neither judge of `evaluate` has a say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from engine.config.sampling import SampleConfig
from engine.models.classifier import Classifier

ATTEMPTS = 4
"""Drawings of one digit at most; the last stands, whatever it is."""


class Attempts:
    """Iterated: (attempt from 0, places to draw), first all of them, then those whose digits were doubted when they were handed to `read`.

    Digits of equal index share their noise, also when one of them is doubted.
    """

    def __init__(self, reader: Classifier | None, labels: Sequence[int | None], indices: Sequence[int], sample: SampleConfig) -> None:
        self._reader, self._labels, self._indices = reader, labels, indices
        asks = reader is not None and (sample.guidance != 0 or sample.sampler == "one-step")  # guidance 0 asks for no label
        self._below = sample.redraw_below if asks else 0.0
        self._doubted: set[int] = set()
        self._last = False

    def __iter__(self) -> Iterator[tuple[int, list[int]]]:
        places = list(range(len(self._labels)))
        for attempt in range(ATTEMPTS):
            self._doubted.clear()
            self._last = attempt == ATTEMPTS - 1
            yield attempt, places
            places = [place for place in places if self._indices[place] in self._doubted]
            if not places:
                return

    def read(self, images: Tensor, places: list[int]) -> None:
        """The finished images (N, H, W) or (N, H, W, 3) uint8 of these places."""
        if self._last or self._reader is None:
            return
        doubts = rejected(self._reader, images, [self._labels[place] for place in places], self._below)
        self._doubted |= {self._indices[places[i]] for i in doubts}


def rejected(reader: Classifier, images: Tensor, labels: Sequence[int | None], below: float) -> list[int]:
    """The places in images (N, H, W) or (N, H, W, 3) uint8 whose label the reader gives less than `below`; never one without a label."""
    asked = [place for place, label in enumerate(labels) if label is not None]
    if below <= 0 or not asked:
        return []
    _, logits = reader.features_and_logits(images[asked].to(reader.device))
    wanted = torch.tensor([labels[place] for place in asked], device=reader.device)
    sure = logits.softmax(1).gather(1, wanted[:, None])[:, 0].tolist()
    return [place for place, p in zip(asked, sure, strict=True) if p < below]
