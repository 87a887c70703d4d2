"""The precision and layout in which a network runs fastest here: what the processor is built for, then short trials, then a cache."""

from __future__ import annotations

import json
import math
import os
import platform
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Literal

import torch
from torch import Tensor, nn

from engine.compute.device import is_out_of_memory
from engine.compute.precision import Numerics
from engine.compute.race import Result, race
from engine.config.compute import Precision
from engine.config.data import MNIST
from engine.config.model import ModelConfig
from engine.errors import DeviceError, SettingError, StorageError
from engine.formatting import one_line
from engine.models.unet import UNet
from engine.storage import paths
from engine.storage.atomic import parse_json, read_small, write_text

Bf16 = Literal["native", "converted", "none"]
Purpose = Literal["train", "sample"]

TRAINING = {"cpu": (2, 8, 32), "mps": (8, 128)}
"""Images of a trial step on each device. Not so small on others: there each new size costs seconds to prepare."""
SAMPLING = (2, 24)
"""Images of a trial drawing: one guided digit, then four of them and a batch of 16."""
BUDGET: Mapping[Purpose, float] = {"train": 7.0, "sample": 2.5}
"""Seconds after which no larger trial begins."""
NAMES = {"cuda": ("bf16", "tf32", "fp32"), "mps": ("fp32", "bf16")}
"""What the devices other than the CPU have, likeliest first."""
LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE")
"""Environment variables by which oneDNN and torch use less of a CPU, or more."""
BELOW_BF16 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI")
"""Values of ONEDNN_MAX_CPU_ISA that leave oneDNN no bf16 at all …"""
WITHOUT_BF16 = ("AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI")
"""… and those with which it converts bf16 to fp32 and back."""
REMEMBERED = 100
"""Measurements in the cache at most; the newest stay."""


def measure(device: torch.device, model: ModelConfig, training: bool, precision: Precision = "auto") -> Generator[str | Numerics, None, None]:
    """What is being measured, before each trial, and at last the fastest Numerics that give finite numbers; a cached answer at once.

    Raises SettingError for a precision that the device lacks, DeviceError if none works. Closing it between trials ends it.
    """
    options = candidates(device, precision)
    purpose: Purpose = "train" if training else "sample"
    key = _key(device, model, purpose, precision)
    if (known := _remembered(key)) in options:
        yield known
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
    if result.complete:  # else the machine was too busy to tell
        _remember(key, result.best)
    yield result.best


# --- what a device has ------------------------------------------------------------------------------------------------


def candidates(device: torch.device, precision: Precision) -> list[Numerics]:
    """What is worth measuring on a device, likeliest first. Raises SettingError for a precision it lacks."""
    names = list(NAMES.get(device.type, ("bf16", "fp32") if cpu_bf16() == "native" else ("fp32", "bf16")))
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        names.remove("bf16")
    if precision != "auto":
        if precision not in names:
            raise SettingError(f"precision {precision} is not for {device.type}; it has {', '.join(names)}")
        names = [precision]
    elif "tf32" in names:
        names.remove("fp32")  # tf32 is never slower, and bf16 is coarser still
    elif device.type == "cpu" and cpu_bf16() == "none":
        names.remove("bf16")
    return [Numerics(name, layout) for name in names for layout in ((True, False) if name != "fp32" else (False, True))]


def supports(device: torch.device, how: Numerics) -> bool:
    """Whether a run that was trained so can go on so. A CPU without bf16 can compute it, but takes twenty times as long: that counts as no."""
    if how.precision == "auto" or (device.type == "cpu" and how.precision == "bf16" and cpu_bf16() == "none"):
        return False
    try:
        return how in candidates(device, how.precision)  # type: ignore[arg-type]
    except SettingError:
        return False


def cpu_bf16() -> Bf16:
    """Whether this CPU multiplies bf16 natively, only after conversion to fp32, or has no fast way; within the limits that the environment sets."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
        return "native" if supported and supported() else "converted"
    limit = next((value.upper() for name in LIMITS[:2] if (value := os.environ.get(name))), "DEFAULT")
    if limit in BELOW_BF16 or not (_cpu_has("avx512") or _cpu_has("avx512_bf16") or _cpu_has("amx_tile")):
        return "none"
    native = _cpu_has("avx512_bf16") or _cpu_has("amx_tile")
    return "native" if native and limit not in WITHOUT_BF16 else "converted"


def _cpu_has(feature: str) -> bool:
    """What torch knows of the CPU; its functions are private, and one may be missing in another version."""
    ask = getattr(torch.cpu, f"_is_{feature}_supported", None)
    return bool(ask and ask())


# --- trials -----------------------------------------------------------------------------------------------------------


class Trials:
    """Timed training steps or drawings of one network, a copy of it for each candidate."""

    def __init__(self, device: torch.device, model: ModelConfig, purpose: Purpose) -> None:
        self._device, self._model = device, model
        self._work = self._training if purpose == "train" else self._sampling
        self._networks: dict[Numerics, UNet] = {}
        self.failure = "the numbers are not finite"
        """What kept the last candidate that failed from working."""

    def seconds(self, how: Numerics, size: int) -> float:
        """Of one trial, the device's work included; infinity if it fails, runs out of memory, or its numbers are not finite."""
        try:
            work = self._work(how, size)
            start = time.perf_counter()
            finite = bool(torch.isfinite(work()))  # reading it waits for the device
        except RuntimeError as error:  # of torch: no memory, or no kernel for this precision
            self.failure = "out of memory" if is_out_of_memory(error) else one_line(error, 200)
            return math.inf
        return time.perf_counter() - start if finite else math.inf

    def _training(self, how: Numerics, size: int) -> Callable[[], Tensor]:
        if how not in self._networks:
            self._networks[how] = how.place(UNet(self._model), self._device)
        model = self._networks[how]
        x, t = self._images(size, how, torch.float32), torch.arange(size, device=self._device)

        def step() -> Tensor:
            model.zero_grad(set_to_none=True)
            with how.autocast(self._device):
                eps = model(x, t, t % self._model.data.classes)
            loss: Tensor = (eps.float() - x).square().mean()
            loss.backward()  # type: ignore[no-untyped-call]
            return torch.stack([loss.detach(), *(p.grad.sum() for p in model.parameters() if p.grad is not None)]).sum()

        return step

    def _sampling(self, how: Numerics, size: int) -> Callable[[], Tensor]:
        if how not in self._networks:
            network = UNet(self._model)
            nn.init.normal_(network.conv_out.weight)
            self._networks[how] = how.cast(network.eval(), self._device)
        model = self._networks[how]
        batches = [self._images(n, how, how.dtype) for n in ((2,) if size == SAMPLING[0] else (2, 2, 2, 2, 16))]

        @torch.inference_mode()
        def draw() -> Tensor:
            out = torch.zeros((), device=self._device)
            for x in batches:
                t = torch.zeros(len(x), device=self._device, dtype=torch.long)
                out = out + model(x, t, t).float().sum()
            return out

        return draw

    def _images(self, n: int, how: Numerics, dtype: torch.dtype) -> Tensor:
        return torch.randn(n, *self._model.data.shape, device=self._device, dtype=dtype).contiguous(memory_format=how.format)


# --- the cache --------------------------------------------------------------------------------------------------------


def _key(device: torch.device, model: ModelConfig, purpose: str, precision: str) -> str:
    """All that the answer depends on: another CPU, environment, torch or number of threads is measured anew."""
    if device.type == "cuda":
        machine = [torch.cuda.get_device_name(device)]
    else:
        limits = [f"{name}={os.environ[name]}" for name in LIMITS if name in os.environ]
        machine = [platform.machine(), _cpu_name(), torch.backends.cpu.get_cpu_capability(), f"bf16 {cpu_bf16()}", *limits]
    threads = f"{torch.get_num_threads()} threads"
    size = [] if model.data.shape == MNIST.shape else [f"images {model.data.shape}"]
    return " · ".join([device.type, *machine, f"torch {torch.__version__}", threads, str(model.channels), *size, purpose, precision])


def _cpu_name() -> str:
    """The CPU's model, as Linux says it; elsewhere what Python knows."""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "CPU part", "Model"):
                return value.strip()
    return platform.processor()


def _remembered(key: str) -> Numerics | None:
    """What was measured before. None if nothing was, or if the entry makes no sense."""
    entry = _cache().get(key)
    if not isinstance(entry, dict) or entry.keys() != {"precision", "channels_last"}:
        return None
    precision, channels_last = entry["precision"], entry["channels_last"]
    return Numerics(precision, channels_last) if isinstance(precision, str) and isinstance(channels_last, bool) else None


def _remember(key: str, best: Numerics) -> None:
    """A cache that can't be written is no error: it only costs the measurement again."""
    known = {**{other: entry for other, entry in _cache().items() if other != key}, key: asdict(best)}
    newest = dict(list(known.items())[-REMEMBERED:])
    with suppress(StorageError, OSError):
        folder = paths.ensure_folder(paths.cache_dir())
        write_text(folder / "precision.json", json.dumps(newest, indent=1))


def _cache() -> dict[str, Any]:
    """The whole cache; empty if it can't be read or is no JSON object."""
    try:
        known = parse_json(read_small(paths.cache_dir() / "precision.json"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
