"""The precision and layout in which a network is fastest on this machine: a cached answer, or short trials of each candidate."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import torch

from engine.compute.candidates import LIMITS, candidates, cpu_bf16
from engine.compute.precision import Numerics
from engine.compute.race import Result, race
from engine.compute.trials import SAMPLING, TRAINING, Purpose, Trials
from engine.config.compute import Precision
from engine.config.data import MNIST
from engine.config.model import ModelConfig
from engine.errors import DeviceError, StorageError
from engine.storage import paths
from engine.storage.atomic import parse_json, read_small, write_text

BUDGET: Mapping[Purpose, float] = {"train": 7.0, "sample": 2.5}
"""Seconds after which no larger trial begins."""
CACHE_LENGTH = 100
"""The most measurements in the cache; the newest stay."""


def measure(device: torch.device, model: ModelConfig, training: bool, precision: Precision = "auto") -> Generator[str | Numerics, None, None]:
    """Yields a description of each trial before it begins, and finally the fastest Numerics that give finite numbers. A cached answer comes at once.

    Raises SettingError for a precision that the device lacks, DeviceError if none works. Closing it between trials ends it.
    """
    options = candidates(device, precision)
    purpose: Purpose = "train" if training else "sample"
    key = _key(device, model, purpose, precision)
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
        _to_cache(key, result.best)
    yield result.best


def _key(device: torch.device, model: ModelConfig, purpose: str, precision: str) -> str:
    """All that the answer depends on: CPU, environment, version of torch, number of threads, network."""
    if device.type == "cuda":
        machine = [torch.cuda.get_device_name(device)]
    else:
        limits = [f"{name}={os.environ[name]}" for name in LIMITS if name in os.environ]
        machine = [platform.machine(), _cpu_name(), torch.backends.cpu.get_cpu_capability(), f"bf16 {cpu_bf16()}", *limits]
    threads = f"{torch.get_num_threads()} threads"
    size = [] if model.data.shape == MNIST.shape else [f"images {model.data.shape}"]
    return " · ".join([device.type, *machine, f"torch {torch.__version__}", threads, str(model.channels), *size, purpose, precision])


def _cpu_name() -> str:
    """The CPU's model as Linux names it; on other systems as Python does."""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "CPU part", "Model"):
                return value.strip()
    return platform.processor()


def _from_cache(key: str) -> Numerics | None:
    """An earlier measurement. None if there is none, or if its entry is malformed."""
    entry = _cache().get(key)
    if not isinstance(entry, dict) or entry.keys() != {"precision", "channels_last"}:
        return None
    precision, channels_last = entry["precision"], entry["channels_last"]
    return Numerics(precision, channels_last) if isinstance(precision, str) and isinstance(channels_last, bool) else None


def _to_cache(key: str, best: Numerics) -> None:
    """A cache that can't be written is no error: the next start measures again."""
    entries = _cache()
    entries.pop(key, None)  # so that it becomes the newest
    entries[key] = asdict(best)
    newest = dict(list(entries.items())[-CACHE_LENGTH:])
    with suppress(StorageError, OSError):
        folder = paths.ensure_folder(paths.cache_dir())
        write_text(folder / "precision.json", json.dumps(newest, indent=1))


def _cache() -> dict[str, Any]:
    """The whole cache; empty if it can't be read or is no JSON object."""
    try:
        entries = parse_json(read_small(paths.cache_dir() / "precision.json"))
    except (OSError, ValueError):
        return {}
    return entries if isinstance(entries, dict) else {}
