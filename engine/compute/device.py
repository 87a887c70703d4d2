"""The device that computes: which one, how many threads and how much memory it uses."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from engine.config.compute import Device
from engine.errors import DeviceError
from engine.process.processors import threads_for


def select_device(name: Device = "auto", local_rank: int = 0) -> torch.device:
    """The torch device for a name of `check_device`. Raises DeviceError if this machine lacks it.

    `auto` prefers CUDA to MPS to the CPU. `local_rank` chooses among several CUDA devices where the name gives no number.
    """
    kind, _, number = name.partition(":")
    if kind == "cuda" or (kind == "auto" and torch.cuda.is_available()):
        if not torch.cuda.is_available():
            raise DeviceError("no CUDA device was found; use --device cpu or auto")
        count, index = torch.cuda.device_count(), int(number) if number else local_rank
        if index >= count and number:
            raise DeviceError(f"no device {name} was found; use one of: {', '.join(cuda_devices())}")
        if index >= count:
            raise DeviceError(f"{count} CUDA devices are too few for this many processes; start {count} processes, or use --device cpu")
        torch.cuda.set_device(index)
        return torch.device("cuda", index)
    if kind == "mps" or (kind == "auto" and torch.backends.mps.is_available()):
        if not torch.backends.mps.is_available():
            raise DeviceError("no MPS device was found; use --device cpu or auto")
        return torch.device("mps")
    return torch.device("cpu")


def limit_threads(requested: int | None) -> None:
    """Lets torch use `requested` CPU threads; None: at most one for each processor of this process."""
    present = torch.get_num_threads()
    if (threads := threads_for(requested, present)) != present:
        torch.set_num_threads(threads)


def cuda_devices() -> list[str]:
    """cuda:0 (its name), cuda:1 (its name) …; empty without CUDA."""
    if not torch.cuda.is_available():
        return []
    return [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]


def processor(device: torch.device) -> str:
    """What computes, as far as its rounding goes: the GPU's name, or the CPU's vector instructions as torch uses them."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}" if device.type == "cpu" else platform.machine()


@contextmanager
def explain_out_of_memory(device: str = "the device") -> Iterator[None]:
    """Turns torch's error about missing memory into a DeviceError that says what to do."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise DeviceError(f"{device} ran out of memory; use a smaller --batch-size or --count, or --device cpu") from error
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise DeviceError(f"{device} ran out of memory; use a smaller --batch-size or --count") from error
        raise


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether the error means that memory ran out. On the CPU torch raises a plain RuntimeError for it."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error) or "out of memory" in str(error)


def memory_in_use(device: torch.device) -> int:
    """Bytes that torch holds on a CUDA device; on others the resident memory of this process."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
