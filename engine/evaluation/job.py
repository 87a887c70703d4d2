"""The evaluation job: draw pictures, judge them, report the figures."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from engine.compute.device import explain_out_of_memory
from engine.compute.stopwatch import Stopwatch
from engine.config.condition import Condition
from engine.data.registry import fetch_images
from engine.evaluation.captions import ask, check_captions, judge_captions
from engine.evaluation.judges import find_judges, train_reader
from engine.evaluation.judging import MIN_COMPARED, judge_pictures
from engine.evaluation.limits import explain_limits
from engine.evaluation.real_images import RealImages, load_real_images
from engine.evaluation.report import Report
from engine.models.classifier import Classifier
from engine.protocol.events import EvaluateDone, EvaluateProgress, Event, Preparing, Tick
from engine.protocol.requests import EvaluateRequest
from engine.sampling.batch import draw_into
from engine.sampling.pipeline import Pipeline
from engine.sampling.runtime import Runtime

PROGRESS_EVERY = 0.2
"""Seconds."""


@dataclass(frozen=True)
class Drawn:
    """The pictures to judge, and what they cost."""

    images: Tensor
    """(N, H, W) or (N, H, W, 3) uint8, on the CPU."""
    evaluations: float
    """Network evaluations per picture."""
    redrawn: int


def evaluate(runtime: Runtime, request: EvaluateRequest) -> Iterator[Event]:
    """See `Jobs.evaluate`.

    Labels are as frequent as in the test set, and picture i is drawn from noise i. So the first n pictures of a larger evaluation are the same.
    """
    watch = Stopwatch()
    for event in _evaluate(runtime, request, watch):
        with watch.pause():
            yield event


def _evaluate(runtime: Runtime, request: EvaluateRequest, watch: Stopwatch) -> Iterator[Event]:
    """Loads everything that can fail before it draws, so that a damaged file is reported now, not minutes later."""
    yield Preparing("reading the weights and the images")
    pipeline = yield from runtime.pipeline_for(request.weights, request.sample.sampler)
    data, device = pipeline.data, runtime.device
    if request.captions:
        check_captions(pipeline.network.config, request.weights)
    yield from fetch_images(data)
    real = load_real_images(data, device)
    with explain_out_of_memory(str(device)):
        judges = yield from find_judges(data, real, device)
        if request.train_reader:
            yield from train_reader(data, real, device)
        labels = _labels(real, request.count)
        asked = labels.tolist() if data.class_names else [None] * request.count
        like = real.test if len(real.test) >= MIN_COMPARED else real.train
        captions = (yield from ask(pipeline.network.config, like, labels, request.sample.seed)) if request.captions else None
        drawn = yield from _draw(pipeline, runtime.reader(data), request, asked, watch, captions.conditions if captions else None)
        figures, gallery = yield from judge_pictures(judges, drawn.images, labels, real, data.class_names)
        fit = (yield from judge_captions(captions, drawn.images, like)) if captions else None
    report = Report(
        **vars(figures),
        weights=str(pipeline.weights),
        sample=request.sample,
        evaluations=drawn.evaluations,
        again=drawn.redrawn,
        engine=pipeline.compute_info,
        seconds=round(watch.spent(), 2),
        data=data.name,
        class_names=data.class_names,
        held_out=real.held_out,
        notes=tuple(explain_limits(figures, data, real.trained_on, len(real.test), real.held_out, MIN_COMPARED)),
        captions=fit,
    )
    yield EvaluateDone({name: value for name, value in asdict(report).items() if name != "captions" or value is not None}, gallery)


def _labels(real: RealImages, count: int) -> Tensor:
    """The label of each picture, as frequent as in the test images; in the training images where there are too few others to hold all classes."""
    labels = real.test_labels if len(real.test) >= MIN_COMPARED else real.labels.cpu()[real.train.order]
    return labels[torch.arange(count) % len(labels)]


def _draw(
    pipeline: Pipeline,
    reader: Classifier | None,
    request: EvaluateRequest,
    labels: Sequence[int | None],
    watch: Stopwatch,
    conditions: Sequence[Condition] | None,
) -> Generator[Event, None, Drawn]:
    """Draws a picture for each label and condition. `reader`, and what is measured of conditions, decide which ones are redrawn."""
    shown_at, evaluations, redrawn = -math.inf, 0, 0

    def count_evaluations(_: object, inputs: tuple[Tensor, ...]) -> None:
        nonlocal evaluations
        evaluations += len(inputs[0])

    images = torch.empty(request.count, *pipeline.data.pixel_shape, dtype=torch.uint8)
    with pipeline.network.register_forward_pre_hook(count_evaluations):
        for progress in draw_into(images, pipeline, reader, labels, range(request.count), request.sample, conditions=conditions):
            if progress.step == 0:
                continue
            if watch.wall() - shown_at < PROGRESS_EVERY and progress.redrawing <= redrawn:
                yield Tick()
                continue
            shown_at, redrawn = watch.wall(), max(redrawn, progress.redrawing)
            what, total = ("redrawing", progress.redrawing) if progress.redrawing else ("drawing", request.count)
            yield EvaluateProgress(what, progress.done * total // progress.total, total)
    return Drawn(images, evaluations / request.count, redrawn)
