"""How a device holds numbers: precision and memory layout."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn

from engine.config.compute import ComputeInfo

M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True)
class Numerics:
    """A precision and a memory layout."""

    precision: str
    """fp32, tf32 or bf16"""
    channels_last: bool

    @property
    def layout(self) -> str:
        return "channels_last" if self.channels_last else "contiguous"

    @property
    def format(self) -> torch.memory_format:
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def place(self, model: M, device: torch.device) -> M:
        """Moves a model to the device for training: its weights stay float32, and `autocast` lowers the precision of each step."""
        self.allow_tf32()
        return model.to(device).to(memory_format=self.format)

    def cast(self, model: M, device: torch.device) -> M:
        """Moves a model to the device for sampling: the weights themselves are in this precision, so that no step casts them again."""
        self.allow_tf32()
        return model.to(device, self.dtype).to(memory_format=self.format)

    @property
    def dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.precision == "bf16" else torch.float32

    def allow_tf32(self) -> None:
        """Sets whether the whole process may multiply in tf32."""
        allowed = self.precision != "fp32"
        torch.backends.cuda.matmul.allow_tf32 = allowed
        torch.backends.cudnn.allow_tf32 = allowed
        torch.backends.cudnn.benchmark = True

    def autocast(self, device: torch.device) -> AbstractContextManager[object]:
        """Goes around a forward pass of training."""
        return torch.autocast(device.type, torch.bfloat16) if self.precision == "bf16" else nullcontext()

    def describe(self, device: torch.device) -> ComputeInfo:
        return ComputeInfo(str(device), self.precision, self.layout, torch.get_num_threads() if device.type == "cpu" else 0)
