"""Minutes of training until the classifier reads 90, 97, 99 and 99.5% of the drawn digits right: the presets, and the loop one would write first.

    python benchmarks/time_to_quality.py
    python benchmarks/time_to_quality.py quick --minutes 8
    python benchmarks/time_to_quality.py quick seed plain --minutes 30 --count 500

Each is trained for so many minutes with the learning rate planned for that time (the cosine ends with it), and judged every so often:
--count digits, DPM-Solver++ in 10 even steps, guidance 1.5 (1 for the plain loop, which learns no label's absence). The clock stands
still while digits are drawn and judged. `plain` is a tutorial's loop: fp32, eager, a DataLoader, Adam, no average of weights.

Needs an otherwise idle machine. Prints a line a judgement, and a table at the end.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from train_throughput import plain_loop

from engine.checkpoints.classifier import load_classifier
from engine.compute.autotune import measure
from engine.compute.device import select_device
from engine.compute.precision import Numerics
from engine.config.sampling import SampleConfig
from engine.config.training import PRESETS, TrainConfig
from engine.data.mnist import load
from engine.diffusion.noise import ImageNoise
from engine.diffusion.schedule import NoiseSchedule
from engine.evaluation.metrics import wilson
from engine.models.unet import UNet
from engine.process.malloc import keep_freed_memory
from engine.protocol.recipe import WeightsInfo
from engine.sampling.batch import BATCH, sample_batch
from engine.sampling.pipeline import Pipeline
from engine.sampling.pixels import to_pixels
from engine.training.trainer import Trainer

WHAT = ["seed", "quick", "best", "plain"]
MARKS = (0.9, 0.97, 0.99, 0.995)
JUDGED = SampleConfig(steps=10, spacing="linear", guidance=1.5, guided_from=0.0, guided_to=1e6, seed=0)
"""Guided at every step: in a network of few minutes, the label decides late as well."""
Advance = Callable[[float], int]
"""Trains for so many seconds; gives the steps done so far."""


def ours(config: TrainConfig, device: torch.device, minutes: float, grown: int | None = None) -> tuple[Advance, Callable[[], UNet]]:
    """The product's trainer, its schedule planned for what this machine reaches in so many minutes; in batches of `grown` from half of them on."""
    *_, how = measure(device, config.model, training=True)
    assert isinstance(how, Numerics)
    images, labels = load(True, device)
    trial = Trainer(config, images, labels, how, device)
    seconds = float("inf")
    for _ in range(4):
        start = time.perf_counter()
        trial.train_step()
        trial.read_losses()
        seconds = min(seconds, time.perf_counter() - start)
    config = replace(config, epochs=100_000, steps=max(1, int(minutes * 60 / seconds)))
    trainer = Trainer(config, images, labels, how, device)

    def advance(seconds: float) -> int:
        nonlocal trainer, config, grown
        assert config.steps is not None
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            if grown and trainer.step >= config.steps // 2:  # as far in the cosine, counted in the larger batches' steps
                times = grown / config.batch_size
                config = replace(config, batch_size=grown, steps=round(config.steps / times))
                state = replace(trainer.state(), step=round(trainer.step / times))
                trainer, grown = Trainer(config, images, labels, how, device), None
                trainer.restore(state)
            trainer.train_step()
            trainer.read_losses()
        return trainer.step

    return advance, lambda: trainer.ema.model


def plain(device: torch.device) -> tuple[Advance, Callable[[], UNet]]:
    train, model = plain_loop(device, workers=0)
    done = 0

    def advance(seconds: float) -> int:
        nonlocal done
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            train(1)
            done += 1
        return done

    return advance, lambda: model


def accuracy(network: UNet, schedule: NoiseSchedule, sample: SampleConfig, count: int, device: torch.device) -> int:
    """How many of the drawn are read right."""
    _, logits = load_classifier(device).features_and_logits(drawn(network, schedule, sample, count, device))
    return int((logits.argmax(1).cpu() == torch.arange(count) % 10).sum())


def drawn(network: UNet, schedule: NoiseSchedule, sample: SampleConfig, count: int, device: torch.device) -> torch.Tensor:
    """(count, 28, 28) uint8 on the device, of label i % 10 from noise i."""
    *_, how = measure(device, network.config, training=False)
    assert isinstance(how, Numerics)
    copy = UNet(network.config)
    copy.load_state_dict(network.state_dict())
    pipeline = Pipeline(how.cast(copy.eval().requires_grad_(False), device), schedule, WeightsInfo("", None, "live"), how, device)
    parts = []
    for first in range(0, count, BATCH[device.type]):
        indices = range(first, min(first + BATCH[device.type], count))
        noise = ImageNoise(network.config.data.shape, sample.seed, indices, device)
        *_, last = sample_batch(pipeline, [i % 10 for i in indices], sample, noise(), noise)
        parts.append(to_pixels(last.x))
    return torch.cat(parts).to(device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=WHAT, metavar="WHAT", help=" ".join(WHAT))
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--every", type=float, default=1.0, help="minutes between judgements")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto")
    given = parser.parse_args()
    if unknown := [what for what in given.what if what not in WHAT]:
        parser.error(f"{', '.join(unknown)}: none of {', '.join(WHAT)}")
    keep_freed_memory()
    device = select_device(given.device)
    print(f"torch {torch.__version__}, {device}, {torch.get_num_threads()} threads, {given.count} digits a judgement")
    reached: dict[str, dict[float, float]] = {}
    for what in given.what:
        config = PRESETS.get(what)
        advance, network = ours(config, device, given.minutes) if config else plain(device)
        sample = JUDGED if config else replace(JUDGED, guidance=1.0)
        schedule = NoiseSchedule(config.schedule if config else None)
        spent, reached[what] = 0.0, {}
        while spent < given.minutes:
            start = time.perf_counter()
            steps = advance(min(given.every, given.minutes - spent) * 60)
            spent += (time.perf_counter() - start) / 60
            right = accuracy(network(), schedule, sample, given.count, device)
            low, high = wilson(right, given.count)
            share = right / given.count
            print(f"{what:>8} {spent:6.1f} min {steps:6} steps  {share:7.2%}  ({low:.2%} to {high:.2%})", flush=True)
            for mark in MARKS:
                if share >= mark:
                    reached[what].setdefault(mark, spent)
    print(f"\n{'minutes to':>10}" + "".join(f"{mark:>9.1%}" for mark in MARKS))
    for what, at in reached.items():
        print(f"{what:>10}" + "".join(f"{at[mark]:>9.1f}" if mark in at else f"{'-':>9}" for mark in MARKS))


if __name__ == "__main__":
    main()
