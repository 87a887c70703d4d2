"""The classification accuracy score (Ravuri & Vinyals 2019): a classifier that has seen drawn digits alone, on MNIST's real test images.

    python benchmarks/classification_accuracy.py
    python benchmarks/classification_accuracy.py --sampler dpmpp --steps 14
    python benchmarks/classification_accuracy.py --count 2000 --epochs 2      # a quick look

Draws as many digits as MNIST has training images, labels as often as there, trains digitty's second judge on them from nothing, and the same on the
real ones: the ceiling. Both judges' weights that ship stay as they are.
"""

from __future__ import annotations

import argparse
from contextlib import closing
from typing import get_args

import torch
from torch import Tensor

from engine.compute.device import select_device
from engine.config.fields import MAX_COUNT
from engine.config.sampling import SampleConfig, Sampler, default_for
from engine.data.mnist import load
from engine.evaluation.metrics import wilson
from engine.evaluation.train_classifier import accuracy, train_classifier, untrained
from engine.jobs.jobs import Jobs
from engine.protocol.events import DrawDone
from engine.protocol.requests import DrawRequest


def drawn(jobs: Jobs, labels: Tensor, sample: SampleConfig, weights: str) -> Tensor:
    """(N, 28, 28) uint8 of labels (N,)."""
    with closing(jobs.draw(DrawRequest(tuple(labels.tolist()), sample, weights=weights, fps=0))) as job:
        (done,) = (event for event in job if isinstance(event, DrawDone))
    print(f"drew {len(labels):,} digits ({done.again:,} of them again) with {done.recipe.weights} in {done.seconds:.0f} s", flush=True)
    return torch.frombuffer(bytearray(done.images.data), dtype=torch.uint8).view(-1, 28, 28)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--sampler", choices=get_args(Sampler), default="one-step")
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--guidance", type=float, default=SampleConfig().guidance)
    parser.add_argument("--redraw-below", type=float, help="by default the sampler's usual one")
    parser.add_argument("--eta", type=float, default=SampleConfig().eta)
    parser.add_argument("--weights", default="shipped")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto")
    given = parser.parse_args()
    if not 100 <= given.count <= MAX_COUNT:
        parser.error(f"--count is 100 to {MAX_COUNT:,}")
    redraw_below = default_for(given.sampler).redraw_below if given.redraw_below is None else given.redraw_below
    sample = SampleConfig(given.sampler, given.steps, guidance=given.guidance, eta=given.eta, redraw_below=redraw_below, seed=0)
    device = select_device(given.device)
    (images, labels), test = load(True, device, given.count), load(False, device)
    labels = labels.repeat(-(-given.count // len(labels)))[: given.count]
    sets = {"drawn": drawn(Jobs(given.device), labels.cpu(), sample, given.weights).to(device), "real": images}
    for name, pictures in sets.items():
        model = untrained(second=True)
        for _ in train_classifier(model, pictures, labels[: len(pictures)], given.epochs):
            pass
        right = accuracy(model, *test)
        low, high = wilson(round(right * len(test[1])), len(test[1]))
        print(f"trained on {len(pictures):,} {name:>5} digits: {right:.2%} of the real test images right ({low:.2%} to {high:.2%})", flush=True)


if __name__ == "__main__":
    main()
