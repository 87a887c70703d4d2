"""The networks that judge drawings of a data set: those that come with digitty for MNIST, else two that are trained once and kept in the cache."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.checkpoints.classifier import SECOND, load_classifier, save_classifier
from engine.compute.stopwatch import Stopwatch
from engine.config.data import MNIST, DataSpec
from engine.errors import CheckpointError, SettingError, StorageError
from engine.evaluation.augment import shift_and_cover, shift_slightly
from engine.evaluation.metrics import ROWS
from engine.evaluation.real_images import RealImages
from engine.evaluation.self_supervised import CALIBRATION, feature_steps, random_steps
from engine.evaluation.train_classifier import EPOCHS, SEED, classifier_steps, untrained
from engine.formatting import format_duration, printable
from engine.models.classifier import Classifier
from engine.protocol.events import EvaluateProgress, Event, Notice, Tick
from engine.runs.readers import Role, cached_path, find_reader
from engine.storage import paths

FEWEST_STEPS, MOST_STEPS = 200, 2000
"""Training steps of a judge: EPOCHS epochs, but not fewer than the first for a small data set, nor more than the second for a large one."""
FEATURE_STEPS = 400
"""Training steps of a network that learns features without classes."""
FEWEST_IMAGES = 20
"""Images, and …"""
FEWEST_OF_A_CLASS = 2
"""… images for each class, on average, with which a classifier is trained at all."""
FEWEST_FOR_FEATURES = 100
"""Images without classes from which features are learned."""
TRIED_STEPS = 8
"""Steps of each network that are timed before the user is told how long the training takes; a first one, which is slow, comes before them."""
PROGRESS_EVERY = 0.2
"""Seconds."""

Judges = tuple[Classifier, Classifier]
NAMES: dict[Role, str] = {"first": "the first of two judges", "second": "the second of two judges", "reader": "the reader"}


@dataclass(frozen=True)
class Training:
    """One network to train."""

    role: Role
    data: DataSpec
    classes: bool
    """Whether it learns the classes, or only features."""

    @property
    def seed(self) -> int:
        return SEED + (self.role != "first")

    def untrained(self) -> Classifier:
        """The second judge is built otherwise than the first, or has random weights, which learn nothing, where there are no classes."""
        return untrained(self.seed, self.classes and self.role == "second", self.data)

    def steps(self, model: Classifier, real: RealImages) -> int:
        """How many steps it takes."""
        if not self.classes:
            return CALIBRATION if self.role == "second" else FEATURE_STEPS
        return min(max(EPOCHS * -(-real.trained_on // model.batch), FEWEST_STEPS), MOST_STEPS)

    def begin(self, model: Classifier, real: RealImages, steps: int) -> Iterator[Tensor]:
        """Trains the model in place; yields the loss of each step."""
        if self.classes:
            augment = shift_slightly if model.second else shift_and_cover
            return classifier_steps(model, real.images, real.labels, steps, augment, self.seed, real.rows)
        if self.role == "second":
            return random_steps(model, real.images, self.seed, real.rows)
        return feature_steps(model, real.images, steps, self.seed, real.rows)


def knows_classes(data: DataSpec, images: int) -> bool:
    """Whether a classifier of this data set can be trained on this number of images. With one class there is nothing to tell apart."""
    return data.classes > 1 and images >= max(FEWEST_IMAGES, FEWEST_OF_A_CLASS * data.classes)


def find_judges(data: DataSpec, real: RealImages, device: torch.device) -> Generator[Event, None, Judges | None]:
    """Returns two networks, which know the classes if `knows_classes`; None with too few images to train any.

    It trains those that are missing. Closing it leaves nothing half done: a network is kept once it is trained and tested. Raises CheckpointError
    where a file that comes with digitty is damaged.
    """
    if data.digest == MNIST.digest:
        return load_classifier(device), load_classifier(device, SECOND)
    classes = knows_classes(data, real.trained_on)
    if not classes and real.trained_on < FEWEST_FOR_FEATURES:
        return None
    first, second = yield from obtain([Training("first", data, classes), Training("second", data, classes)], real, device)
    return first, second


def train_reader(data: DataSpec, real: RealImages, device: torch.device) -> Generator[Event, None, None]:
    """Trains and keeps the reader that decides which drawings of a data set are redrawn, unless there is one.

    Raises SettingError for a data set that no reader can learn.
    """
    if find_reader(data) is not None:
        yield Notice(f"{data.name} has a reader already, which is used")
        return
    if not knows_classes(data, real.trained_on):
        few = f"{real.trained_on:,} images are too few" if data.classes > 1 else "it has no classes that could be misread"
        raise SettingError(f"no reader can be trained for {data.name}: {few}; leave out --train-reader")
    yield from obtain([Training("reader", data, classes=True)], real, device)


def obtain(trainings: Sequence[Training], real: RealImages, device: torch.device) -> Generator[Event, None, list[Classifier]]:
    """Returns a network for each of the trainings, from the cache where it is there.

    A notice says that the others are being trained, and how long that takes.
    """
    found = []
    for training in trainings:
        found.append((yield from _load(training, real, device)))
    models = [training.untrained().to(device) for training in trainings]
    steps = [0 if known else training.steps(model, real) for training, model, known in zip(trainings, models, found, strict=True)]
    missing = [k for k, known in enumerate(found) if known is None]
    if missing:
        seconds = 0.0
        for i in missing:
            seconds += steps[i] * (yield from _seconds_a_step(trainings[i], real, device))
        yield Notice(_announcement([trainings[i] for i in missing], real, seconds))
    done = 0
    for i, training in enumerate(trainings):
        if found[i] is not None:
            continue
        watch, shown_at = Stopwatch(), -PROGRESS_EVERY
        for k, _ in enumerate(training.begin(models[i], real, steps[i]), 1):
            event: Event = Tick()
            if watch.wall() - shown_at >= PROGRESS_EVERY:
                shown_at = watch.wall()
                event = EvaluateProgress(f"training {NAMES[training.role]} of {training.data.name}", done + k, sum(steps))
            with watch.pause():
                yield event
        done += steps[i]
        found[i] = yield from _finish(training, models[i], real)
    return [model for model in found if model is not None]


def _seconds_a_step(training: Training, real: RealImages, device: torch.device) -> Generator[Event, None, float]:
    """Returns the time of a training step, measured on a network that is thrown away: the judges are not equally fast."""
    tried = training.begin(training.untrained().to(device), real, 1 + TRIED_STEPS)
    watch, spent = Stopwatch(), 0.0
    for k, loss in enumerate(tried):
        loss.item()  # waits for the device
        if k == 0:
            watch = Stopwatch()  # the first step also builds kernels
        elif k <= TRIED_STEPS:
            spent = watch.spent() / k
        if k >= TRIED_STEPS:
            break
        with watch.pause():
            yield Tick()
    return spent


def _announcement(missing: Sequence[Training], real: RealImages, seconds: float) -> str:
    """What the user is told on first use."""
    data, purpose = missing[0].data, "judge" if missing[0].role != "reader" else "reject"
    networks, them = ("a small network", "it is") if len(missing) == 1 else (f"{len(missing)} small networks", "they are")
    return (
        f"{networks} that {purpose} drawings of {data.name} must be trained first, on {real.trained_on:,} real images. This takes about "
        f"{format_duration(seconds)}, once: {them} kept in {printable(paths.cache_dir())}. ctrl+c stops it"
    )


def _finish(training: Training, model: Classifier, real: RealImages) -> Generator[Event, None, Classifier]:
    """Tests a trained network and keeps it. Returns it as the file has it, so that its first figures are those of later ones."""
    model.trained_on = real.trained_on
    if training.classes and len(real.test):
        right = 0
        for rows, labels in zip(real.test.batches(ROWS), torch.split(real.test_labels, ROWS), strict=True):
            right += int((model.features_and_logits(rows.to(model.device))[1].argmax(1).cpu() == labels).sum())
            yield Tick()
        model.test_accuracy, model.tested = right / len(real.test), len(real.test)
    path = cached_path(training.data, training.role)
    try:
        paths.ensure_folder(path.parent)
        save_classifier(path, model, StorageError)
        return load_classifier(model.device, path, training.data)
    except StorageError as error:
        yield Notice(f"{NAMES[training.role]} can't be kept for next time: {error}")
        return model.to(memory_format=torch.channels_last).requires_grad_(False)


def _load(training: Training, real: RealImages, device: torch.device) -> Generator[Event, None, Classifier | None]:
    """The network in the cache; None if there is none for these images. A damaged file counts as none."""
    path = cached_path(training.data, training.role)
    if not path.exists():
        return None
    try:
        model = load_classifier(device, path, training.data)
    except CheckpointError as error:
        yield Notice(f"training {NAMES[training.role]} again: {error}")
        return None
    return model if model.trained_on == real.trained_on else None
