"""How well codes tell whether digits are by one hand. As a program it measures an encoder on MNIST's test images, by writers that it never saw.

A trial has a reference of k digits of different classes, k more digits by the same writer and k by another one, neither of a class that is in the
reference. The AUC is the probability that the same writer's hand is more like the reference than the other's.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.checkpoints.encoder import HAND, load_encoder, to_encoder
from engine.checkpoints.lookup import find_weights
from engine.compute.seeds import derive_seed
from engine.data import mnist
from engine.datasets.writers import QMNIST, UNKNOWN, read_writers
from engine.errors import DigittyError, SettingError
from engine.formatting import printable
from engine.sampling.hands import encode

DIGITS = (1, 5)
"""Digits of a reference."""
COUNT = 20_000
RESAMPLED = 500
INTERVAL = (2.5, 97.5)
"""Percentiles: the interval holds 95% of the resampled values."""

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trials:
    """Places of images: references, others by the same writer, and ones by another writer, (n, k) each; and these writers, (n,) each."""

    reference: Tensor
    same: Tensor
    other: Tensor
    writer: npt.NDArray[np.int64]
    other_writer: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Auc:
    """An area under the ROC curve, with a 95% interval from resampling writers."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def draw_trials(labels: npt.NDArray[np.int64], writers: npt.NDArray[np.int64], digits: int, count: int, seed: int = 0) -> Trials:
    """`count` trials from images with labels (N,) and writers (N,). Raises SettingError where fewer than two writers wrote 2 `digits` classes."""
    rng = np.random.default_rng(derive_seed(seed, digits, 17))
    by_writer = {int(writer): _by_class(labels, np.flatnonzero(writers == writer)) for writer in np.unique(writers) if writer != UNKNOWN}
    able = [writer for writer, classes in by_writer.items() if len(classes) >= 2 * digits]
    if len(able) < 2:
        raise SettingError(f"fewer than two writers wrote {2 * digits} different digits, so hands of {digits} can't be compared")
    rows: list[tuple[int, int, list[list[int]]]] = []
    while len(rows) < count:
        writer, other = rng.choice(able, 2, replace=False)
        own, others = by_writer[int(writer)], by_writer[int(other)]
        classes = rng.permutation(sorted(own))
        left = [label for label in others if label not in classes[:digits]]
        if len(left) >= digits:
            sides = ((own, classes[:digits]), (own, classes[digits : 2 * digits]), (others, rng.permutation(left)[:digits]))
            rows.append((int(writer), int(other), [[int(rng.choice(images[label])) for label in chosen] for images, chosen in sides]))
    places = torch.tensor(np.array([row[2] for row in rows]))
    return Trials(places[:, 0], places[:, 1], places[:, 2], np.array([row[0] for row in rows]), np.array([row[1] for row in rows]))


def _by_class(labels: npt.NDArray[np.int64], places: npt.NDArray[np.int64]) -> dict[int, npt.NDArray[np.int64]]:
    return {int(label): places[labels[places] == label] for label in np.unique(labels[places])}


def compare_codes(codes: Tensor, trials: Trials) -> tuple[Numbers, Numbers]:
    """The cosines of each reference's mean hand with the same writer's and with the other's, (n,) each. codes (N, d) of length 1."""
    reference, same, other = (F.normalize(codes[places].mean(1), dim=1) for places in (trials.reference, trials.same, trials.other))
    return (reference * same).sum(1).double().numpy(), (reference * other).sum(1).double().numpy()


def compare_values(values: Tensor, trials: Trials) -> tuple[Numbers, Numbers]:
    """The same for measured values (N, d) of standard deviation 1: how near the means are."""
    reference, same, other = (values[places].mean(1) for places in (trials.reference, trials.same, trials.other))
    return -(reference - same).norm(dim=1).double().numpy(), -(reference - other).norm(dim=1).double().numpy()


def measure_auc(scores: tuple[Numbers, Numbers], trials: Trials, seed: int = 0) -> Auc:
    """The AUC, and its interval: writers are drawn again with replacement, since the trials of one writer depend on each other."""
    known, place = np.unique(np.concatenate([trials.writer, trials.other_writer]), return_inverse=True)
    writer, other = np.split(place, 2)
    rng = np.random.default_rng(derive_seed(seed, 0, 18))
    resampled = []
    for _ in range(RESAMPLED):
        times = np.bincount(rng.integers(len(known), size=len(known)), minlength=len(known)).astype(np.float64)
        weight = times[writer]
        if weight.any() and (weight * times[other]).any():
            resampled.append(weighted_auc(*scores, weight, weight * times[other]))
    low, high = np.percentile(resampled, INTERVAL)
    ones = np.ones(len(writer))
    return Auc(weighted_auc(*scores, ones, ones), float(low), float(high))


def weighted_auc(positive: Numbers, negative: Numbers, positive_weight: Numbers, negative_weight: Numbers) -> float:
    """The probability that a positive score exceeds a negative one, ties counting half (Mann & Whitney 1947), for weighted scores."""
    order = np.argsort(negative)
    below = np.concatenate([[0.0], np.cumsum(negative_weight[order])])
    less, at_most = (below[np.searchsorted(negative[order], positive, side)] for side in ("left", "right"))
    return float((positive_weight * (less + at_most)).sum() / (2 * positive_weight.sum() * below[-1]))


def measure_strokes(images: Tensor, labels: Tensor) -> Tensor:
    """Thickness and slant of images (N, H, W) uint8, each less the mean of its class and divided by the standard deviation, (N, 2)."""
    from engine.measures.shape import measure

    shapes = [measure(image) for image in images.numpy()]
    values = torch.tensor([[0.0, 0.0] if shape is None else [shape.thickness, shape.slant] for shape in shapes])
    for label in torch.unique(labels):
        values[labels == label] -= values[labels == label].mean(0)
    return values / values.std(0)


@click.command()
@click.argument("weights", default="")
@click.option("--writers", default=QMNIST, show_default=True, help="Who wrote each test image: qmnist, or a file with a number for each.")
@click.option("--data-root", type=click.Path(path_type=Path), help="The folder that holds QMNIST's labels.")
@click.option("--strokes", is_flag=True, help="Measure thickness and slant too, for comparison.")
@click.option("--count", type=click.IntRange(10, 1_000_000), default=COUNT, show_default=True, help="Trials.")
def main(weights: str, writers: str, data_root: Path | None, strokes: bool, count: int) -> None:
    """Measure how well an encoder (RUN, RUN:best or a file; by default the one that ships) tells the writers of MNIST's test images apart."""
    try:
        encoder = to_encoder(find_weights(weights), weights) if weights else load_encoder(HAND)
        images, labels = mnist.load(False)
        who = read_writers(writers, labels.numpy(), data_root, train=False)
        codes = encode(encoder, images, labels)
        values = measure_strokes(images, labels) if strokes else None
        for digits in DIGITS:
            trials = draw_trials(labels.numpy(), who, digits, count)
            line = f"{digits} digit{'s' * (digits > 1)} of each: AUC {measure_auc(compare_codes(codes, trials), trials)}"
            if values is not None:
                line += f", by thickness and slant alone {measure_auc(compare_values(values, trials), trials)}"
            click.echo(printable(line))
    except DigittyError as error:
        click.echo(printable(f"digitty: {error}"), err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
