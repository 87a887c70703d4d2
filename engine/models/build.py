"""Builds the network that a ModelConfig describes."""

from __future__ import annotations

from engine.config.model import ModelConfig
from engine.models.image_tower import ImageTower
from engine.models.text import CaptionReader
from engine.models.unet import UNet
from engine.models.writer import WriterEncoder


def build_network(config: ModelConfig) -> UNet | WriterEncoder | CaptionReader | ImageTower:
    """A new network, with initial weights from torch's random numbers."""
    if config.network == "text":
        assert config.text is not None  # as ModelConfig ensures
        return CaptionReader(config.text)
    if config.network == "tower":
        return ImageTower(config)
    return WriterEncoder(config) if config.network == "writer" else UNet(config)
