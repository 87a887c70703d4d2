"""The precision and layout in which a network is fastest on this machine: a cached answer, or short trials of each candidate."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import asdict

import torch

from engine.compute.candidates import candidates
from engine.compute.machine_cache import MachineCache, machine_key
from engine.compute.precision import Numerics
from engine.compute.race import Result, race
from engine.compute.trials import SAMPLING, TRAINING, Purpose, Trials
from engine.config.compute import Precision
from engine.config.model import ModelConfig
from engine.errors import DeviceError

BUDGET: Mapping[Purpose, float] = {"train": 7.0, "sample": 2.5}
"""Seconds after which no larger trial begins."""
CACHE = MachineCache("precision.json")


def measure(device: torch.device, model: ModelConfig, training: bool, precision: Precision = "auto") -> Generator[str | Numerics, None, None]:
    """Yields a description of each trial before it begins, and finally the fastest Numerics that give finite numbers. A cached answer comes at once.

    Raises SettingError for a precision that the device lacks, DeviceError if none works. Closing it between trials ends it.
    """
    options = candidates(device, precision)
    purpose: Purpose = "train" if training else "sample"
    key = machine_key(device, model, purpose, precision)
    cached = _from_cache(key)
    if cached in options:
        yield cached
        return
    trials = Trials(device, model, purpose)
    sizes = TRAINING.get(device.type, (128,)) if training else SAMPLING
    running = race(options, trials.seconds, sizes, BUDGET[purpose])
    try:
        while True:
            option = next(running)
            yield f"measuring {option.precision}, {option.layout}"
    except StopIteration as done:
        result: Result[Numerics] = done.value
    if result.best is None:
        raise DeviceError(f"no precision works on {device}: {trials.failure}; try --device cpu")
    if result.complete:  # else the machine was too busy for a fair answer
        CACHE.put(key, asdict(result.best))
    yield result.best


def cached_choice(device: torch.device, model: ModelConfig, training: bool, precision: Precision = "auto") -> Numerics | None:
    """The answer of an earlier measurement; None if there is none."""
    return _from_cache(machine_key(device, model, "train" if training else "sample", precision))


def _from_cache(key: str) -> Numerics | None:
    """An earlier measurement. None if there is none, or if its entry is malformed."""
    entry = CACHE.get(key)
    if not isinstance(entry, dict) or entry.keys() != {"precision", "channels_last"}:
        return None
    precision, channels_last = entry["precision"], entry["channels_last"]
    return Numerics(precision, channels_last) if isinstance(precision, str) and isinstance(channels_last, bool) else None
