"""Timed trials of a network: training steps or drawings, in each precision and layout."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from engine.compute.device import is_out_of_memory
from engine.compute.precision import Numerics
from engine.config.model import ModelConfig
from engine.formatting import one_line
from engine.models.unet import UNet

Purpose = Literal["train", "sample"]

TRAINING = {"cpu": (2, 8, 32), "mps": (8, 128)}
"""Images of a trial step on each device; 128 on others, which need seconds to prepare for each new size."""
SAMPLING = (2, 24)
"""Images of a trial drawing: one with guidance, then four of those and a batch of 16."""


class Trials:
    """Timed training steps or drawings of one network; each candidate has a copy of it."""

    def __init__(self, device: torch.device, model: ModelConfig, purpose: Purpose) -> None:
        self._device, self._model = device, model
        self._work = self._training_step if purpose == "train" else self._drawing
        self._networks: dict[Numerics, UNet] = {}
        self.failure = "the numbers are not finite"
        """The reason why the last candidate that failed did."""

    def seconds(self, numerics: Numerics, size: int) -> float:
        """The seconds of one trial, the device's work included. Infinity if it fails, runs out of memory, or its numbers are not finite."""
        try:
            work = self._work(numerics, size)
            start = time.perf_counter()
            finite = bool(torch.isfinite(work()))  # reading it waits for the device
        except RuntimeError as error:  # no memory, or no kernel for this precision
            self.failure = "out of memory" if is_out_of_memory(error) else one_line(error, 200)
            return math.inf
        return time.perf_counter() - start if finite else math.inf

    def _training_step(self, numerics: Numerics, size: int) -> Callable[[], Tensor]:
        if numerics not in self._networks:
            self._networks[numerics] = numerics.place(UNet(self._model), self._device)
        model = self._networks[numerics]
        x, t = self._images(size, numerics, torch.float32), torch.arange(size, device=self._device)

        def step() -> Tensor:
            model.zero_grad(set_to_none=True)
            with numerics.autocast(self._device):
                eps = model(x, t, t % max(1, self._model.data.classes))
            loss: Tensor = (eps.float() - x).square().mean()
            loss.backward()  # type: ignore[no-untyped-call]
            return torch.stack([loss.detach(), *(p.grad.sum() for p in model.parameters() if p.grad is not None)]).sum()

        return step

    def _drawing(self, numerics: Numerics, size: int) -> Callable[[], Tensor]:
        if numerics not in self._networks:
            network = UNet(self._model)
            nn.init.normal_(network.conv_out.weight)
            self._networks[numerics] = numerics.cast(network.eval(), self._device)
        model = self._networks[numerics]
        batches = [self._images(n, numerics, numerics.dtype) for n in ((2,) if size == SAMPLING[0] else (2, 2, 2, 2, 16))]

        @torch.inference_mode()
        def draw() -> Tensor:
            out = torch.zeros((), device=self._device)
            for x in batches:
                t = torch.zeros(len(x), device=self._device, dtype=torch.long)
                out = out + model(x, t, t).float().sum()
            return out

        return draw

    def _images(self, n: int, numerics: Numerics, dtype: torch.dtype) -> Tensor:
        return torch.randn(n, *self._model.data.shape, device=self._device, dtype=dtype).contiguous(memory_format=numerics.format)
