"""How numbers are held on a device: precision and memory layout."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from engine.config.compute import ComputeInfo
from engine.models.unet import UNet


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

    def describe(self, device: torch.device) -> ComputeInfo:
        return ComputeInfo(str(device), self.precision, self.layout, torch.get_num_threads() if device.type == "cpu" else 0)


def _allow_tf32(allowed: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed
    torch.backends.cudnn.benchmark = True
