"""What two networks say about drawn pictures, and how close the pictures come to real ones.

Knows tensors and networks only. What takes long is a generator: it yields an event after each bounded piece of work and returns its value.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.data.copying import DistanceRatio
from engine.evaluation.gallery import make_gallery, make_plain_gallery
from engine.evaluation.judges import Judges
from engine.evaluation.metrics import ROWS, Shares, frechet, memorisation, nearest, neighbourhoods, wilson
from engine.evaluation.real_images import Pictures, RealImages
from engine.evaluation.report import Figures, Judge, SecondOpinion
from engine.models.classifier import Classifier
from engine.protocol.events import ClassGallery, EvaluateProgress, Event

MIN_COMPARED = 100
"""With fewer pictures, neither a Fréchet distance on 64 features nor a neighbourhood means anything."""

MOST_HELD_OUT = 1000
"""Drawn pictures, and held-out images, that are compared with all training images."""


@dataclass(frozen=True)
class Opinion:
    """What one network says about N drawn pictures."""

    right: int | None
    """How many of them it reads as their label; None if it knows no classes."""
    features: Tensor
    """(N, d) float64, of the drawn pictures."""
    logits: Tensor
    """(N, classes), of the drawn pictures."""
    test_features: Tensor
    """(n, d) float64, of n test images; empty if too few are compared."""
    train_features: Tensor
    """(n, d) float64, of n training images; empty if too few are compared."""
    distance: float | None = None
    """Fréchet distance between drawn and test images …"""
    floor: float | None = None
    """… and between training and test images; both None if too few are compared."""

    @property
    def count(self) -> int:
        return len(self.features)

    @property
    def accuracy(self) -> float | None:
        return None if self.right is None else self.right / self.count

    @property
    def interval(self) -> tuple[float, float] | None:
        return None if self.right is None else wilson(self.right, self.count)

    @property
    def ratio(self) -> float | None:
        """The distance divided by its floor."""
        return self.distance / self.floor if self.distance is not None and self.floor else None


def judge_pictures(
    judges: Judges | None, drawn: Tensor, labels: Tensor, real: RealImages, names: Sequence[str]
) -> Generator[Event, None, tuple[Figures, tuple[ClassGallery, ...]]]:
    """The figures of the drawn pictures (N, H, W) or (N, H, W, 3) uint8, and their gallery. labels (N,) on the CPU; `names` are those of the classes.

    All distances depend on the number of pictures, so it is the same on all sides.
    """
    n = min(len(drawn), len(real.test), len(real.train))
    test, train, pictures = real.test.first(n), real.train.first(n), Pictures.all_of(drawn)
    opinions: list[Opinion] = []
    for judge in judges or ():
        opinions.append((yield from form_opinion(judge, pictures, labels, test, train)))
    floors: Shares | None = None
    shares: Shares | None = None
    if opinions and n >= MIN_COMPARED:
        yield EvaluateProgress("comparing", 0, 1)
        shares = yield from neighbourhoods(opinions[0].test_features, opinions[0].features[:n])
        floors = yield from neighbourhoods(opinions[0].test_features, opinions[0].train_features)
    copying = (yield from _look_for_copies(pictures, real, n)) if real.held_out and n else (None, None)
    figures = _figures(judges, opinions, labels, n, shares, floors, copying)
    if opinions and opinions[0].right is not None:
        return figures, make_gallery(drawn, opinions[0].logits, labels, names)
    distances: Tensor | None = None
    if shares is not None:
        distances = yield from nearest(opinions[0].features, opinions[0].test_features)
    return figures, make_plain_gallery(drawn, distances)


def _look_for_copies(drawn: Pictures, real: RealImages, compared: int) -> Generator[Event, None, tuple[float, float | None]]:
    """`memorisation` and `DistanceRatio` of the drawn pictures. The second looks through all training images, for fewer of the drawn ones."""
    yield EvaluateProgress("looking for copies", 0, 1)
    each = min(len(real.train), len(real.test))
    ratio = yield from memorisation(drawn.first(compared), real.train.first(each), real.test.first(each))
    held_out = real.test.first(MOST_HELD_OUT).together()
    by_picture = yield from DistanceRatio(real.images, held_out).of(drawn.first(MOST_HELD_OUT).together().to(held_out.device))
    return ratio, by_picture


def _figures(
    judges: Judges | None,
    opinions: Sequence[Opinion],
    labels: Tensor,
    compared: int,
    shares: Shares | None,
    floors: Shares | None,
    copying: tuple[float | None, float | None],
) -> Figures:
    first, second = (opinions[0], opinions[1]) if opinions else (None, None)
    reads = first is not None and first.right is not None
    return Figures(
        count=len(labels),
        accuracy=first.accuracy if first else None,
        accuracy_interval=first.interval if first else None,
        class_accuracy=class_accuracy(first.logits, labels) if first and reads else (),
        compared=compared,
        frechet=first.distance if first else None,
        frechet_floor=first.floor if first else None,
        frechet_ratio=first.ratio if first else None,
        precision=shares.precision if shares else None,
        recall=shares.recall if shares else None,
        coverage=shares.coverage if shares else None,
        memorisation=copying[0],
        distance_ratio=copying[1],
        classifier=_describe(judges[0], first) if judges and first else Judge(0, None, None),
        second=_second_opinion(judges[1], second) if judges and second else SecondOpinion(None, None, None, None),
        precision_floor=floors.precision if floors else None,
        recall_floor=floors.recall if floors else None,
        coverage_floor=floors.coverage if floors else None,
    )


def _describe(judge: Classifier, opinion: Opinion) -> Judge:
    known, kind = judge.test_accuracy, "features" if opinion.right is None else "classifier"
    interval = wilson(round(known * judge.tested), judge.tested) if known is not None and judge.tested else None
    return Judge(opinion.features.shape[1], known, kind, judge.tested, interval)  # type: ignore[arg-type]


def _second_opinion(judge: Classifier, opinion: Opinion) -> SecondOpinion:
    return SecondOpinion(opinion.accuracy, opinion.interval, opinion.ratio, judge.test_accuracy, judge.tested)


def form_opinion(judge: Classifier, drawn: Pictures, labels: Tensor, test: Pictures, train: Pictures) -> Generator[Event, None, Opinion]:
    """One network's opinion of the drawn pictures. `test` and `train` hold equally many images."""
    features, logits = yield from _read(judge, drawn, "judging")
    right = int((logits.argmax(1) == labels).sum()) if judge.test_accuracy is not None else None
    if len(test) < MIN_COMPARED:
        return Opinion(right, features, logits, torch.empty(0), torch.empty(0))
    test_features, _ = yield from _read(judge, test, "reading test images")
    train_features, _ = yield from _read(judge, train, "reading training images")
    distance, floor = frechet(features[: len(test)], test_features), frechet(train_features, test_features)
    return Opinion(right, features, logits, test_features, train_features, distance, floor)


def class_accuracy(logits: Tensor, labels: Tensor) -> tuple[float | None, ...]:
    """The accuracy for each label, from logits (N, classes) and labels (N,); None for a label that does not occur."""
    right = (logits.argmax(1) == labels).double()
    drawn = torch.bincount(labels, minlength=logits.shape[1])
    shares = torch.bincount(labels, right, minlength=logits.shape[1]) / drawn
    return tuple(share if n else None for share, n in zip(shares.tolist(), drawn.tolist(), strict=True))


def _read(judge: Classifier, pictures: Pictures, what: str) -> Generator[Event, None, tuple[Tensor, Tensor]]:
    """Features (N, d) in float64 and logits (N, classes), both on the CPU."""
    features, logits = [], []
    done = 0
    for rows in pictures.batches(ROWS):
        some_features, some_logits = judge.features_and_logits(rows.to(judge.device))
        features.append(some_features.cpu().double())
        logits.append(some_logits.cpu())
        done += len(rows)
        yield EvaluateProgress(what, done, len(pictures))
    return torch.cat(features), torch.cat(logits)
