"""Progressive growing: 32, 64, then 128 pixels, against 128 pixels from nothing, for the same CPU seconds and with the same network at the end.

    python benchmarks/growing.py                                         # a first look: two and a half CPU minutes, small batches
    python benchmarks/growing.py --seconds 400 --alone 1 1.5 --batch 32 --images 2400
    python benchmarks/growing.py --seconds 7200 --batch 128 --data photographs.npz   # uint8, (N, 128, 128, 3)

Both ways train `quick` in the widths that it has at 32 pixels, on the same images; smaller ones are means over blocks of the large ones. Each stage
is a run of its own with its own cosine of the learning rate, begins with the average weights of the one before, and learns its first and last
convolution from nothing, as `train --start-from RUN --data …` does. Its number of steps is planned from the time of a few steps. What is printed is
the error of the average weights in x0 for held-out images of 128 pixels, at several noise levels and in the mean: equal quality is an equal mean.
--alone 1 1.5 trains from nothing twice, the second time for one and a half times as long: so one sees what the same quality costs. Unless --data
names a file, the images are those of the data set `solids`, drawn twice as large; drawing them is not counted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.compute.candidates import candidates
from engine.compute.device import select_device
from engine.compute.precision import Numerics
from engine.config.data import DataSpec
from engine.config.fit_to_data import fit_to, grow, new_parts
from engine.config.model import ModelConfig
from engine.config.training import PRESETS, TrainConfig
from engine.data.batches import to_x0
from engine.datasets.sources.solids import CLASS_NAMES
from engine.diffusion.denoiser import to_denoiser
from engine.diffusion.guidance import fix_labels
from engine.diffusion.schedule import NoiseSchedule
from engine.process.malloc import keep_freed_memory
from engine.solids.render import render
from engine.solids.scene import random_scene
from engine.training.trainer import Trainer

SIDES = (32, 64, 128)
SHARES = (0.4, 0.3, 0.3)
"""The share of the seconds that each stage of the growing network takes."""
RATIOS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""sigma / alpha, before the shift of the schedule."""
TRIED = 4
"""Steps that are timed to plan a stage; the first of them, which builds kernels, does not count."""
Start = tuple[ModelConfig, Mapping[str, Tensor]]
"""A network and its weights, from which the next one begins."""


def drawn(count: int) -> tuple[Tensor, Tensor]:
    """Solids (count, 128, 128, 3) uint8, twice as large as those of the data set `solids`, and their labels (count,)."""
    labels = np.arange(count) % len(CLASS_NAMES)
    images = np.stack([render(random_scene(CLASS_NAMES[label], k), SIDES[-1]) for k, label in enumerate(labels)])
    return torch.from_numpy(images), torch.from_numpy(labels)


def shrunk(images: Tensor, side: int) -> Tensor:
    """The means over blocks, uint8 (N, side, side, 3)."""
    k = images.shape[1] // side
    return images.float().unflatten(1, (side, k)).unflatten(3, (side, k)).mean((2, 4)).round().to(torch.uint8)


def spec_of(images: Tensor, classes: int) -> DataSpec:
    pixels = images.float() / 127.5 - 1
    names = tuple(f"class {k}" for k in range(classes))
    side = images.shape[1]
    return DataSpec(f"{side} pixels", side, side, 3, names, len(images), float(pixels.mean()), float(pixels.std()), "made up", f"side:{side}")


def config_for(data: DataSpec, smallest: DataSpec, batch: int) -> TrainConfig:
    """`quick`, as it is for the smallest images and then grown: the same widths at every size."""
    base = fit_to(PRESETS["quick"], smallest)
    model, schedule = grow(base.model, base.schedule, data)
    return replace(base, model=model, schedule=schedule, batch_size=batch, epochs=100_000)


def train(
    config: TrainConfig, images: Tensor, labels: Tensor, seconds: float, numerics: Numerics, device: torch.device, begin: Start | None
) -> Trainer:
    """Trains for about so many CPU seconds."""
    start = time.process_time()
    trial = Trainer(config, images, labels, numerics, device)
    times = [_step(trial) for _ in range(TRIED)]
    each = sum(times[1:]) / (TRIED - 1)
    steps = max(1, int((seconds - (time.process_time() - start)) / each))
    warmup = min(config.warmup, steps // 10)
    trainer = Trainer(replace(config, steps=steps, warmup=warmup), images, labels, numerics, device)
    if begin:
        new = new_parts(begin[0], config.model)
        trainer.begin_from({name: tensor for name, tensor in begin[1].items() if name.partition(".")[0] not in new})
    while trainer.step < steps:
        _step(trainer)
    print(f"  {config.data.name}: {steps} steps, {time.process_time() - start:.0f} CPU seconds", flush=True)
    return trainer


def _step(trainer: Trainer) -> float:
    start = time.process_time()
    trainer.train_step()
    trainer.read_losses()
    return time.process_time() - start


@torch.inference_mode()
def errors(trainer: Trainer, images: Tensor, labels: Tensor) -> list[float]:
    """The mean squared error in x0 at each of RATIOS, for the average weights, always with the same noise."""
    config, schedule = trainer.config, NoiseSchedule(trainer.config.schedule)
    predict = fix_labels(trainer.ema.model, labels, torch.float32, torch.contiguous_format)
    denoise = to_denoiser(predict, schedule, config.model.prediction, config.data.std)
    x0 = to_x0(images)
    eps = torch.randn(x0.shape, generator=torch.Generator().manual_seed(1))
    found = []
    for ratio in RATIOS:
        t = min(range(schedule.T), key=lambda t: abs(schedule.unshifted_ratio(t) - ratio))
        alpha_bar = schedule.alpha_bar_at(t)
        x_t = alpha_bar**0.5 * x0 + (1 - alpha_bar) ** 0.5 * eps
        found.append(float((denoise(x_t, t)[0] - x0).square().mean()))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="CPU seconds of the growing network")
    parser.add_argument("--alone", type=float, nargs="+", default=[1.0], metavar="TIMES", help="how many times these seconds from nothing takes")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--images", type=int, default=1000, help="made-up images")
    parser.add_argument("--data", type=Path, help="an .npz file with images and labels instead")
    given = parser.parse_args()
    keep_freed_memory()
    device = select_device("cpu")
    numerics = candidates(device, "auto")[0]
    if given.data:
        with np.load(given.data) as arrays:
            images, labels = torch.from_numpy(arrays["images"]), torch.from_numpy(arrays["labels"]).long()
    else:
        images, labels = drawn(given.images)
    held = max(8, min(256, len(images) // 20))
    specs = [spec_of(shrunk(images[held:], side), int(labels.max()) + 1) for side in SIDES]
    print(f"torch {torch.__version__}, {numerics.precision}, {torch.get_num_threads()} threads; {len(images) - held} images, {held} held out")

    print("growing")
    begin: Start | None = None
    for side, share, data in zip(SIDES, SHARES, specs, strict=True):
        config = config_for(data, specs[0], given.batch)
        grown = train(config, shrunk(images[held:], side), labels[held:], share * given.seconds, numerics, device, begin)
        begin = config.model, dict(grown.weights("average"))
    rows = [errors(grown, images[:held], labels[:held])]
    for times in given.alone:
        print(f"from nothing, {times:g} times the seconds")
        whole = train(config_for(specs[-1], specs[0], given.batch), images[held:], labels[held:], times * given.seconds, numerics, device, None)
        rows.append(errors(whole, images[:held], labels[:held]))
    show(rows, given.alone)


def show(rows: list[list[float]], alone: list[float]) -> None:
    """Print the errors of the grown network, then those of the others and how many times as large those of the grown one are."""
    print(f"\n{'sigma / alpha':>14}{'grown':>10}" + "".join(f"{f'{times:g} × nothing':>15}{'ratio':>7}" for times in alone))
    columns = [*zip(*rows, strict=True), tuple(sum(row) / len(row) for row in rows)]
    for name, (grown, *others) in zip([*(f"{ratio:g}" for ratio in RATIOS), "mean"], columns, strict=True):
        print(f"{name:>14}{grown:>10.4f}" + "".join(f"{other:>15.4f}{grown / other:>7.2f}" for other in others))


if __name__ == "__main__":
    main()
