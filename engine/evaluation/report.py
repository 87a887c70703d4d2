"""The figures of an evaluation. What can't be told, such as a comparison of too few pictures, is None."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.config.compute import ComputeInfo
from engine.config.sampling import SampleConfig

JudgeKind = Literal["classifier", "features"]


@dataclass(frozen=True)
class Judge:
    """The network that judges."""

    features: int
    """Width of its features, on which distances are measured; 0 if there is no judge."""
    test_accuracy: float | None
    """Its accuracy on the real test images; None for one that was not tested, or knows no classes."""
    kind: JudgeKind | None = "classifier"
    """features: it was trained without classes. None: there are too few images to train one."""
    tested: int = 0
    """The number of real images that its accuracy was measured on."""
    test_interval: tuple[float, float] | None = None
    """The 95% interval of its accuracy (Wilson 1927)."""


@dataclass(frozen=True)
class SecondOpinion:
    """What another network says, which is built and trained differently."""

    accuracy: float | None
    accuracy_interval: tuple[float, float] | None
    frechet_ratio: float | None
    test_accuracy: float | None
    tested: int = 0


@dataclass(frozen=True)
class CaptionFit:
    """How well pictures fit the captions that they were drawn by, as an image tower sees it; see `evaluation.captions`."""

    fit: float
    """The mean probability that its caption is true of a picture."""
    preferred: float
    """The share of pictures that fit their caption better than the same caption with one fact changed."""
    preferred_interval: tuple[float, float]
    real_fit: float
    """The same figures for real images and captions that are true of them."""
    real_preferred: float


@dataclass(frozen=True)
class Figures:
    """What the pictures alone decide."""

    count: int
    accuracy: float | None
    """Share of the pictures that the classifier reads as their label; None without classes, or with too few images to train a classifier."""
    accuracy_interval: tuple[float, float] | None
    """Its 95% interval (Wilson 1927)."""
    class_accuracy: tuple[float | None, ...]
    """The accuracy for each label; None for a label that was not drawn. Empty where `accuracy` is None."""
    compared: int
    """Pictures on each side of the comparisons below: as many drawn ones as test and training images."""
    frechet: float | None
    """Fréchet distance between drawn and test images, on the judge's features."""
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
    memorisation: float | None
    """Mean pixel distance to the nearest training image, divided by that to the nearest test image; values well below 1 mean copying.

    None without images that were kept from training.
    """
    classifier: Judge
    second: SecondOpinion
    precision_floor: float | None = None
    """The same figure for training images in place of drawn ones, as the next two are."""
    recall_floor: float | None = None
    coverage_floor: float | None = None
    distance_ratio: float | None = None
    """How much nearer drawn pictures are to training images than unseen images are: see `data.copying.DistanceRatio`. About 1 without copies."""


@dataclass(frozen=True, kw_only=True)
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
    data: str
    """The name of the data set."""
    class_names: tuple[str, ...]
    """The class of each label; empty for images without classes."""
    held_out: bool
    """Whether the test images were kept from training. Otherwise test and training images are halves of the training images."""
    notes: tuple[str, ...]
    """Sentences on what can't be told about this data set, and why."""
    captions: CaptionFit | None = None
    """None where nothing was asked for but classes; the report as JSON then has no such field."""
