"""A network that is ready to draw: with its schedule, on its device, in its precision. Knows no files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from engine.compute.precision import Numerics
from engine.config.compute import ComputeInfo
from engine.config.condition import Condition
from engine.config.data import DataSpec
from engine.diffusion.schedule import NoiseSchedule
from engine.errors import SettingError
from engine.models.conditioner import Told, encode
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

    def tell(self, conditions: Sequence[Condition]) -> Told | None:
        """What the network is told of images with these conditions; None where all are plain. Raises SettingError for what it can't be told."""
        if all(condition.is_plain for condition in conditions):
            return None
        if self.network.config.conditions is None:
            raise SettingError(f"{self.weights} is told nothing of a picture but its class")
        return encode(conditions, self.network.config.conditions, self.device, self.network.config.text)

    def tell_nothing(self, count: int) -> Told:
        """What the network is told of images of which nothing is asked. Only for a network with conditions."""
        assert self.network.config.conditions is not None
        return encode([Condition()] * count, self.network.config.conditions, self.device, self.network.config.text)

    @torch.inference_mode()
    def warm_up(self) -> Iterator[events.Event]:
        """One guided image through the network: the first forward of a shape also builds its kernels. Where there can be conditions, with some."""
        x = torch.zeros(2, *self.data.shape, device=self.device, dtype=self.numerics.dtype).contiguous(memory_format=self.numerics.format)
        t = torch.zeros(2, device=self.device, dtype=torch.long)
        self.network(x, t, t, told=self.tell_nothing(2) if self.network.config.conditions else None)
        yield events.Tick()
