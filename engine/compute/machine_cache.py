"""Measurements of this machine, kept in the cache folder under all that they depend on: CPU, environment, version of torch, threads, network."""

from __future__ import annotations

import json
import os
import platform
from contextlib import suppress
from typing import Any

import torch

from engine.compute.candidates import LIMITS, cpu_bf16
from engine.config.data import MNIST
from engine.config.model import ModelConfig
from engine.errors import StorageError
from engine.storage import paths
from engine.storage.atomic import parse_json, read_small, write_text

CACHE_LENGTH = 100
"""The most measurements in a file; the newest stay."""


class MachineCache:
    """The measurements of one kind. A file that can't be read counts as empty. A file that can't be written is not an error."""

    def __init__(self, name: str) -> None:
        """`name` is the name of the file in the cache folder."""
        self._name = name

    def get(self, key: str) -> Any:
        """An earlier measurement, which may be malformed; None if there is none."""
        return self._entries().get(key)

    def put(self, key: str, measured: Any) -> None:
        """Keep a measurement, as JSON."""
        entries = self._entries()
        entries.pop(key, None)  # so that it becomes the newest
        entries[key] = measured
        newest = dict(list(entries.items())[-CACHE_LENGTH:])
        with suppress(StorageError, OSError):
            folder = paths.ensure_folder(paths.cache_dir())
            write_text(folder / self._name, json.dumps(newest, indent=1))

    def _entries(self) -> dict[str, Any]:
        """The whole file; empty if it can't be read or is no JSON object."""
        try:
            entries = parse_json(read_small(paths.cache_dir() / self._name))
        except (OSError, ValueError):
            return {}
        return entries if isinstance(entries, dict) else {}


def machine_key(device: torch.device, model: ModelConfig, purpose: str, precision: str) -> str:
    """All that a measurement depends on."""
    if device.type == "cuda":
        machine = [torch.cuda.get_device_name(device)]
    else:
        limits = [f"{name}={os.environ[name]}" for name in LIMITS if name in os.environ]
        machine = [platform.machine(), _cpu_name(), torch.backends.cpu.get_cpu_capability(), f"bf16 {cpu_bf16()}", *limits]
    threads = f"{torch.get_num_threads()} threads"
    size = [] if model.data.shape == MNIST.shape else [f"images {model.data.shape}"]
    size += [] if model.patch is None else [f"patch {model.patch}"]
    return " · ".join([device.type, *machine, f"torch {torch.__version__}", threads, str(model.channels), *size, purpose, precision])


def _cpu_name() -> str:
    """The CPU's model as Linux names it; on other systems as Python does."""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "CPU part", "Model"):
                return value.strip()
    return platform.processor()
