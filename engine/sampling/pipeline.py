"""A network ready to draw: with its schedule, on its device, in its precision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from engine.compute.precision import Numerics
from engine.config.compute import ComputeInfo
from engine.diffusion.schedule import NoiseSchedule
from engine.models.unet import UNet
from engine.protocol import events
from engine.protocol.recipe import WeightsInfo


@dataclass(frozen=True)
class Pipeline:
    """A network ready to draw: cast, placed, and named."""

    network: UNet
    schedule: NoiseSchedule
    weights: WeightsInfo
    how: Numerics
    device: torch.device

    @property
    def told(self) -> ComputeInfo:
        return self.how.told(self.device)

    @torch.inference_mode()
    def warm_up(self) -> Iterator[events.Event]:
        """One guided digit through the network: the first forward of a shape also builds its kernels."""
        x = torch.zeros(2, 1, 28, 28, device=self.device, dtype=self.how.dtype).contiguous(memory_format=self.how.format)
        t = torch.zeros(2, device=self.device, dtype=torch.long)
        self.network(x, t, t)
        yield events.Tick()
