"""How near each spacing of timesteps comes to the exact solution, at the same number of network evaluations.

    python benchmarks/timestep_spacing.py
    python benchmarks/timestep_spacing.py --weights shipped:seed --guidance 1 --evaluations 10

From the same noise, with the default guidance and its interval, DPM-Solver++ draws --count digits in --fine even steps, and by each spacing in as
many steps as --evaluations allow (a guided step takes two). Prints the mean squared distance, pixels in [-1, 1], of the median digit (a few
became other digits: these would decide the mean, which is printed too), and its ratio to that of `arctan`.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import get_args

import torch
from sample_overhead import batches_of, ready

from engine.config.sampling import SampleConfig, Spacing
from engine.diffusion.noise import ImageNoise
from engine.process.malloc import keep_freed_memory
from engine.sampling.batch import BATCH, sample_batch
from engine.sampling.pipeline import Pipeline
from engine.sampling.runtime import Runtime


def drawn(pipeline: Pipeline, sample: SampleConfig, count: int) -> torch.Tensor:
    """(count, 1, 28, 28) in [-1, 1], of label i % 10 from noise i."""
    size, parts = BATCH[pipeline.device.type], []
    for first in range(0, count, size):
        indices = range(first, min(first + size, count))
        noise = ImageNoise(pipeline.data.shape, sample.seed, indices, pipeline.device)
        *_, last = sample_batch(pipeline, [i % 10 for i in indices], sample, noise(), noise)
        parts.append(last.x.clamp(-1, 1))
    return torch.cat(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="shipped")
    parser.add_argument("--count", type=int, default=128)
    parser.add_argument("--fine", type=int, default=80)
    parser.add_argument("--evaluations", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=SampleConfig().guidance)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto")
    given = parser.parse_args()
    keep_freed_memory()
    pipeline = ready(Runtime(given.device), given.weights)
    base = SampleConfig(guidance=given.guidance, seed=0)
    exact = drawn(pipeline, replace(base, steps=given.fine, spacing="linear"), given.count)
    nearest = 0.0
    for spacing in get_args(Spacing):
        samples = [replace(base, steps=n, spacing=spacing) for n in range(2, given.evaluations + 1)]
        costs = [sum(batches_of(pipeline, (0,), one)) for one in samples]
        sample, cost = [pair for pair in zip(samples, costs, strict=True) if pair[1] <= given.evaluations][-1]
        distances = (drawn(pipeline, sample, given.count) - exact).square().mean((1, 2, 3))
        median, mean = float(distances.median()), float(distances.mean())
        nearest = nearest or median  # arctan is the first
        print(f"{spacing:>10} {sample.steps:3} steps {cost:3} evaluations  {median:.6f} {median / nearest:5.1f} times, mean {mean:.4f}", flush=True)


if __name__ == "__main__":
    main()
