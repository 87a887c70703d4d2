"""The figures of an evaluation. A comparison of too few pictures is None."""

from __future__ import annotations

from dataclasses import dataclass

from engine.config.compute import ComputeInfo
from engine.config.sampling import SampleConfig


@dataclass(frozen=True)
class Judge:
    """The classifier that judges."""

    features: int
    """Width of its features, on which distances are measured."""
    test_accuracy: float | None
    """Its accuracy on the real test images; None for one that was not tested."""


@dataclass(frozen=True)
class SecondOpinion:
    """What another classifier says, which is built and trained differently."""

    accuracy: float
    accuracy_interval: tuple[float, float]
    frechet_ratio: float | None
    test_accuracy: float | None


@dataclass(frozen=True)
class Figures:
    """What the pictures alone decide."""

    count: int
    accuracy: float
    """Share of the pictures that the classifier reads as their label."""
    accuracy_interval: tuple[float, float]
    """Its 95% interval (Wilson 1927)."""
    class_accuracy: tuple[float | None, ...]
    """The accuracy for each label; None for a label that was not drawn."""
    compared: int
    """Pictures on each side of the comparisons below: as many drawn ones as test and training images."""
    frechet: float | None
    """Fréchet distance between drawn and test images, on the classifier's features."""
    frechet_floor: float | None
    """The same distance between training and test images: the score of perfect drawings."""
    frechet_ratio: float | None
    """The distance divided by its floor."""
    precision: float | None
    """Share of the drawn pictures that look like a test image."""
    recall: float | None
    """Share of the test images that look like a drawn picture."""
    coverage: float | None
    """Share of the test images with a drawn picture nearby."""
    memorisation: float
    """Mean pixel distance to the nearest training image, divided by that to the nearest test image; values well below 1 mean copying."""
    classifier: Judge
    second: SecondOpinion


@dataclass(frozen=True)
class Report(Figures):
    """The figures, and how the pictures were drawn."""

    weights: str
    sample: SampleConfig
    evaluations: float
    """Network evaluations per picture: guided ones count twice, and those of redrawn pictures are included."""
    again: int
    """Pictures that were redrawn: see `sampling.rejection`."""
    engine: ComputeInfo
    seconds: float
    """Time spent on the evaluation itself."""
