"""What the tests of drawing share: a file of weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.config.model import ModelConfig


@pytest.fixture
def save_random_weights(tmp_path: Path) -> Callable[[ModelConfig], str]:
    """Writes weights that draw something, if nothing sensible, and returns the file."""

    def save(model: ModelConfig) -> str:
        import torch
        from torch import nn

        from engine.checkpoints import weights as checkpoint
        from engine.checkpoints.weights import ModelWeights
        from engine.config.model import ScheduleConfig
        from engine.models.unet import UNet

        torch.manual_seed(0)
        net = UNet(model)
        nn.init.normal_(net.conv_out.weight, std=0.3)
        path = tmp_path / "w.safetensors"
        checkpoint.save_weights(path, ModelWeights(net.state_dict(), model, ScheduleConfig(), 3, "x", "average"))
        return str(path)

    return save
