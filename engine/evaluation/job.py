"""The job that judges drawn digits, and the figures it reports. The figures are functions of tensors and know no network.

Those that take long are generators: they yield a Tick after each bounded piece of work and return their value.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from engine.checkpoints.classifier import SECOND, load_classifier
from engine.compute.device import explain_out_of_memory
from engine.compute.stopwatch import Stopwatch
from engine.config.serialize import to_dict
from engine.data.batches import epoch_order
from engine.data.registry import load_images
from engine.errors import SettingError
from engine.evaluation.metrics import ROWS, frechet, memorisation, neighbourhoods, wilson
from engine.models.classifier import Classifier
from engine.protocol.events import EvaluateDone, EvaluateProgress, Event, Preparing, Tick
from engine.protocol.recipe import Images
from engine.protocol.requests import EvaluateRequest
from engine.sampling.batch import draw_into
from engine.sampling.pipeline import Pipeline
from engine.sampling.pixels import to_images
from engine.sampling.runtime import Runtime

MOST = 10_000
"""Pictures a side in comparisons: as many as MNIST has test images."""
LEAST = 100
"""Below this a Fréchet distance on 64 features, or a neighbourhood, says nothing."""


@dataclass(frozen=True)
class Report:
    """The figures of one evaluation. A comparison of too few pictures is None."""

    count: int
    accuracy: float
    """The share that the classifier reads as the label asked for."""
    accuracy_interval: tuple[float, float]
    """Wilson's, 95%."""
    class_accuracy: tuple[float | None, ...]
    """For each digit asked for."""
    compared: int
    """Pictures on each side of what follows: drawn, test and training images, equally many."""
    frechet: float | None
    """Fréchet distance on the classifier's features, drawn against test images."""
    frechet_floor: float | None
    """The same, training against test images: what perfect drawings would score."""
    frechet_ratio: float | None
    precision: float | None
    """The share of drawn digits that look like a test image."""
    recall: float | None
    """The share of test images that look like something drawn."""
    coverage: float | None
    """The share of test images that have something drawn near."""
    memorisation: float
    """Mean distance in pixels to the nearest training image by that to the nearest test image, of 10,000 each; well below 1 is copying."""
    classifier: dict[str, Any]
    """Which features and judgement: their width, and the accuracy on the test images."""
    second: dict[str, Any]
    """What a classifier built and trained differently says: accuracy, accuracy_interval, frechet_ratio, test_accuracy."""
    weights: str
    sample: dict[str, Any]
    evaluations: float
    """Network evaluations a digit: guided ones count twice, and what was drawn again counts too."""
    again: int
    """How many digits were drawn again: see `redraw`."""
    engine: dict[str, Any]
    seconds: float
    """Spent on the evaluation itself."""


# --- the job ----------------------------------------------------------------------------------------------------------


def evaluate(runtime: Runtime, request: EvaluateRequest) -> Iterator[Event]:
    """See `Jobs.evaluate`. Labels come as often as in the test set: the i-th is drawn from noise i, so the first n of a larger one are the same."""
    watch = Stopwatch()
    for event in _told(runtime, request, watch):
        with watch.away():
            yield event


def _told(runtime: Runtime, request: EvaluateRequest, watch: Stopwatch) -> Iterator[Event]:
    """What may fail goes first: nobody waits minutes to hear of a damaged file."""
    yield Preparing("reading the weights and the images")
    judges = load_classifier(runtime.device), load_classifier(runtime.device, SECOND)
    pipeline = yield from runtime.pipeline_for(request.weights, request.sample.sampler)
    data = pipeline.data
    if data != judges[0].data:
        raise SettingError(
            f"{request.weights} draws {data.name}, and the classifiers that judge know {judges[0].data.name} alone: "
            "accuracy and distances need one that was trained on the same images"
        )
    (test, frequencies), (train, _) = (_subset(*load_images(data, split, runtime.device)) for split in (False, True))
    wanted = frequencies.cpu()[torch.arange(request.count) % len(frequencies)]
    with explain_out_of_memory(str(pipeline.device)):
        drawn, evaluations, again = yield from _drawn(pipeline, runtime.reader(data), request, wanted.tolist(), watch)
        report, gallery = yield from _judged(judges, drawn, wanted, test, train)
    told: dict[str, Any] = {
        "weights": str(pipeline.weights),
        "sample": to_dict(request.sample),
        "evaluations": evaluations,
        "again": again,
        "engine": asdict(pipeline.compute_info),
        "seconds": round(watch.spent(), 2),
    }
    yield EvaluateDone(asdict(Report(**report, **told)), gallery)


def _subset(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """MOST of the images and their labels in a fixed random order, so that its first n are a fair sample too."""
    chosen = epoch_order(0, 0, len(images))[:MOST].to(images.device)
    return images[chosen], labels[chosen]


def _drawn(
    pipeline: Pipeline, reader: Classifier | None, request: EvaluateRequest, wanted: list[int], watch: Stopwatch
) -> Generator[Event, None, tuple[Tensor, float, int]]:
    """The pictures, count of them, uint8 on the device; how many network evaluations each took; how many were drawn again."""
    told, evaluations, again = -math.inf, 0, 0

    def count(_: object, given: tuple[Tensor, ...]) -> None:
        nonlocal evaluations
        evaluations += len(given[0])

    images = torch.empty(request.count, *pipeline.data.pixel_shape, dtype=torch.uint8)
    with pipeline.network.register_forward_pre_hook(count):
        for part in draw_into(images, pipeline, reader, wanted, range(request.count), request.sample):
            due = watch.wall() - told >= 0.2 or part.again > again
            again = max(again, part.again)
            told = watch.wall() if due else told
            what, digits = ("drawing again", part.again) if part.again else ("drawing", request.count)
            yield EvaluateProgress(what, part.step * digits // part.steps, digits) if due else Tick()
    return images.to(pipeline.device), evaluations / request.count, again


def _judged(
    judges: tuple[Classifier, Classifier], drawn: Tensor, wanted: Tensor, test: Tensor, train: Tensor
) -> Generator[Event, None, tuple[dict[str, Any], Images]]:
    """The figures that depend on the pictures alone, by their names in Report, and the gallery. All depend on the count: it is equal on all sides."""
    n = min(len(drawn), MOST)
    first, features, real, logits = yield from _opinion(judges[0], drawn, wanted, test[:n], train[:n])
    second, *_ = yield from _opinion(judges[1], drawn, wanted, test[:n], train[:n])
    right = logits.argmax(1) == wanted
    report: dict[str, Any] = {
        "count": len(drawn),
        "class_accuracy": tuple(_share(right, wanted == label) for label in range(logits.shape[1])),
        "compared": n,
        "classifier": {"features": features.shape[1], "test_accuracy": first.pop("test_accuracy")},
        "second": {name: second[name] for name in ("accuracy", "accuracy_interval", "frechet_ratio", "test_accuracy")},
        **dict.fromkeys(("precision", "recall", "coverage")),
        **first,
    }
    yield EvaluateProgress("comparing", 0, 1)
    if n >= LEAST:
        report |= yield from neighbourhoods(real, features[:n])
    yield EvaluateProgress("looking for copies", 0, 1)
    report["memorisation"] = yield from memorisation(drawn[:n].cpu(), train.cpu(), test.cpu())
    return report, best_and_worst(drawn, logits, wanted)


def _opinion(
    judge: Classifier, drawn: Tensor, wanted: Tensor, test: Tensor, train: Tensor
) -> Generator[Event, None, tuple[dict[str, Any], Tensor, Tensor, Tensor]]:
    """One judge's accuracy and Fréchet distances; the features of the drawn and of the test images, and the logits of the drawn."""
    features, logits = yield from _read(judge, drawn, "judging")
    right = logits.argmax(1) == wanted
    opinion: dict[str, Any] = {
        "accuracy": float(right.double().mean()),
        "accuracy_interval": wilson(int(right.sum()), len(drawn)),
        "test_accuracy": judge.test_accuracy,
        **dict.fromkeys(("frechet", "frechet_floor", "frechet_ratio")),
    }
    real = torch.empty(0)
    if len(test) >= LEAST:
        real, _ = yield from _read(judge, test, "reading test images")
        other, _ = yield from _read(judge, train, "reading training images")
        distance, floor = frechet(features[: len(test)], real), frechet(other, real)
        opinion |= {"frechet": distance, "frechet_floor": floor, "frechet_ratio": distance / floor if floor > 0 else None}
    return opinion, features, real, logits


def best_and_worst(drawn: Tensor, logits: Tensor, wanted: Tensor, each: int = 5) -> Images:
    """Rows of 2 * `each` pictures, one for each class asked for: those read most surely as it, then those least, the worst last.

    drawn (N, H, W) or (N, H, W, 3) uint8, logits (N, classes), wanted (N,). A class asked for less often than that has no row.
    """
    sure = logits.double().log_softmax(1).gather(1, wanted[:, None])[:, 0]
    rows = []
    for label in range(logits.shape[1]):
        own = torch.nonzero(wanted == label)[:, 0]
        if len(own) >= 2 * each:
            ranked = own[sure[own].argsort(descending=True, stable=True)]
            rows.append(drawn[torch.cat([ranked[:each], ranked[-each:]]).to(drawn.device)])
    return to_images(torch.cat(rows).cpu() if rows else drawn[:0].cpu())


def _share(right: Tensor, chosen: Tensor) -> float | None:
    """The share of the chosen that are right, both (N,) bool; None where none are."""
    return float(right[chosen].double().mean()) if bool(chosen.any()) else None


def _read(judge: Classifier, images: Tensor, what: str) -> Generator[Event, None, tuple[Tensor, Tensor]]:
    """Features (N, 64) and logits (N, classes) on the CPU, the features in float64."""
    read = []
    for rows in torch.split(images, ROWS):
        features, logits = judge.features_and_logits(rows)
        read.append((features.cpu().double(), logits.cpu()))
        yield EvaluateProgress(what, sum(len(f) for f, _ in read), len(images))
    return torch.cat([f for f, _ in read]), torch.cat([g for _, g in read])


# --- the figures ------------------------------------------------------------------------------------------------------
