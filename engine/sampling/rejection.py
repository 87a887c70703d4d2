"""Which images to redraw, from other noise: those that a reader does not take for the requested class, and those that do not show what
their conditions ask for.

Rejection sampling with a classifier (Razavi et al. 2019, section 3.4): guidance makes every digit more typical to improve the few
that are misread; this replaces only those few. The reader is a third classifier: it is neither of the judges of `evaluate`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.config.condition import Condition
from engine.config.sampling import SampleConfig
from engine.models.classifier import Classifier
from engine.protocol.measured import Measured, distance
from engine.sampling.measuring import is_measurable, measure_asked

ATTEMPTS = 4
"""Drawings of one image at most; the last one stays, whatever it shows."""
MEASURED_ATTEMPTS = 8
"""The same for an image whose condition asks for something that is measured. The drawing that comes nearest stays.

Where three drawings of four are as asked for, one image in 65,000 fails in all eight; where half are, one in 256.
"""
Error = tuple[bool, int, float]
"""Whether images are misread, their wrong variants, and how far their attributes are away. Less is better."""
NO_ERROR: Error = (False, 0, 0.0)


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


class Judge:
    """Says after each attempt at a drawing which images to redraw, and which of them were no worse before.

    Images of equal index share their noise, so they are redrawn together, and one error counts for all of them.
    """

    def __init__(
        self,
        reader: Classifier | None,
        labels: Sequence[int | None],
        indices: Sequence[int],
        sample: SampleConfig,
        conditions: Sequence[Condition] | None,
    ) -> None:
        self._reader, self._labels, self._indices = reader, labels, indices
        self._threshold = acceptance_threshold(sample)
        self._asked = {place: condition for place, condition in enumerate(conditions or ()) if is_measurable(condition)}
        self._measurable = {indices[place] for place in self._asked}
        self._errors: dict[int, Error] = {}
        self._best: dict[int, Error] = {}
        self._found: dict[int, Measured] = {}
        self._kept: dict[int, Measured] = {}
        self._images: dict[int, Tensor] = {}

    @property
    def attempts(self) -> int:
        """The most that any image can need."""
        return max(map(self._limit, set(self._indices)))

    @property
    def measured(self) -> tuple[Measured | None, ...]:
        """What was measured of the drawing of each image that stays; empty where nothing measurable is asked for."""
        return tuple(self._kept.get(place) for place in range(len(self._labels))) if self._asked else ()

    def look(self, places: Sequence[int], images: Tensor, attempt: int) -> None:
        """Take in a batch of finished images (N, H, W) or (N, H, W, 3) uint8 of the first attempt, 0, or of a later one."""
        read = [i for i, place in enumerate(places) if attempt < ATTEMPTS - 1 or self._indices[place] in self._measurable]
        if read:
            labels, indices = [self._labels[places[i]] for i in read], [self._indices[places[i]] for i in read]
            for index in rejected_indices(self._reader, images[read], labels, indices, self._threshold):
                self._add(index, (True, 0, 0.0))
        for i, place in enumerate(places):
            if condition := self._asked.get(place):
                self._found[place] = measured = measure_asked(images[i], condition)
                self._add(self._indices[place], (False, *distance(condition, measured)))

    def settle(self, places: Sequence[int], images: Tensor, attempt: int) -> tuple[list[int], list[int]]:
        """After the last batch of an attempt: which of its images to redraw, and which were no worse before and are put back into `images`.

        `images` are all images of the drawing.
        """
        redraw, restored = [], []
        for place in places:
            index = self._indices[place]
            error = self._errors.get(index, NO_ERROR)
            if index in self._best and error >= self._best[index]:
                images[place] = self._images[place]
                restored.append(place)
            elif place in self._asked:
                self._kept[place] = self._found[place]
            if error != NO_ERROR and attempt < self._limit(index) - 1:
                redraw.append(place)
                if index in self._measurable:
                    self._images[place] = images[place].clone()
        for index in self._measurable & self._errors.keys():
            self._best[index] = min(self._errors[index], self._best.get(index, self._errors[index]))
        self._errors.clear()
        return redraw, restored

    def _limit(self, index: int) -> int:
        if index not in self._measurable:
            return ATTEMPTS
        return MEASURED_ATTEMPTS if self._threshold > 0 else 1

    def _add(self, index: int, error: Error) -> None:
        misread, wrong, away = self._errors.get(index, NO_ERROR)
        self._errors[index] = misread or error[0], wrong + error[1], away + error[2]
