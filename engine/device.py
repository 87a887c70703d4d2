"""Which device, and in which precision and layout: measured on the machine at hand, not guessed (no rule of thumb holds)."""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from engine import config, events, paths
from engine.errors import DeviceError, SettingError, StorageError
from engine.files import write_text
from engine.unet import UNet

NEAR = 0.2
"""How much slower a likelier candidate may be and still be chosen: so much is noise, and a full batch favours it."""


def choose(name: config.Device = "auto", local_rank: int = 0) -> torch.device:
    """The torch device; of several like it, the one that is this process's. Raises DeviceError where the one asked for is missing."""
    if name == "cuda" or (name == "auto" and torch.cuda.is_available()):
        if not torch.cuda.is_available():
            raise DeviceError("no CUDA device here; use --device cpu or auto")
        if local_rank >= torch.cuda.device_count():
            raise DeviceError(f"{torch.cuda.device_count()} CUDA devices here are too few; start as many processes, or use --device cpu")
        torch.cuda.set_device(local_rank)
        return torch.device("cuda", local_rank)
    if name == "mps" or (name == "auto" and torch.backends.mps.is_available()):
        if not torch.backends.mps.is_available():
            raise DeviceError("no MPS device here; use --device cpu or auto")
        return torch.device("mps")
    return torch.device("cpu")


@dataclass(frozen=True)
class Numerics:
    """How numbers are held on the device."""

    precision: str
    """fp32, tf32 or bf16"""
    channels_last: bool

    @property
    def layout(self) -> str:
        return "channels_last" if self.channels_last else "contiguous"

    @property
    def format(self) -> torch.memory_format:
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def place(self, model: UNet, device: torch.device) -> UNet:
        """For training: float32 weights in this layout; `autocast` does the rest."""
        _allow_tf32(self.precision != "fp32")
        return model.to(device).to(memory_format=self.format)

    def cast(self, model: UNet, device: torch.device) -> UNet:
        """For sampling: the weights themselves in this precision, so that no step casts them again."""
        _allow_tf32(self.precision != "fp32")
        return model.to(device, self.dtype).to(memory_format=self.format)

    @property
    def dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.precision == "bf16" else torch.float32

    def autocast(self, device: torch.device) -> AbstractContextManager[object]:
        return torch.autocast(device.type, torch.bfloat16) if self.precision == "bf16" else nullcontext()

    def told(self, device: torch.device) -> events.Engine:
        return events.Engine(str(device), self.precision, self.layout, torch.get_num_threads() if device.type == "cpu" else 0)


def candidates(device: torch.device, precision: config.Precision) -> list[Numerics]:
    """What is worth measuring on a device, likeliest first. Raises SettingError for a precision it lacks."""
    offered: dict[str, list[str]] = {"cuda": ["bf16", "tf32", "fp32"], "mps": ["fp32", "bf16"]}
    names = offered.get(device.type, ["bf16", "fp32"])
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        names = ["tf32", "fp32"]
    if precision != "auto":
        if precision not in names:
            raise SettingError(f"precision {precision} is not for {device.type}; it has {', '.join(names)}")
        names = [precision]
    elif "tf32" in names:
        names.remove("fp32")  # tf32 is never slower, and bf16 is coarser still
    return [Numerics(name, layout) for name in names for layout in ((True, False) if name != "fp32" else (False, True))]


def offered(device: torch.device, how: Numerics) -> bool:
    """Whether the device can do it, asked for or not (candidates("auto") leaves out what is never the fastest)."""
    try:
        return how.precision != "auto" and how in candidates(device, how.precision)  # type: ignore[arg-type]
    except SettingError:
        return False


def measured(device: torch.device, model: config.ModelConfig, training: bool, precision: config.Precision = "auto") -> Iterator[str | Numerics]:
    """Says what it measures, then the fastest finite way to run this network here; the likelier one where two are near.

    Cached by machine, torch and threads.
    """
    options = candidates(device, precision)
    key = " ".join(
        map(str, (_machine(device), torch.__version__, torch.get_num_threads(), model.channels, "train" if training else "sample", precision))
    )
    cache = paths.cache_dir() / "precision.json"
    known = _read_cache(cache)
    try:
        found = Numerics(str(known[key]["precision"]), known[key]["channels_last"] is True)
        if found in options:
            yield found
            return
    except (KeyError, TypeError):
        pass
    racers: dict[Numerics, Callable[[], Tensor]] = {}
    times: dict[Numerics, float] = {}
    for option in options:
        yield f"measuring {option.precision}, {option.layout}"
        racers[option] = (_training_trial if training else _sampling_trial)(UNet(model), option, device)
        _seconds(racers[option])  # a first time builds kernels and finds memory
        times[option] = min(_seconds(racers[option]), _seconds(racers[option]))
    for _ in range(3):  # in turns, so that a machine that slows down slows all; the hopeless don't run again
        for option in [option for option in options if times[option] < 1.5 * min(times.values())]:
            times[option] = min(times[option], _seconds(racers[option]))
    fastest = min(times.values())
    if math.isinf(fastest):
        raise DeviceError(f"no precision gives finite numbers on {device}; try --device cpu")
    best = next(option for option in options if times[option] <= fastest * (1 + NEAR))
    known[key] = asdict(best)
    with suppress(StorageError):  # a cache that can't be written only costs the measurement again
        write_text(paths.made(cache.parent) / cache.name, json.dumps(known, indent=1))
    yield best


@contextmanager
def clear_errors(device: str = "the device") -> Iterator[None]:
    """Running out of memory as a DeviceError with the way out."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise DeviceError(f"{device} ran out of memory; use a smaller --batch-size or --count, or --device cpu") from error
    except RuntimeError as error:
        if "can't allocate memory" in str(error) or "out of memory" in str(error):
            raise DeviceError(f"{device} ran out of memory; use a smaller --batch-size or --count") from error
        raise


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


def _training_trial(model: UNet, how: Numerics, device: torch.device) -> Callable[[], Tensor]:
    model = how.place(model, device)
    x = torch.randn(32 if device.type == "cpu" else 128, 1, 28, 28, device=device).contiguous(memory_format=how.format)
    t = torch.arange(len(x), device=device)

    def trial() -> Tensor:
        model.zero_grad(set_to_none=True)
        with how.autocast(device):
            eps = model(x, t, t % 10)
        loss: Tensor = (eps.float() - x).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return torch.stack([loss.detach(), *(p.grad.sum() for p in model.parameters() if p.grad is not None)]).sum()

    return trial


def _sampling_trial(model: UNet, how: Numerics, device: torch.device) -> Callable[[], Tensor]:
    nn.init.normal_(model.conv_out.weight)
    model = how.cast(model.eval(), device)
    one, many = (torch.randn(n, 1, 28, 28, device=device, dtype=how.dtype).contiguous(memory_format=how.format) for n in (2, 16))

    @torch.inference_mode()
    def trial() -> Tensor:
        out = torch.zeros((), device=device)
        for x, times in ((one, 4), (many, 1)):
            t = torch.zeros(len(x), device=device, dtype=torch.long)
            for _ in range(times):
                out = out + model(x, t, t).float().sum()
        return out

    return trial


def _seconds(trial: Callable[[], Tensor]) -> float:
    """Of one trial; infinite where its numbers are not finite or the memory is not enough."""
    start = time.perf_counter()
    try:
        finite = bool(torch.isfinite(trial()))  # reading it waits for the device
    except torch.OutOfMemoryError:
        return math.inf
    return time.perf_counter() - start if finite else math.inf


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{platform.node()} {torch.cuda.get_device_name(device)}"
    return f"{platform.node()} {platform.machine()} {device.type} {torch.backends.cpu.get_cpu_capability()}"


def _read_cache(cache: Path) -> dict[str, dict[str, object]]:
    try:
        known = json.loads(cache.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _allow_tf32(allowed: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed
    torch.backends.cudnn.benchmark = True
