"""One choice of the `quick` recipe changed at a time, each trained for the same minutes on the same machine, and what its digits are worth then.

    python benchmarks/ablations.py
    python benchmarks/ablations.py --minutes 8 --only base adam eps
    python benchmarks/ablations.py --list

The learning rate's cosine ends with the minutes. Judged: --count digits, DPM-Solver++ in 10 even steps, guidance 1.5, by the classifier that
ships: accuracy on the requested label; Fréchet distance over its floor, recall and coverage at that count (no other count compares).
Needs an otherwise idle machine: minutes are what is held equal.
"""

from __future__ import annotations

import argparse
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import torch
from time_to_quality import JUDGED, drawn, ours

from engine.checkpoints.classifier import load_classifier
from engine.compute.device import select_device
from engine.config.model import ModelConfig, ScheduleConfig
from engine.config.training import PRESETS, TrainConfig
from engine.data.mnist import load
from engine.diffusion.schedule import NoiseSchedule
from engine.evaluation.metrics import frechet, neighbourhoods
from engine.process.malloc import keep_freed_memory

BASE = PRESETS["quick"]


def _model(**changes: Any) -> TrainConfig:
    return replace(BASE, model=replace(BASE.model, **changes))


CHOICES: dict[str, TrainConfig] = {
    "base": BASE,
    "adam": replace(BASE, optimizer="adam", lr=2e-3),
    "adam, lr 1e-3": replace(BASE, optimizer="adam", lr=1e-3),
    "lr 2.5e-3": replace(BASE, lr=2.5e-3),
    "lr 1e-2": replace(BASE, lr=1e-2),
    "constant lr": replace(BASE, lr_schedule="constant"),
    "eps": _model(prediction="eps"),
    "edm": _model(prediction="edm"),
    "linear schedule": replace(BASE, schedule=ScheduleConfig()),
    "shifted to less noise": replace(BASE, schedule=ScheduleConfig("cosine", shift=0.5)),
    "shifted to more noise": replace(BASE, schedule=ScheduleConfig("cosine", shift=2.0)),
    "min-SNR": replace(BASE, weighting="min-snr"),
    "stratified t": replace(BASE, timesteps="stratified"),
    "lognormal t": replace(BASE, timesteps="lognormal"),
    "edm, lognormal t": replace(_model(prediction="edm"), timesteps="lognormal"),
    "ema 0.99": replace(BASE, ema=0.99),
    "ema 0.999": replace(BASE, ema=0.999),
    "label dropout 5%": replace(BASE, label_dropout=0.05),
    "label dropout 20%": replace(BASE, label_dropout=0.2),
    "no attention": _model(attention=False),
    "attention at 14 too": _model(attention_at_14=True),
    "batch 64": replace(BASE, batch_size=64),
    "batch 256": replace(BASE, batch_size=256),
    "batch 64, then 256": replace(BASE, batch_size=64),
    "widths 48, 96": _model(channels=(48, 96), groups=3),
    "widths 96, 192": _model(channels=(96, 192), groups=6),
    "pixels, 32, 64, 128": _model(channels=(32, 64, 128), groups=4),
    "the seed's network": replace(BASE, model=ModelConfig(prediction="v")),
    "the seed's recipe": PRESETS["seed"],
}
GROWN = {"batch 64, then 256": 256}
"""Batches from half the minutes on."""


def finished(work: Generator[Any, None, dict[str, float]]) -> dict[str, float]:
    """What a generator of the engine returns."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            value: dict[str, float] = stop.value
            return value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=CHOICES, default=list(CHOICES), metavar="NAME")
    parser.add_argument("--list", action="store_true", help="the names, and no more")
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto")
    given = parser.parse_args()
    if given.list:
        print("\n".join(CHOICES))
        return
    keep_freed_memory()
    device = select_device(given.device)
    judge = load_classifier(device)
    some = torch.randperm(10_000, generator=torch.Generator().manual_seed(0))[: given.count]
    test, train = (judge.features_and_logits(load(split, device)[0][some])[0].cpu().double() for split in (False, True))
    floor = frechet(train, test)
    print(f"torch {torch.__version__}, {device}, {torch.get_num_threads()} threads; {given.minutes:g} minutes each; {given.count} digits")
    print(f"{'floor':>22}{'':>7}{'':>10}{floor:>15.3f}")
    print(f"{'':>22}{'steps':>7}{'accuracy':>10}{'Fréchet/floor':>15}{'recall':>8}{'coverage':>10}")
    for name in given.only:
        config = CHOICES[name]
        advance, network = ours(config, device, given.minutes, GROWN.get(name))
        steps = advance(given.minutes * 60)
        images = drawn(network(), NoiseSchedule(config.schedule), JUDGED, given.count, device)
        features, logits = judge.features_and_logits(images)
        features = features.cpu().double()
        share = float((logits.argmax(1).cpu() == torch.arange(given.count) % 10).double().mean())
        near = finished(neighbourhoods(test, features))
        row = f"{share:>10.1%}{frechet(features, test) / floor:>15.1f}{near.recall:>8.2f}{near.coverage:>10.2f}"
        print(f"{name:>22}{steps:>7}{row}", flush=True)


if __name__ == "__main__":
    main()
