"""A network that is ready to draw: with its schedule, on its device, in its precision. Knows no files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from engine.compute.precision import Numerics
from engine.config.compute import ComputeInfo
from engine.config.data import DataSpec
from engine.diffusion.schedule import NoiseSchedule
from engine.models.unet import UNet
from engine.protocol import events
from engine.protocol.recipe import WeightsInfo


@dataclass(frozen=True)
class Pipeline:
    """A network on its device and in its precision, and all that a sampler needs beside it."""

    network: UNet
    schedule: NoiseSchedule
    weights: WeightsInfo
    numerics: Numerics
    device: torch.device

    @property
    def data(self) -> DataSpec:
        """What it draws."""
        return self.network.config.data

    @property
    def compute_info(self) -> ComputeInfo:
        return self.numerics.describe(self.device)

    @torch.inference_mode()
    def warm_up(self) -> Iterator[events.Event]:
        """One guided image through the network: the first forward of a shape also builds its kernels."""
        x = torch.zeros(2, *self.data.shape, device=self.device, dtype=self.numerics.dtype).contiguous(memory_format=self.numerics.format)
        t = torch.zeros(2, device=self.device, dtype=torch.long)
        self.network(x, t, t)
        yield events.Tick()
