"""Steps a second of a drawing against the bare network's forward at the same batch, in one run: what the drawing job costs beside the network.

    python benchmarks/sample_overhead.py
    python benchmarks/sample_overhead.py --rounds 3 --images 1      # a quick look
    python benchmarks/sample_overhead.py --device cuda

A drawing is `Jobs.draw` pulled to its end as `digitty generate` does: the weights that ship, the default sampler, steps and guidance
(which doubles the network's batch at some of them), ten frames a second at most; every digit is read, and none drawn again. `told` is
the steps a second that it reports, `pulled` counts the whole job from the first pull to the last. The bare network runs as many forwards
of the same batches, in the same precision and layout.

Rounds alternate; the ratios are medians of the rounds' own. Needs an idle machine, while it measures precisions too.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from statistics import median

import torch

from engine.config.sampling import SampleConfig
from engine.diffusion.noise import ImageNoise
from engine.jobs.jobs import Jobs
from engine.protocol.events import DrawDone
from engine.protocol.requests import DrawRequest
from engine.sampling.batch import sample_batch
from engine.sampling.pipeline import Pipeline
from engine.sampling.runtime import Runtime

DOUBTS_NONE = 1e-9
"""As `redraw_below`: the reader reads, and steps and batches are those of one drawing."""


def drawing(jobs: Jobs, labels: tuple[int, ...], sample: SampleConfig) -> tuple[float, float]:
    """Steps a second as the drawing tells them, and of all that was pulled."""
    start = time.perf_counter()
    (done,) = (event for event in jobs.draw(DrawRequest(labels, sample, fps=10)) if isinstance(event, DrawDone))
    return done.steps_per_s, sample.steps / (time.perf_counter() - start)


@torch.inference_mode()
def bare(pipeline: Pipeline, batches: list[int]) -> float:
    """Forwards a second of the network alone."""
    x = torch.randn(max(batches), *pipeline.data.shape, device=pipeline.device, dtype=pipeline.numerics.dtype).contiguous(
        memory_format=pipeline.numerics.format
    )
    t = torch.full((max(batches),), 500, device=pipeline.device)
    label = t % pipeline.data.classes
    start = time.perf_counter()
    for n in batches:
        out = pipeline.network(x[:n], t[:n], label[:n])
    out.float().sum().item()  # waits for the device
    return len(batches) / (time.perf_counter() - start)


def batches_of(pipeline: Pipeline, labels: tuple[int, ...], sample: SampleConfig) -> list[int]:
    """How many pictures a drawing sends through the network at each step: twice as many where there is guidance."""
    batches: list[int] = []
    noise = ImageNoise(pipeline.data.shape, sample.seed, range(len(labels)), pipeline.device)
    with pipeline.network.register_forward_pre_hook(lambda _, given: batches.append(len(given[0]))):
        for _ in sample_batch(pipeline, labels, sample, noise(), noise):
            pass
    return batches


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--images", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--steps", type=int, default=SampleConfig().steps)
    parser.add_argument("--guidance", type=float, default=SampleConfig().guidance)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto")
    given = parser.parse_args()

    with tempfile.TemporaryDirectory() as home:
        os.environ["DIGITTY_HOME"] = home  # so that precisions are measured now, on the machine as it is
        compare(given)


def ready(runtime: Runtime, weights: str = "shipped") -> Pipeline:
    """These weights, when all there is to prepare is done."""
    preparing = runtime.pipeline(weights)
    while True:
        try:
            next(preparing)
        except StopIteration as end:
            pipeline: Pipeline = end.value
            return pipeline


def compare(given: argparse.Namespace) -> None:
    sample = SampleConfig(steps=given.steps, guidance=given.guidance, redraw_below=DOUBTS_NONE)
    jobs, runtime = Jobs(given.device), Runtime(given.device)
    pipeline = ready(runtime)
    print(f"torch {torch.__version__}, {pipeline.device}, {pipeline.numerics.precision}, {pipeline.numerics.layout}; {sample.steps} steps; steps/s")
    print(f"{'images':>6}{'passes':>8}{'told':>9}{'pulled':>9}{'bare':>9}{'told/bare':>11}{'pulled/bare':>13}{'drawing':>11}")
    for count in given.images:
        labels = tuple(i % 10 for i in range(count))
        batches = batches_of(pipeline, labels, sample)
        drawing(jobs, labels, sample)
        bare(pipeline, batches)
        rounds = []
        for _ in range(given.rounds):
            told, pulled = drawing(jobs, labels, sample)
            alone = bare(pipeline, batches)
            rounds.append((told, pulled, alone, told / alone, pulled / alone, sample.steps / pulled))
        told, pulled, alone, ratio, pulled_ratio, seconds = (median(column) for column in zip(*rounds, strict=True))
        print(f"{count:>6}{sum(batches):>8}{told:>9.1f}{pulled:>9.1f}{alone:>9.1f}{ratio:>11.3f}{pulled_ratio:>13.3f}{seconds:>9.3f} s", flush=True)


if __name__ == "__main__":
    main()
