"""The device, and how numbers are held there. autotune.py measures which way is the fastest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from engine.config.compute import Device
from engine.errors import DeviceError
from engine.process.processors import threads_for


def select_device(name: Device = "auto", local_rank: int = 0) -> torch.device:
    """The torch device: cuda:N by its number; cuda, and auto where there is CUDA, by `local_rank`. Raises DeviceError if it is missing."""
    kind, _, number = name.partition(":")
    if kind == "cuda" or (kind == "auto" and torch.cuda.is_available()):
        if not torch.cuda.is_available():
            raise DeviceError("no CUDA device here; use --device cpu or auto")
        count, index = torch.cuda.device_count(), int(number) if number else local_rank
        if index >= count and number:
            raise DeviceError(f"no {name} here; there {'is' if count == 1 else 'are'} {', '.join(cuda_devices())}")
        if index >= count:
            raise DeviceError(f"{count} CUDA devices here are too few; start as many processes, or use --device cpu")
        torch.cuda.set_device(index)
        return torch.device("cuda", index)
    if kind == "mps" or (kind == "auto" and torch.backends.mps.is_available()):
        if not torch.backends.mps.is_available():
            raise DeviceError("no MPS device here; use --device cpu or auto")
        return torch.device("mps")
    return torch.device("cpu")


def limit_threads(asked: int | None) -> None:
    """Lets torch use as many CPU threads as were asked for; if none were, no more than this process has processors."""
    present = torch.get_num_threads()
    if (threads := threads_for(asked, present)) != present:
        torch.set_num_threads(threads)


def cuda_devices() -> list[str]:
    """cuda:0 (its name), cuda:1 (its name) …; none where there is no CUDA."""
    if not torch.cuda.is_available():
        return []
    return [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]


@contextmanager
def explain_out_of_memory(device: str = "the device") -> Iterator[None]:
    """Running out of memory as a DeviceError with the way out."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise DeviceError(f"{device} ran out of memory; use a smaller --batch-size or --count, or --device cpu") from error
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise DeviceError(f"{device} ran out of memory; use a smaller --batch-size or --count") from error
        raise


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch means that memory ran out: on the CPU it says so in a plain RuntimeError."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error) or "out of memory" in str(error)


def memory_in_use(device: torch.device) -> int:
    """Bytes: what torch holds on a CUDA device, else what is resident of this process."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
