"""What a training step costs at each size of image, relative to MNIST's, in one run.

    python benchmarks/resolutions.py
    python benchmarks/resolutions.py quick --rounds 2 --batch 32     # a quick look
    python benchmarks/resolutions.py best --sizes 28 64 128 64x96 --channels 1 3

Each size has the preset's network as `fit_to` fits it, and made-up images. The sizes take turns, a step each, and the ratios are medians of the
rounds' own. On a CPU the time is that of all its threads together, so that other work on the machine matters little. The targets of `best` are
at most 1.3 times a step of 28 pixels at 64, and 2.1 times at 128.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from statistics import median

import torch

from engine.compute.candidates import candidates
from engine.compute.device import select_device
from engine.compute.precision import Numerics
from engine.config.data import MNIST, DataSpec
from engine.config.fit_to_data import fit_to
from engine.config.training import PRESETS, Preset
from engine.models.layers import count_parameters
from engine.process.malloc import keep_freed_memory
from engine.training.trainer import Trainer

TARGETS = {"64x64": 1.3, "128x128": 2.1}


def made_up(size: str, channels: int) -> DataSpec:
    """A data set of this size: 28, or 64x96."""
    height, _, width = size.partition("x")
    return replace(MNIST, name=f"{size} pixels", height=int(height), width=int(width or height), channels=channels)


def trainer_for(preset: Preset, data: DataSpec, batch: int, numerics: Numerics, device: torch.device) -> Trainer:
    """The preset on random images of this size."""
    config = replace(fit_to(PRESETS[preset], data), batch_size=batch, limit=batch)
    images = torch.randint(0, 256, (batch, *data.pixel_shape), dtype=torch.uint8, device=device)
    return Trainer(config, images, torch.arange(batch, device=device) % data.classes, numerics, device)


def step_seconds(trainer: Trainer) -> float:
    """Seconds of one step: of all threads of a CPU, or by the clock on another device."""
    clock = time.process_time if trainer.device.type == "cpu" else time.perf_counter
    start = clock()
    trainer.train_step()
    trainer.read_losses()  # waits for the device
    return clock() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset", nargs="?", choices=[name for name, config in PRESETS.items() if not config.teacher], default="best")
    parser.add_argument("--sizes", nargs="+", default=["28", "64", "128"], metavar="SIZE")
    parser.add_argument("--channels", nargs="+", type=int, choices=[1, 3], default=[1, 3])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--precision", choices=["auto", "fp32", "bf16"], default="auto")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto")
    given = parser.parse_args()
    keep_freed_memory()
    device = select_device(given.device)
    numerics = candidates(device, given.precision)[0]
    sets = [made_up("28", 1), *(made_up(size, channels) for size in given.sizes for channels in given.channels)]
    trainers = [trainer_for(given.preset, data, given.batch, numerics, device) for data in sets]
    for trainer in trainers:
        step_seconds(trainer)  # builds kernels
    rounds = [[step_seconds(trainer) for trainer in trainers] for _ in range(given.rounds)]
    print(f"{given.preset}, batches of {given.batch}, {device} {numerics.precision}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"{'size':>10}{'channels':>10}{'patch':>7}{'widths':>12}{'predicts':>10}{'parameters':>12}{'seconds':>9}{'ratio':>7}{'target':>8}")
    for k, trainer in enumerate(trainers[1:], 1):
        model = trainer.config.model
        ratio = median(times[k] / times[0] for times in rounds)
        size = f"{model.data.height}x{model.data.width}"
        network = f"{model.patch_side:>7}{'/'.join(map(str, model.channels)):>12}{model.prediction:>10}{count_parameters(trainer.model):>12,}"
        target = f"{TARGETS[size]:>8}" if size in TARGETS and given.preset == "best" else ""
        print(f"{size:>10}{model.data.channels:>10}{network}{median(times[k] for times in rounds):>9.3f}{ratio:>7.2f}{target}")


if __name__ == "__main__":
    main()
