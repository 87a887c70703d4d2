"""What two classifiers say about drawn pictures, and how close the pictures come to real ones.

Knows tensors and classifiers only. What takes long is a generator: it yields an event after each bounded piece of work and returns its value.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from engine.data.batches import epoch_order
from engine.evaluation.metrics import ROWS, frechet, memorisation, neighbourhoods, wilson
from engine.evaluation.report import Figures, Judge, SecondOpinion
from engine.models.classifier import Classifier
from engine.protocol.events import ClassGallery, EvaluateProgress, Event
from engine.sampling.pixels import to_images

MAX_COMPARED = 10_000
"""Pictures per side in comparisons: MNIST has that many test images."""
MIN_COMPARED = 100
"""With fewer pictures, neither a Fréchet distance on 64 features nor a neighbourhood means anything."""


@dataclass(frozen=True)
class Opinion:
    """What one classifier says about N drawn pictures."""

    accuracy: float
    accuracy_interval: tuple[float, float]
    test_accuracy: float | None
    """The classifier's own accuracy on the real test images."""
    features: Tensor
    """(N, d) float64, of the drawn pictures."""
    logits: Tensor
    """(N, classes), of the drawn pictures."""
    test_features: Tensor
    """(n, d) float64, of n test images; empty if too few are compared."""
    distance: float | None = None
    """Fréchet distance between drawn and test images …"""
    floor: float | None = None
    """… and between training and test images; both None if too few are compared."""

    @property
    def ratio(self) -> float | None:
        """The distance divided by its floor."""
        return self.distance / self.floor if self.distance is not None and self.floor else None


def judge_pictures(
    judges: tuple[Classifier, Classifier], drawn: Tensor, labels: Tensor, test: Tensor, train: Tensor
) -> Generator[Event, None, tuple[Figures, tuple[ClassGallery, ...]]]:
    """The figures of the drawn pictures, and their gallery. drawn, test, train: (N, H, W) or (N, H, W, 3) uint8; labels (N,) on the CPU.

    All distances depend on the number of pictures, so it is the same on all sides.
    """
    n = min(len(drawn), MAX_COMPARED)
    first = yield from form_opinion(judges[0], drawn, labels, test[:n], train[:n])
    second = yield from form_opinion(judges[1], drawn, labels, test[:n], train[:n])
    yield EvaluateProgress("comparing", 0, 1)
    shares = dict.fromkeys(("precision", "recall", "coverage"))
    if n >= MIN_COMPARED:
        shares = asdict((yield from neighbourhoods(first.test_features, first.features[:n])))
    yield EvaluateProgress("looking for copies", 0, 1)
    copying = yield from memorisation(drawn[:n].cpu(), train.cpu(), test.cpu())
    figures = Figures(
        count=len(drawn),
        accuracy=first.accuracy,
        accuracy_interval=first.accuracy_interval,
        class_accuracy=class_accuracy(first.logits, labels),
        compared=n,
        frechet=first.distance,
        frechet_floor=first.floor,
        frechet_ratio=first.ratio,
        **shares,
        memorisation=copying,
        classifier=Judge(first.features.shape[1], first.test_accuracy),
        second=SecondOpinion(second.accuracy, second.accuracy_interval, second.ratio, second.test_accuracy),
    )
    return figures, make_gallery(drawn, first.logits, labels, judges[0].data.class_names)


def form_opinion(judge: Classifier, drawn: Tensor, labels: Tensor, test: Tensor, train: Tensor) -> Generator[Event, None, Opinion]:
    """One classifier's opinion of the drawn pictures. `test` and `train` hold equally many images."""
    features, logits = yield from _read(judge, drawn, "judging")
    right = int((logits.argmax(1) == labels).sum())
    distance: float | None = None
    floor: float | None = None
    test_features = torch.empty(0)
    if len(test) >= MIN_COMPARED:
        test_features, _ = yield from _read(judge, test, "reading test images")
        train_features, _ = yield from _read(judge, train, "reading training images")
        distance, floor = frechet(features[: len(test)], test_features), frechet(train_features, test_features)
    interval = wilson(right, len(drawn))
    return Opinion(right / len(drawn), interval, judge.test_accuracy, features, logits, test_features, distance, floor)


def class_accuracy(logits: Tensor, labels: Tensor) -> tuple[float | None, ...]:
    """The accuracy for each label, from logits (N, classes) and labels (N,); None for a label that does not occur."""
    right = logits.argmax(1) == labels
    own = [right[labels == label].double() for label in range(logits.shape[1])]
    return tuple(float(each.mean()) if len(each) else None for each in own)


def make_gallery(drawn: Tensor, logits: Tensor, labels: Tensor, names: Sequence[str], each: int = 5) -> tuple[ClassGallery, ...]:
    """For each class the `each` pictures in which the classifier is most sure of it, and the `each` in which it is least sure.

    drawn (N, H, W) or (N, H, W, 3) uint8, logits (N, classes), labels (N,). A class with fewer pictures shows the surer half as its best.
    """
    certainty = logits.double().log_softmax(1).gather(1, labels[:, None])[:, 0]
    read = logits.argmax(1)
    classes = []
    for label, name in enumerate(names):
        own = torch.nonzero(labels == label)[:, 0]
        ranked = own[certainty[own].argsort(descending=True, stable=True)]
        surer = min(each, (len(own) + 1) // 2)
        best, worst = ranked[:surer], ranked[max(surer, len(own) - each) :]
        pictures = [to_images(drawn[chosen.to(drawn.device)].cpu()) for chosen in (best, worst)]
        read_as = [tuple(names[i] for i in read[chosen].tolist()) for chosen in (best, worst)]
        classes.append(ClassGallery(name, len(own), pictures[0], pictures[1], read_as[0], read_as[1]))
    return tuple(classes)


def sample_fairly(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """MAX_COMPARED of the images and their labels in a fixed random order, so that the first n of them are a fair sample too."""
    chosen = epoch_order(0, 0, len(images))[:MAX_COMPARED].to(images.device)
    return images[chosen], labels[chosen]


def _read(judge: Classifier, images: Tensor, what: str) -> Generator[Event, None, tuple[Tensor, Tensor]]:
    """Features (N, d) in float64 and logits (N, classes), both on the CPU."""
    features, logits = [], []
    done = 0
    for rows in torch.split(images, ROWS):
        some_features, some_logits = judge.features_and_logits(rows)
        features.append(some_features.cpu().double())
        logits.append(some_logits.cpu())
        done += len(rows)
        yield EvaluateProgress(what, done, len(images))
    return torch.cat(features), torch.cat(logits)
