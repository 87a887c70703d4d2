"""What captions can state of images whose strokes were measured, and which captions are true of which images."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from engine.captions.facts import Shown
from engine.config.condition import ATTRIBUTES, VARIANTS, AttributeName, ConditionConfig
from engine.data.measured import Measured, score_images
from engine.prompt.phrase import Phrase

ANY = -1
"""The label of a caption that names no digit."""


class ShownImages:
    """What N images show, on the CPU, in the units of captions: normal scores, but degrees for slant."""

    def __init__(self, measured: Measured, conditions: ConditionConfig) -> None:
        """`conditions` have the scales that levels such as bold refer to, and the variants that can be stated."""
        within = score_images(measured, conditions)[1]
        self.names: list[AttributeName] = [scales.name for scales in conditions.scales]  # type: ignore[misc]  # as AttributeScales checks
        columns = [measured.attributes[:, list(ATTRIBUTES).index(name)] if name == "slant" else within[:, k] for k, name in enumerate(self.names)]
        self.values = torch.stack(columns, 1).double() if columns else torch.zeros(len(measured.labels), 0, dtype=torch.float64)
        """(N, A), in the order of `names`; NaN where an image has no strokes."""
        self.variants = measured.variants
        """(N, V), in the order of VARIANTS: 1 where an image has it, -1 where it has not, 0 where its class can't have it."""
        self.labels = measured.labels
        self._rows = [*zip(self.labels.tolist(), self.values.tolist(), self.variants.tolist(), strict=True)]

    def __len__(self) -> int:
        return len(self.labels)

    def of(self, place: int) -> Shown:
        """What the image at a place shows."""
        label, scores, variants = self._rows[place]
        values = {name: value for name, value in zip(self.names, scores, strict=True) if not math.isnan(value)}
        seen = zip(VARIANTS.items(), variants, strict=True)
        return Shown(label, values, {name: has_it > 0 for (name, digit), has_it in seen if digit == label and has_it})

    def truths(self, phrases: Sequence[Phrase], places: Tensor | None = None) -> Tensor:
        """Whether each of M captions, by what they state, is true of each image, (N, M) bool, or of each of those at `places`.

        What is stated of an attribute that is not measured is true of no image.
        """
        rows = torch.arange(len(self)) if places is None else places
        labels, low, high, variants = (part.unsqueeze(0) for part in self._encode(phrases))
        right = (labels == ANY) | (labels == self.labels[rows, None])
        values = self.values[rows, None]  # (n, 1, A)
        right &= ((low == -math.inf) & (high == math.inf) | (values >= low) & (values <= high)).all(2)
        return right & ((variants == 0) | (variants == self.variants[rows, None])).all(2)

    def _encode(self, phrases: Sequence[Phrase]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Labels (M,), both ends of each attribute's interval (M, A), variants (M, V)."""
        labels = torch.tensor([ANY if phrase.label is None else phrase.label for phrase in phrases])
        low, high = (torch.full((len(phrases), len(self.names)), end, dtype=torch.float64) for end in (-math.inf, math.inf))
        variants = torch.zeros(len(phrases), len(VARIANTS), dtype=torch.int64)
        for k, phrase in enumerate(phrases):
            for target in phrase.targets:
                place = self.names.index(target.attribute)
                low[k, place], high[k, place] = target.interval.low, target.interval.high
            for name, wanted in phrase.variants:
                variants[k, list(VARIANTS).index(name)] = 1 if wanted else -1
        return labels, low, high, variants
