"""What was measured of training images, as tensors; the scales that follow from it; and each image's scores on them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import torch
from torch import Tensor

from engine.config.condition import ATTRIBUTES, SCORES, VARIANTS, AttributeScales, ConditionConfig, Scale
from engine.config.data import DataSpec
from engine.datasets.measuring import has_variants, measure_images, measure_now
from engine.errors import SettingError
from engine.protocol.events import Event

LEAST_IMAGES = 100
"""A class with fewer images has no scale of its own."""
LEAST_STEP = 1e-3
"""By which the values of a scale rise at least, where many images have the same one."""


@dataclass(frozen=True)
class Measured:
    """What was measured of N training images, on the CPU."""

    attributes: Tensor
    """(N, A) float64, in the order of ATTRIBUTES; NaN where an image is one flat grey."""
    variants: Tensor
    """(N, V) int64, in the order of VARIANTS: 1 where an image has the variant, -1 where it has not, 0 where its class can't have it."""
    labels: Tensor
    """(N,) int64"""


def measure(spec: DataSpec, images: Tensor, labels: Tensor) -> Generator[Event, None, Measured]:
    """Returns what was measured of the first N training images (N, H, W), uint8, with labels (N,). Raises SettingError and StorageError."""
    labels = labels.cpu()
    return _split(torch.from_numpy((yield from measure_images(spec, images.cpu().numpy(), labels.numpy()))), labels)


def measure_each(spec: DataSpec, images: Tensor, labels: Tensor) -> Measured:
    """What is measured now of any images (N, H, W), uint8, with labels (N,) of the classes of `spec`. Takes 2 ms for each of 28x28 pixels."""
    return _split(torch.from_numpy(measure_now(spec, images.cpu().numpy(), labels.cpu().numpy())), labels.cpu())


def _split(values: Tensor, labels: Tensor) -> Measured:
    """From (N, A + V), with NaN for what an image does not have."""
    shown = values[:, len(ATTRIBUTES) :].double()
    return Measured(values[:, : len(ATTRIBUTES)].double(), torch.where(shown.isnan(), 0, 2 * shown - 1).long(), labels)


def measure_nothing(labels: Tensor) -> Measured:
    """Of images of whose strokes nothing needs to be known."""
    n = len(labels)
    return Measured(torch.full((n, len(ATTRIBUTES)), torch.nan, dtype=torch.float64), torch.zeros(n, len(VARIANTS), dtype=torch.int64), labels.cpu())


def find_scales(measured: Measured, spec: DataSpec) -> tuple[AttributeScales, ...]:
    """The scales of all attributes: the values at the quantiles of SCORES, over all images and within each class where that is what counts."""
    return tuple(
        AttributeScales(name, _scale(values), tuple(_of_classes(values, measured.labels, spec.classes)) if attribute.within_class else ())
        for (name, attribute), values in zip(ATTRIBUTES.items(), measured.attributes.T, strict=True)
    )


def find_variants(spec: DataSpec) -> tuple[str, ...]:
    """The variants that a network for these images can be told."""
    return tuple(VARIANTS) if has_variants(spec) else ()


def score_images(measured: Measured, conditions: ConditionConfig) -> tuple[Tensor, Tensor]:
    """The scores of N images for the attributes that a network is told, (N, A) each, NaN where unknown: as without a class, and within it."""
    columns = [measured.attributes[:, list(ATTRIBUTES).index(scales.name)] for scales in conditions.scales]
    without = [to_scores(values, scales.all) for values, scales in zip(columns, conditions.scales, strict=True)]
    within = [score.clone() for score in without]
    for values, score, scales in zip(columns, within, conditions.scales, strict=True):
        for label in range(len(scales.classes)):
            chosen = measured.labels == label
            score[chosen] = to_scores(values[chosen], scales.of(label))
    n = len(measured.labels)
    return tuple(torch.stack(scores, 1).float() if scores else torch.zeros(n, 0) for scores in (without, within))  # type: ignore[return-value]


def to_scores(values: Tensor, scale: Scale) -> Tensor:
    """`Scale.score` of each value, (N,) float64."""
    xs, ys = values.new_tensor(scale.values), values.new_tensor(SCORES)
    k = (torch.searchsorted(xs, values.contiguous(), right=True) - 1).clamp(0, len(xs) - 2)
    return ys[k] + (values - xs[k]) * (ys[k + 1] - ys[k]) / (xs[k + 1] - xs[k])


def _of_classes(values: Tensor, labels: Tensor, classes: int) -> Sequence[Scale | None]:
    chosen = [values[(labels == label) & ~values.isnan()] for label in range(classes)]
    return [_scale(each) if len(each) >= LEAST_IMAGES else None for each in chosen]


def _scale(values: Tensor) -> Scale:
    """Raises SettingError where there is no value at all."""
    known = values[~values.isnan()]
    if not len(known):
        raise SettingError("no training image shows a stroke, so there is nothing to measure")
    quantiles = torch.quantile(known, known.new_tensor([NormalDist().cdf(score) for score in SCORES])).tolist()
    rising = [round(quantiles[0], 4)]
    for value in quantiles[1:]:
        rising.append(max(round(value, 4), round(rising[-1] + LEAST_STEP, 4)))
    return Scale(tuple(rising))
