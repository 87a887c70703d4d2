"""Which device and precision are asked for, and which a job really uses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from engine.errors import SettingError
from engine.formatting import printable


@dataclass(frozen=True, slots=True)
class ComputeInfo:
    """Where the work happens."""

    device: str
    """cpu, cuda:0, mps"""
    precision: str
    """fp32, tf32 or bf16"""
    layout: str
    """contiguous or channels_last"""
    threads: int = 0
    """of the CPU; 0 on other devices"""


Device = str
"""One of DEVICES, or cuda:N: see `check_device`."""


Precision = Literal["auto", "fp32", "tf32", "bf16"]


DEVICES = ("auto", "cpu", "cuda", "mps")


def check_device(name: object) -> None:
    """Raises SettingError for what names no device. Whether the machine has it is known only once torch is loaded."""
    if not isinstance(name, str) or not re.fullmatch("auto|cpu|cuda|cuda:[0-9]{1,3}|mps", name):
        raise SettingError(f"device {printable(repr(name), 80)} is none of {', '.join(DEVICES)} or a numbered one such as cuda:1")
