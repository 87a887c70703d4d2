"""Where the time of a training step goes: the whole step beside its convolutions alone, forward and back, in the same shapes, precision and layout.

    python benchmarks/step_profile.py
    python benchmarks/step_profile.py best --rounds 10 --most 20
    python benchmarks/step_profile.py seed --device cuda

Rounds alternate, and what is told are medians. The bare convolutions are those that one step ran, each on its own with a gradient for input (but the
first layer's), weight and bias, from weights that are in that precision already. Then torch's own profiler says which operators a step spends its
time in. Needs an idle machine, while it measures precisions too.
"""

from __future__ import annotations

import argparse
import copy
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from engine.compute.autotune import measure
from engine.compute.device import select_device
from engine.compute.precision import Numerics
from engine.config.training import PRESETS
from engine.data import mnist as data
from engine.process.malloc import keep_freed_memory
from engine.training.trainer import Trainer


def convolutions(trainer: Trainer) -> list[Callable[[], object]]:
    """One call for each convolution of a step: its forward and its backward, on numbers of the shapes that the step gave it."""
    seen: list[tuple[nn.Module, Tensor, Tensor]] = []
    with ExitStack() as hooks:
        for module in trainer.model.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                hooks.enter_context(module.register_forward_hook(lambda of, given, out: seen.append((of, given[0], out))))
        trainer.train_step()
    return [_alone(trainer.numerics, *call) for call in seen]


def _alone(how: Numerics, module: nn.Module, given: Tensor, out: Tensor) -> Callable[[], object]:
    module = copy.deepcopy(module).to(how.dtype)
    x = given.detach().to(how.dtype).contiguous(memory_format=how.format).requires_grad_(given.requires_grad)
    wanted = [v for v in (x, *module.parameters()) if v.requires_grad]
    gradient = torch.randn_like(out)
    return lambda: torch.autograd.grad(module(x), wanted, gradient)


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Of one call, the device's work included."""
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset", nargs="?", choices=[name for name, config in PRESETS.items() if not config.teacher], default="seed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--most", type=int, default=12, help="operators to list")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto")
    given = parser.parse_args()
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    with tempfile.TemporaryDirectory() as home:
        os.environ["DIGITTY_HOME"] = home  # so that precisions are measured now, on the machine as it is
        show(given.preset, given.rounds, given.most, select_device(given.device))


def show(preset: str, rounds: int, most: int, device: torch.device) -> None:
    keep_freed_memory()
    config = PRESETS[preset]  # type: ignore[index]
    *_, how = measure(device, config.model, training=True)
    assert isinstance(how, Numerics)
    trainer = Trainer(config, *data.load(True, device), how, device)
    calls = convolutions(trainer)
    with FlopCounterMode(display=False) as counter:
        trainer.train_step()
    flop = counter.get_total_flops()

    def step() -> None:
        trainer.train_step()
        trainer.read_losses()

    def bare() -> None:
        for call in calls:
            call()

    bare()
    whole, alone = (median(times) for times in zip(*((seconds(step, device), seconds(bare, device)) for _ in range(rounds)), strict=True))
    where = f"torch {torch.__version__}, {device}, {torch.get_num_threads()} threads"
    print(f"{where}, {how.precision}, {how.layout}; {preset}, batches of {config.batch_size}")
    print(f"{'a step':>24}{1000 * whole:>9.0f} ms{flop / whole / 1e9:>9.0f} GFLOP/s")
    print(f"{'its convolutions alone':>24}{1000 * alone:>9.0f} ms{alone / whole:>9.0%} of it")

    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]
    with profile(activities=activities) as profiled:
        step()
    rows = profiled.key_averages()
    took = [(row.self_device_time_total if device.type == "cuda" else row.self_cpu_time_total, row.key, row.count) for row in rows]
    total = sum(time for time, *_ in took)
    print(f"\n{'operator':>46}{'calls':>7}{'share':>8}")
    for spent, name, count in sorted(took, reverse=True)[:most]:
        print(f"{name[:44]:>46}{count:>7}{spent / total:>8.1%}")


if __name__ == "__main__":
    main()
