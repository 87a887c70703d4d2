"""How busy this machine is: processors, memory, and the GPU that trains. Reads them when asked; imports what reads them only then. No torch."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class GpuLoad:
    """What could be read about a GPU."""

    busy: float
    """The share of the time in which it computed, from 0 to 1."""
    memory_used: int
    memory_total: int
    """Both in bytes."""
    temperature: int | None = None
    """In degrees Celsius."""


@dataclass(frozen=True, slots=True)
class MachineLoad:
    """A field is None if it could not be read."""

    cpu: float | None = None
    """The share of all processors' time that was used since the last reading, from 0 to 1."""
    memory_used: int | None = None
    memory_total: int | None = None
    """Both in bytes."""
    gpu: GpuLoad | None = None


class MachineMeter:
    """Reads the load again and again. May be used on any thread, but by one at a time."""

    def __init__(self, device: str) -> None:
        """`device` is the one that trains: cpu, mps, cuda or cuda:1."""
        kind, _, number = device.partition(":")
        self._gpu_name = _visible_gpu(int(number) if number.isdigit() else 0) if kind == "cuda" else None
        self._gpu: Any = None
        self._psutil: Any = None

    def read(self) -> MachineLoad:
        """The load now. The first reading has no `cpu`, which is measured from one reading to the next."""
        cpu, used, total = self._read_system()
        return MachineLoad(cpu, used, total, self._read_gpu() if self._gpu_name is not None else None)

    def _read_system(self) -> tuple[float | None, int | None, int | None]:
        try:
            first = self._psutil is None
            if first:
                import psutil

                self._psutil = psutil
            cpu = self._psutil.cpu_percent(interval=None)  # 0 at first
            memory = self._psutil.virtual_memory()
        except Exception:  # not installed, or a system that does not tell
            return None, None, None
        return (None if first else min(1.0, cpu / 100)), int(memory.total - memory.available), int(memory.total)

    def _read_gpu(self) -> GpuLoad | None:
        """NVML, as nvidia-smi and nvitop read it. None where it is missing or refuses."""
        try:
            import pynvml

            if self._gpu is None:
                pynvml.nvmlInit()
                self._gpu = _find_gpu(pynvml, self._gpu_name or "0")
            memory = pynvml.nvmlDeviceGetMemoryInfo(self._gpu)
            busy = pynvml.nvmlDeviceGetUtilizationRates(self._gpu).gpu / 100
            temperature: int | None = None
            with suppress(pynvml.NVMLError):
                temperature = int(pynvml.nvmlDeviceGetTemperature(self._gpu, pynvml.NVML_TEMPERATURE_GPU))
        except Exception:  # the package, the driver or the permission is missing
            self._gpu_name = None  # it would not come back, and asking takes time
            return None
        return GpuLoad(busy, int(memory.used), int(memory.total), temperature)


def _find_gpu(pynvml: Any, name: str) -> Any:
    """The GPU that CUDA knows by this number or UUID."""
    if name.isdigit():
        return pynvml.nvmlDeviceGetHandleByIndex(int(name))
    return pynvml.nvmlDeviceGetHandleByUUID(name)


def _visible_gpu(number: int) -> str | None:
    """The number or UUID of CUDA's GPU `number`, which CUDA_VISIBLE_DEVICES may rename; None where it hides it."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return str(number)
    names = [name.strip() for name in visible.split(",") if name.strip()]
    return names[number] if number < len(names) else None
