"""The small CNNs behind `evaluate`: which digit a picture shows, and 64 features to compare sets of pictures by. Know no diffusion.

Two judge, built and trained differently, so that what flatters one does not flatter both; a third, of the first one's build, reads what is
drawn (see sampling/rejection.py). `python -m engine.models.classifier first`, `second` and `reader` train the weights that ship, on MNIST's
60,000 training images.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import torch
from torch import Tensor, nn

from engine.checkpoints.tensor_file import load_sealed, save_sealed, short
from engine.cli.reporters import say, show
from engine.compute.device import Numerics, choose, clear_errors
from engine.data import mnist as data
from engine.errors import CheckpointError, DigittyError
from engine.protocol.events import EvaluateProgress
from engine.storage import paths

WEIGHTS = paths.ASSETS / "weights" / "classifier.safetensors"
SECOND = paths.ASSETS / "weights" / "classifier-2.safetensors"
READER = paths.ASSETS / "weights" / "reader.safetensors"
FORMAT = "digitty-classifier"
FEATURES = 64
BATCH = 256
"""Pictures at once, in training and in judging: about 0.05 s on one CPU core."""
EPOCHS = 8
PEAK_LR = 4e-3
SECOND_LR = 0.1
SEED = 0


class Classifier(nn.Module):
    """28 -> 14 -> 7 -> 3 pixels in three convolutions with batch normalisation, then 64 features, then 10 logits.

    The second: 28 -> 14 -> 7 in two strided convolutions of 5x5 with group normalisation and dropout.
    """

    test_accuracy: float | None = None
    """On MNIST's 10,000 test images, as its file says."""

    def __init__(self, second: bool = False) -> None:
        super().__init__()
        self.second = second
        layers = [*_stage(1, 24), *_stage(24, 48), *_stage(48, 96), nn.Flatten(), nn.Linear(96 * 9, FEATURES), nn.ReLU()]
        if second:
            layers = [
                *_strided(1, 32),
                *_strided(32, 64),
                nn.Dropout2d(0.2),
                nn.Flatten(),
                nn.Linear(64 * 49, FEATURES),
                nn.Softplus(),
                nn.Dropout(0.2),
            ]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(FEATURES, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (N, 1, 28, 28) in [0, 1] -> features (N, 64), none negative, and logits (N, 10)."""
        features: Tensor = self.body(x)
        return features, self.head(features)

    @property
    def device(self) -> torch.device:
        return self.head.weight.device

    @torch.inference_mode()
    def features_and_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """images (N, 28, 28) uint8 on the model's device -> features (N, 64) and logits (N, 10) in float32, BATCH at a time."""
        features, logits = zip(*(self(to_unit(batch)) for batch in torch.split(images, BATCH)), strict=True)
        return torch.cat(features), torch.cat(logits)


def _stage(i: int, o: int) -> list[nn.Module]:
    """Pools before it normalises: a quarter of the work, and no other result where the scale is positive."""
    return [nn.Conv2d(i, o, 3, padding=1, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(o), nn.ReLU()]


def _strided(i: int, o: int) -> list[nn.Module]:
    return [nn.Conv2d(i, o, 5, stride=2, padding=2), nn.GroupNorm(8, o), nn.GELU()]


def to_unit(images: Tensor) -> Tensor:
    """uint8 (N, 28, 28) -> float32 (N, 1, 28, 28) in [0, 1]."""
    return images.unsqueeze(1).float() / 255


# --- training ---------------------------------------------------------------------------------------------------------


def fresh(seed: int = SEED, second: bool = False) -> Classifier:
    """An untrained classifier; its weights follow from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(data.mix(seed, 0, 4))
        return Classifier(second)


def train_classifier(model: Classifier, images: Tensor, labels: Tensor, epochs: int = EPOCHS, seed: int = SEED) -> Iterator[EvaluateProgress]:
    """Trains the model in place on images (N, 28, 28) uint8 and labels (N,) of its device; leaves it ready to judge.

    AdamW with a one-cycle learning rate (Smith & Topin 2018) on distorted images; the second by SGD on images moved by up to 3 pixels,
    with smoothed labels. bf16 and channels_last: 0.07 s a step on one AVX512-BF16 core, a third of fp32's.
    """
    device, how = images.device, Numerics("bf16", channels_last=True)
    model.to(device).to(memory_format=how.format).train()
    steps = math.ceil(len(images) / BATCH)
    peak, smoothing, changed = (SECOND_LR, 0.05, moved) if model.second else (PEAK_LR, 0.0, distorted)
    optimizer: torch.optim.Optimizer = torch.optim.AdamW(model.parameters(), peak, weight_decay=0.02, fused=True)
    if model.second:
        optimizer = torch.optim.SGD(model.parameters(), peak, momentum=0.9, weight_decay=5e-4, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak, total_steps=epochs * steps, pct_start=0.2)
    rng = torch.Generator(device).manual_seed(data.mix(seed, 0, 5))
    for epoch in range(epochs):
        for k, chosen in enumerate(torch.split(data.order(seed, epoch, len(images)).to(device), BATCH), 1):
            x = changed(to_unit(images[chosen]), rng).contiguous(memory_format=how.format)
            with how.autocast(device):
                _, logits = model(x)
            loss = nn.functional.cross_entropy(logits.float(), labels[chosen], label_smoothing=smoothing)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            if k % 20 == 0 or k == steps:
                yield EvaluateProgress(f"epoch {epoch + 1} of {epochs}, loss {loss.item():.4f}", epoch * steps + k, epochs * steps)
    model.eval()


def distorted(x: Tensor, rng: torch.Generator) -> Tensor:
    """Each of x (N, 1, 28, 28) turned by up to 10°, scaled by up to 10% and moved by up to 2 pixels each way; black comes in from outside."""
    u = torch.rand(4, len(x), device=x.device, generator=rng) * 2 - 1
    angle, scale, (dx, dy) = math.radians(10) * u[0], 1 + 0.1 * u[1], u[2:] * 2 / 14  # affine_grid counts from -1 to 1
    theta = torch.stack([scale * angle.cos(), -scale * angle.sin(), dx, scale * angle.sin(), scale * angle.cos(), dy], 1)
    grid = nn.functional.affine_grid(theta.view(-1, 2, 3), list(x.shape), align_corners=False)
    return nn.functional.grid_sample(x, grid, align_corners=False)


def moved(x: Tensor, rng: torch.Generator) -> Tensor:
    """Each of x (N, 1, 28, 28) moved by up to 3 whole pixels each way; black comes in from outside."""
    at = torch.randint(7, (2, len(x), 1), device=x.device, generator=rng) + torch.arange(28, device=x.device)
    padded = nn.functional.pad(x, (3, 3, 3, 3))
    return padded[torch.arange(len(x), device=x.device)[:, None, None], 0, at[0][:, :, None], at[1][:, None, :]].unsqueeze(1)


# --- weights ----------------------------------------------------------------------------------------------------------


def save_classifier(path: Path, model: Classifier, test_accuracy: float) -> None:
    """A float16 .safetensors file with the accuracy and a digest in its metadata. Raises OutputError."""
    tensors = {name: t.half() if t.is_floating_point() else t for name, t in model.state_dict().items()}
    save_sealed(path, FORMAT, tensors, {"test_accuracy": str(test_accuracy), "second": str(model.second)})


def load_classifier(device: torch.device | None = None, path: Path = WEIGHTS) -> Classifier:
    """The classifier in float32, ready to judge. Raises CheckpointError; runs nothing that the file holds."""
    tensors, metadata = load_sealed(path, FORMAT, "python -m engine.models.classifier makes one")
    model = Classifier(metadata.get("second") == "True")
    try:
        model.test_accuracy = float(metadata["test_accuracy"])
        model.load_state_dict({name: t.float() if t.is_floating_point() else t for name, t in tensors.items()})
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} holds another network than this digitty's classifier ({short(error)})") from None
    return model.to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False)


def accuracy(model: Classifier, images: Tensor, labels: Tensor) -> float:
    """The share of images (N, 28, 28) uint8 read as their labels (N,)."""
    _, logits = model.features_and_logits(images)
    return float((logits.argmax(1) == labels).double().mean())


# --- the command ------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("which", type=click.Choice(["first", "second", "reader"]), default="first")
@click.option("--epochs", type=click.IntRange(1, 1000), default=EPOCHS, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="By default the weights that ship.")
def main(which: str, epochs: int, out: Path | None) -> None:
    """Train a judge of `digitty evaluate`, the first or the second, or the reader of what is drawn, and write its weights."""
    out = out or {"first": WEIGHTS, "second": SECOND, "reader": READER}[which]
    seed = SEED + (which == "reader")
    try:
        device = choose()
        model = fresh(seed, second=which == "second")
        with clear_errors(str(device)):
            for progress in train_classifier(model, *data.load(True, device), epochs, seed):
                say(f"step {progress.done}/{progress.total}  {progress.what}")
        test = data.load(False, device)
        save_classifier(out, model, accuracy(model, *test))
        stored = load_classifier(device, out)
        show(f"{out}: {stored.test_accuracy:.2%} of the test set in float32, {accuracy(stored, *test):.2%} as stored")
    except DigittyError as error:
        say(f"digitty: {error}")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
