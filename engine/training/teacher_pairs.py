"""What a teacher makes of noise: pairs of noise and picture that a student learns from. Drawn once, and kept in the student's run."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from engine.checkpoints.tensor_file import read_tensor_file, write_tensor_file
from engine.compute.seeds import derive_seed
from engine.config.data import DataSpec
from engine.config.model import NO_LABEL
from engine.config.sampling import SampleConfig
from engine.data.batches import balanced_order
from engine.errors import CheckpointError, StorageError
from engine.models.conditioner import Told
from engine.protocol.events import Event, Notice, Preparing, Tick
from engine.sampling.batch import BATCH, sample_batch
from engine.sampling.pipeline import Pipeline
from engine.sampling.pixels import to_pixels
from engine.training.conditions import TrainingConditions

FORMAT = "digitty-pairs"
TEACHING = SampleConfig(steps=14, guidance=1.2)
"""How the teacher draws: without noise during sampling, so that the picture follows from the first noise, and with little guidance, for variety."""
TEACHING_TOLD = SampleConfig(steps=14)
"""How it draws where more than a label is told: guided as usual drawings are, so that its student shows what is asked for as clearly."""
CHUNK = 500
"""Pairs of which is decided at once what is told of them."""


@dataclass(frozen=True)
class PairPlan:
    """What the teacher is to draw."""

    data: DataSpec
    seed: int
    noise: Tensor
    """(N, C, H, W)"""
    labels: Tensor
    """(N,); NO_LABEL for those that are drawn by what else is told alone."""
    told: Told | None = None
    """What else is told of them; None: nothing."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def digest(self) -> str:
        """Changes with what is told, for instance with the wording of captions; empty where nothing is. Numbers that may be rounded don't count."""
        if self.told is None:
            return ""
        parts = (self.labels, self.told.asked, self.told.variants, self.told.has_hand, self.told.words)
        return hashlib.sha256(b"".join(part.numpy().tobytes() for part in parts)).hexdigest()


@dataclass(frozen=True)
class TeacherPairs:
    """Noise (N, C, H, W), the labels (N,) and the teacher's pictures (N, H, W) or (N, H, W, 3) uint8, on the device."""

    noise: Tensor
    labels: Tensor
    pictures: Tensor
    told: Told | None = None
    """What the teacher was told besides the labels."""

    def __len__(self) -> int:
        return len(self.labels)


def plan_pairs(data: DataSpec, n: int, seed: int, conditions: TrainingConditions | None = None) -> Generator[Event, None, PairPlan]:
    """Returns what is drawn for n pairs: a pure function of its arguments, each label as often; all labels are 0 without classes.

    What `conditions` tells of training images is told of the pairs, too. Of those that are told anything, as many as the share of labels that the run
    withholds have no label.
    """
    plan = PairPlan(data, seed, *noise_and_labels(data, n, seed))
    if conditions is None:
        return plan
    conditions, of_images = conditions.with_seed(derive_seed(seed, 0, 21)), conditions.measured.labels
    order = torch.cat([balanced_order(conditions.config.seed, k, of_images) for k in range(math.ceil(n / len(of_images)))])
    labels, told = [], []
    for k, images in enumerate(torch.split(order[:n], CHUNK)):
        chosen, reason = conditions.add_rare(k, images)
        with_label, without = conditions.draw_both(k, chosen, reason)
        rng = torch.Generator().manual_seed(derive_seed(conditions.config.seed, k, 22))
        withheld = (torch.rand(len(images), generator=rng) < conditions.config.label_dropout) & (reason < 0) & without.says
        labels.append(of_images[chosen].masked_fill(withheld, NO_LABEL))
        told.append(without.where(withheld, with_label))
        yield Tick()
    return replace(plan, labels=torch.cat(labels), told=Told(*(torch.cat(parts) for parts in zip(*told, strict=True))))


def noise_and_labels(data: DataSpec, n: int, seed: int) -> tuple[Tensor, Tensor]:
    """A pure function of its arguments: (n, C, H, W) and (n,), each label as often; all 0 without classes."""
    noise = torch.randn((n, *data.shape), generator=torch.Generator().manual_seed(derive_seed(seed, 0, 6)))
    return noise, torch.arange(n) % max(1, data.classes)


def draw_pairs(teacher: Pipeline, plan: PairPlan) -> Generator[Event, None, Tensor]:
    """The teacher's pictures, uint8, on the CPU; yields its progress."""
    device, n, done = teacher.device, len(plan), 0
    pictures = torch.zeros(n, *plan.data.pixel_shape, dtype=torch.uint8)
    says = torch.zeros(n, dtype=torch.bool) if plan.told is None else plan.told.says
    for chosen, sample in ((~says, TEACHING), (says, TEACHING_TOLD)):
        places = chosen.nonzero().flatten()
        for batch in torch.split(places, BATCH[device.type]) if len(places) else ():
            yield Preparing(f"{teacher.weights.name} draws {done:,} of {n:,} images to learn from", done / n)
            x, told = plan.noise[batch].to(device), None
            if plan.told is not None and sample is TEACHING_TOLD:
                told = plan.told.select(batch).to(device)
            for step in sample_batch(teacher, plan.labels[batch].tolist(), sample, x, _no_noise, told):
                x = step.x
                yield Tick()
            pictures[batch] = to_pixels(x)
            done += len(batch)
    return pictures


def load_or_draw(path: Path, teacher: Generator[Event, None, Pipeline], plan: PairPlan, device: torch.device) -> Generator[Event, None, TeacherPairs]:
    """The pairs in the file; if it is missing or damaged, the teacher draws them and they are saved there. Raises StorageError."""
    try:
        pictures = _read(path, plan) if path.exists() else None
    except CheckpointError as error:
        yield Notice(f"{error}; they are drawn again")
        pictures = None
    if pictures is None:
        pictures = yield from draw_pairs((yield from teacher), plan)
        write_tensor_file(path, FORMAT, {"pictures": pictures}, {"seed": str(plan.seed), "told": plan.digest}, StorageError)
    told = None if plan.told is None else plan.told.to(device)
    return TeacherPairs(plan.noise.to(device), plan.labels.to(device), pictures.to(device), told)


def _read(path: Path, plan: PairPlan) -> Tensor:
    tensors, facts = read_tensor_file(path, FORMAT, "the teacher draws them")
    pictures = tensors.get("pictures", torch.empty(0))
    asked = (str(plan.seed), plan.digest)
    if pictures.shape != (len(plan), *plan.data.pixel_shape) or pictures.dtype != torch.uint8 or (facts.get("seed"), facts.get("told", "")) != asked:
        raise CheckpointError(f"{path} holds pairs for a different run")
    return pictures


def _no_noise() -> Tensor:
    raise AssertionError("the teacher draws without noise on the way")
