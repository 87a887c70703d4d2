"""How fast this machine trains: a few steps of a network, of which only the time is kept."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from statistics import median

import torch
from torch import Tensor

from engine.compute.autotune import cached_choice
from engine.compute.candidates import candidates
from engine.compute.machine_cache import MachineCache, machine_key
from engine.compute.precision import Numerics
from engine.config.training import PRESETS, Preset, TrainConfig
from engine.protocol.events import Event, Preparing, SpeedMeasured, Tick
from engine.runs.run import all_runs
from engine.sampling.runtime import Runtime
from engine.training.trainer import Trainer

TRIAL_SECONDS = 5.0
"""The most that the trial of all presets takes, except for the step that is under way then."""
TRIED: tuple[Preset, ...] = ("quick", "best", "seed")
"""The presets that are tried, the likeliest choice first. A student's steps can't be: they need the pictures of its teacher."""
TRIAL_BATCHES = (32, 8)
"""Images of the trial's steps on a CPU, in turn: the time of larger batches follows from both."""
ROUNDS = 3
"""Steps of each size, the first of which also builds kernels."""
PLAN_SHARE, PLAN_SECONDS = 0.02, (1.0, 10.0)
"""The share of the planned time that measuring may take, and the least and the most seconds."""
VERSION = "trial 1"
CACHE = MachineCache("speed.json")


def plan_minutes(
    config: TrainConfig, minutes: float, images: tuple[Tensor, Tensor], numerics: Numerics, device: torch.device
) -> Generator[Event, None, TrainConfig]:
    """Returns the configuration with as many steps as fit into `minutes` here. The steps that are measured leave nothing behind."""
    yield Preparing(f"measuring how many steps fit into {minutes:g} minutes")
    low, high = PLAN_SECONDS
    seconds = yield from _time_steps(Trainer(config, *images, numerics, device), min(high, max(low, minutes * 60 * PLAN_SHARE)))
    steps = max(1, int(minutes * 60 / seconds))
    return replace(config, steps=steps, epochs=math.ceil(steps / config.steps_per_epoch))


def _time_steps(trainer: Trainer, seconds: float) -> Generator[Event, None, float]:
    """Returns the median seconds of the steps that fit into `seconds`, at least two, without the first one, which also builds kernels."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        times.append(_time_step(trainer))
        yield Tick()
    return median(times[1:])


def _time_step(trainer: Trainer) -> float:
    start = time.perf_counter()
    trainer.train_step()
    trainer.read_losses()  # waits for the device
    return time.perf_counter() - start


# --- the presets --------------------------------------------------------------------------------------------------------


def measure_presets(runtime: Runtime) -> Iterator[Event]:
    """SpeedMeasured for each preset of TRIED, as far as that takes TRIAL_SECONDS at most: a cached answer, or a few steps on made-up images.

    Closing it between two steps ends it. It also ends where a run trains on this machine: both would be slower than they are.
    """
    end = time.perf_counter() + TRIAL_SECONDS
    for preset in TRIED:
        config = PRESETS[preset]
        key = f"{machine_key(runtime.device, config.model, 'train', runtime.precision)} · {config.optimizer} · batch {config.batch_size} · {VERSION}"
        seconds = CACHE.get(key)
        if type(seconds) is not float or not 0 < seconds < math.inf:
            if _is_training_here() or time.perf_counter() > end:
                return
            seconds = yield from _try(runtime, config, end)
            if seconds is None or _is_training_here():
                return
            CACHE.put(key, seconds)
        yield SpeedMeasured(preset, seconds)


def _is_training_here() -> bool:
    return any(run.running() and run.owner().get("host") == socket.gethostname() for run in all_runs())


def _try(runtime: Runtime, config: TrainConfig, end: float) -> Generator[Event, None, float | None]:
    """Returns the seconds of a step of the whole batch; None if there was no time for it."""
    device = runtime.device
    numerics = cached_choice(device, config.model, True, runtime.precision) or candidates(device, runtime.precision)[0]
    sizes = TRIAL_BATCHES if device.type == "cpu" else (config.batch_size,)
    trial = replace(config, batch_size=sizes[0], limit=sum(sizes))  # so that an epoch is one step of each size
    images = torch.zeros(trial.images, *config.data.pixel_shape, dtype=torch.uint8, device=device)
    trainer = Trainer(trial, images, torch.zeros(trial.images, dtype=torch.long, device=device), numerics, device)
    best = dict.fromkeys(sizes, math.inf)
    for step in range(ROUNDS * len(sizes)):
        if time.perf_counter() > end and max(best.values()) == math.inf:
            return None
        yield Tick()
        seconds, size = _time_step(trainer), sizes[step % len(sizes)]
        if step >= len(sizes):
            best[size] = min(best[size], seconds)
        if time.perf_counter() > end and max(best.values()) < math.inf:
            break
    return _extrapolate(best, config.batch_size)


def _extrapolate(best: dict[int, float], batch: int) -> float:
    """The seconds of a step with `batch` images, given those with fewer: a fixed part, and a part for each image."""
    large, small = max(best), min(best)
    if large == small:
        return best[large]
    each = (best[large] - best[small]) / (large - small)
    if each <= 0:  # something else ran meanwhile
        return best[large] * batch / large
    return best[large] + each * (batch - large)
