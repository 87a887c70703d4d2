"""What an evaluation can't tell about a data set, and what its figures warn of, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from engine.config.data import DataSpec
from engine.data.copying import is_copying
from engine.evaluation.report import Figures
from engine.protocol.validated import COPYING

ENOUGH_TESTED = 50
"""Real images on which a judge's accuracy must be measured before it is relied on: with fewer its interval spans 20 points or more."""
MUCH_BETTER_THAN_CHANCE = 0.5
"""A judge must read this share of the real images, as the lower end of its interval, to judge drawn ones."""


def explain_limits(figures: Figures, data: DataSpec, trained_on: int, test_images: int, held_out: bool, least: int) -> Iterator[str]:
    """Sentences that say which figures are missing or weak, and why, and whether the pictures are copies.

    `least` is the fewest pictures of a comparison.
    """
    judge = figures.classifier
    if judge.kind is None:
        yield f"{trained_on:,} real images are too few to train a judge, so the pictures are only drawn, not judged"
    elif judge.kind == "features":
        why = "has no classes to read" if data.classes == 0 else "has one class only" if data.classes == 1 else "has too few images of each class"
        yield f"{data.name} {why}: distances are measured on features that two networks learned or took from its images without classes"
    elif judge.test_interval is not None and (judge.tested < ENOUGH_TESTED or judge.test_interval[0] < MUCH_BETTER_THAN_CHANCE):
        low, high = judge.test_interval
        yield f"too few to judge: the judge reads {low:.0%} to {high:.0%} of real images, as far as {judge.tested:,} of them can tell"
    if is_copying(figures.distance_ratio):
        yield COPYING
    if not held_out:
        yield (
            f"{data.name} keeps no images from training, so its images are compared half with half, and copying can't be told; "
            "a run with --hold-out keeps some"
        )
    if figures.frechet is None and judge.kind is not None:
        yield f"distances need {least} pictures on each side; there are {figures.count:,} drawn and {test_images:,} real ones to compare with"
