"""Which device, precision and number of threads a job is asked to use, and which it really uses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from engine.config.fields import Setting
from engine.errors import SettingError
from engine.formatting import printable


@dataclass(frozen=True, slots=True)
class ComputeInfo:
    """What a job computes on."""

    device: str
    """cpu, cuda:0 or mps."""
    precision: str
    """fp32, tf32 or bf16."""
    layout: str
    """contiguous or channels_last."""
    threads: int = 0
    """CPU threads; 0 on other devices."""


Device = str
"""One of DEVICES, or cuda:N: see `check_device`."""
Precision = Literal["auto", "fp32", "tf32", "bf16"]
DEVICES = ("auto", "cpu", "cuda", "mps")

DEVICE = Setting("auto", "Where to compute: auto, cpu, cuda, cuda:1 (the second GPU) or mps.", option="--device")
PRECISION = Setting("auto", "Number format; auto measures which is fastest on this machine.", choices=get_args(Precision), option="--precision")
THREADS = Setting("auto", "CPU threads. Default: OMP_NUM_THREADS, or torch's own number within the cgroup's limit.", option="--threads")


def check_device(name: object) -> None:
    """Raises SettingError for a name that is not one of a device. Whether the machine has the device is known only once torch is loaded."""
    if not isinstance(name, str) or not re.fullmatch("auto|cpu|cuda|cuda:[0-9]{1,3}|mps", name):
        raise SettingError(f"device {printable(repr(name), 80)} is not one of {', '.join(DEVICES)} or cuda:N, such as cuda:1")
