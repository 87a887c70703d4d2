"""Trains classifiers: the judges of `evaluate` and the readers that decide which pictures are redrawn. As a program it trains those for MNIST."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice
from pathlib import Path

import click
import torch
from torch import Tensor, nn

from engine.checkpoints.classifier import SECOND, WEIGHTS, load_classifier, save_classifier
from engine.compute.candidates import cpu_bf16
from engine.compute.device import explain_out_of_memory, select_device
from engine.compute.precision import Numerics
from engine.compute.seeds import derive_seed
from engine.config.data import MNIST, DataSpec
from engine.data import mnist as data
from engine.data.batches import epoch_order
from engine.errors import DigittyError
from engine.evaluation.augment import Augment, distort, shift
from engine.formatting import printable
from engine.models.classifier import BATCH, Classifier, to_unit
from engine.protocol.events import EvaluateProgress
from engine.runs.readers import READER

EPOCHS = 8
PEAK_LR = 4e-3
"""Of the first judge and of the reader …"""
SECOND_LR = 0.1
"""… and of the second judge."""
SEED = 0

LossOf = Callable[[Tensor, Tensor], Tensor]
"""From images (N, C, H, W) in [0, 1] and labels (N,) to the loss of a batch."""


def untrained(seed: int = SEED, second: bool = False, spec: DataSpec = MNIST) -> Classifier:
    """A classifier with initial weights that follow from the random seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, 0, 4))
        return Classifier(second, spec)


def train_classifier(model: Classifier, images: Tensor, labels: Tensor, epochs: int = EPOCHS, seed: int = SEED) -> Iterator[EvaluateProgress]:
    """Train the model in place on images of digits, (N, H, W) or (N, H, W, 3) uint8, and labels (N,) of its device; leave it ready to judge.

    On distorted images; for the second judge on images shifted by up to 3 pixels.
    """
    steps = math.ceil(len(images) / BATCH)
    augment = shift if model.second else distort
    for k, loss in enumerate(classifier_steps(model, images, labels, epochs * steps, augment, seed), 1):
        if k % steps % 20 == 0 or k % steps == 0:
            yield EvaluateProgress(f"epoch {(k - 1) // steps + 1} of {epochs}, loss {loss.item():.4f}", k, epochs * steps)


def classifier_steps(
    model: Classifier, images: Tensor, labels: Tensor, steps: int, augment: Augment, seed: int = SEED, rows: Tensor | None = None
) -> Iterator[Tensor]:
    """As `training_steps`, with cross-entropy, for the second judge with smoothed labels. In bf16 a step takes 0.07 s on one AVX512-BF16 core."""
    rng = torch.Generator(model.device).manual_seed(derive_seed(seed, 0, 5))
    numerics, smoothing = fast_numerics(model.device), 0.05 if model.second else 0.0

    def loss_of(x: Tensor, wanted: Tensor) -> Tensor:
        distorted = augment(x, rng).contiguous(memory_format=numerics.format)
        with numerics.autocast(model.device):
            _, logits = model(distorted)
        return nn.functional.cross_entropy(logits.float(), wanted, label_smoothing=smoothing)

    return training_steps(model, [model], images, labels, steps, loss_of, seed, rows)


def training_steps(
    model: Classifier,
    trained: Sequence[nn.Module],
    images: Tensor,
    labels: Tensor,
    steps: int,
    loss_of: LossOf,
    seed: int,
    rows: Tensor | None = None,
) -> Iterator[Tensor]:
    """Train the modules in place for some steps, yield the loss after each, and leave the model ready to judge.

    On those of the images (N, H, W) or (N, H, W, 3) uint8 with labels (N,) that `rows` lists, by default on all; they may lie on another device than
    the model. By AdamW with a one-cycle learning rate (Smith & Topin 2018), for the second judge by SGD.
    """
    device = model.device
    for module in trained:
        module.to(device).to(memory_format=torch.channels_last).train()
    parameters = [parameter for module in trained for parameter in module.parameters()]
    peak = SECOND_LR if model.second else PEAK_LR
    optimizer: torch.optim.Optimizer = torch.optim.AdamW(parameters, peak, weight_decay=0.02, fused=True)
    if model.second:
        optimizer = torch.optim.SGD(parameters, peak, momentum=0.9, weight_decay=5e-4, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak, total_steps=steps, pct_start=0.2)
    for chosen in islice(batches(seed, len(images) if rows is None else len(rows), model.batch), steps):
        wanted = (chosen if rows is None else rows[chosen]).to(images.device)
        loss = loss_of(to_unit(images[wanted].to(device)), labels[wanted.to(labels.device)].to(device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        yield loss.detach()
    for module in trained:
        module.eval()


def batches(seed: int, images: int, size: int) -> Iterator[Tensor]:
    """The images of each step, epoch after epoch. No batch but the only one is a single image, of which batch normalisation learns nothing."""
    for epoch in count():
        for chosen in torch.split(epoch_order(seed, epoch, images), size):
            if len(chosen) > 1 or images == 1:
                yield chosen


def fast_numerics(device: torch.device) -> Numerics:
    """bf16, which takes a third of the time, except on a CPU that would emulate it."""
    emulated = device.type == "cpu" and cpu_bf16() == "none"
    return Numerics("fp32" if emulated or device.type == "mps" else "bf16", channels_last=True)


def accuracy(model: Classifier, images: Tensor, labels: Tensor) -> float:
    """The share of images (N, H, W) or (N, H, W, 3) uint8 that the model reads as their labels (N,)."""
    _, logits = model.features_and_logits(images)
    return float((logits.argmax(1) == labels).double().mean())


@click.command()
@click.argument("which", type=click.Choice(["first", "second", "reader"]), default="first")
@click.option("--epochs", type=click.IntRange(1, 1000), default=EPOCHS, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.  [default: the weights that come with digitty]")
def main(which: str, epochs: int, out: Path | None) -> None:
    """Train the first or the second judge of `digitty evaluate`, or the reader of drawn digits, and write the weights."""
    out = out or {"first": WEIGHTS, "second": SECOND, "reader": READER}[which]
    seed = SEED + (which == "reader")
    try:
        device = select_device()
        model = untrained(seed, second=which == "second").to(device)
        with explain_out_of_memory(str(device)):
            for progress in train_classifier(model, *data.load(True, device), epochs, seed):
                click.echo(printable(f"step {progress.done}/{progress.total}  {progress.what}"), err=True)
        test = data.load(False, device)
        model.test_accuracy = accuracy(model, *test)
        save_classifier(out, model)
        reloaded = load_classifier(device, out)
        click.echo(printable(f"{out}: {reloaded.test_accuracy:.2%} of the test set in float32, {accuracy(reloaded, *test):.2%} as stored"))
    except DigittyError as error:
        click.echo(printable(f"digitty: {error}"), err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
