"""How fast this machine trains: a few steps of a network, of which only the time is kept."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
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
from engine.training.step_loss import StepLoss
from engine.training.trainer import Trainer

TRIAL_SECONDS = 5.0
"""The most that the steps of the trial take, except for the one that is under way then."""
TRIED: tuple[Preset, ...] = ("quick", "best", "seed")
"""The presets that are tried, the likeliest choice first. A student's steps can't be: they need the pictures of its teacher."""
TRIAL_BATCHES = (16, 4)
"""Images of the trial's steps on a CPU, in turn: the time of larger batches follows from both."""
ROUNDS = 2
"""Steps of each size, the first of which also builds kernels."""
PLAN_SHARE, PLAN_SECONDS = 0.02, (1.0, 10.0)
"""The share of the planned time that measuring may take, and the least and the most seconds."""
VERSION = "trial 1"
CACHE = MachineCache("speed.json")


def plan_minutes(
    config: TrainConfig, minutes: float, images: tuple[Tensor, Tensor], numerics: Numerics, device: torch.device, loss: StepLoss | None = None
) -> Generator[Event, None, TrainConfig]:
    """Returns the configuration with as many steps as fit into `minutes` here, for the Trainer's `loss`. These steps leave nothing behind."""
    yield Preparing(f"measuring how many steps fit into {minutes:g} minutes")
    low, high = PLAN_SECONDS
    seconds = yield from _time_steps(Trainer(config, *images, numerics, device, loss=loss), min(high, max(low, minutes * 60 * PLAN_SHARE)))
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
    """SpeedMeasured for each preset of TRIED, as far as TRIAL_SECONDS suffice: a cached answer, or a few steps on made-up images.

    Closing it between two steps ends it. It also ends where a run trains on this machine: both would be slower than they are.
    """
    left = TRIAL_SECONDS
    for preset in TRIED:
        config = PRESETS[preset]
        key = f"{machine_key(runtime.device, config.model, 'train', runtime.precision)} · {config.optimizer} · batch {config.batch_size} · {VERSION}"
        seconds = CACHE.get(key)
        if type(seconds) is not float or not 0 < seconds < math.inf:
            if _is_training_here():
                return
            trial = yield from _try(runtime, config, left)
            left -= trial.spent
            if trial.seconds_per_step is None or _is_training_here():
                return
            seconds = trial.seconds_per_step
            if trial.complete:
                CACHE.put(key, seconds)
        yield SpeedMeasured(preset, seconds)


@dataclass(frozen=True, slots=True)
class _Trial:
    """What some steps of a preset showed."""

    seconds_per_step: float | None
    """Of the whole batch; None if there was no time to find out."""
    complete: bool
    """Whether kernels had been built before the steps that were timed."""
    spent: float


def _is_training_here() -> bool:
    return any(run.running() and run.owner().get("host") == socket.gethostname() for run in all_runs())


def _try(runtime: Runtime, config: TrainConfig, left: float) -> Generator[Event, None, _Trial]:
    """Steps of the preset's network, for about `left` seconds at most."""
    device = runtime.device
    numerics = cached_choice(device, config.model, True, runtime.precision) or candidates(device, runtime.precision)[0]
    sizes = TRIAL_BATCHES if device.type == "cpu" else (config.batch_size,)
    trial = replace(config, batch_size=sizes[0], limit=sum(sizes))  # so that an epoch is one step of each size
    images = torch.zeros(trial.images, *config.data.pixel_shape, dtype=torch.uint8, device=device)
    trainer = Trainer(trial, images, torch.zeros(trial.images, dtype=torch.long, device=device), numerics, device)
    times: dict[int, float] = {}
    spent = 0.0
    while trainer.step < ROUNDS * len(sizes) and spent < left:
        yield Tick()
        size = sizes[trainer.step % len(sizes)]
        seconds = _time_step(trainer)
        times[size] = min(times.get(size, math.inf), seconds)
        spent += seconds
    known = len(times) == len(sizes)
    return _Trial(_extrapolate(times, config.batch_size) if known else None, trainer.step == ROUNDS * len(sizes), spent)


def _extrapolate(times: dict[int, float], batch: int) -> float:
    """The seconds of a step with `batch` images, given those with fewer: a fixed part, and a part for each image."""
    large, small = max(times), min(times)
    if large == small:
        return times[large]
    each = (times[large] - times[small]) / (large - small)
    if each <= 0:  # something else ran meanwhile
        return times[large] * batch / large
    return times[large] + each * (batch - large)
