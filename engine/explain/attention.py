"""Where a network's attention looks. A hook that lasts for one forward reads it, so that drawing and training pay nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from engine.models.layers import Attention
from engine.models.unet import UNet
from engine.protocol.lesson import AttentionMap


def find_attention(network: UNet) -> Attention | None:
    """The attention at the lowest resolution; None for a network without any."""
    found = [module for module in (*network.attend, network.attention) if isinstance(module, Attention)]
    return found[-1] if found else None


@contextmanager
def recorded_attention(network: UNet) -> Iterator[list[AttentionMap]]:
    """While this is open, each forward of the network appends the map of its first image to the list."""
    maps: list[AttentionMap] = []
    attention = find_attention(network)
    if attention is None:
        yield maps
        return

    def record(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(module, Attention)
        (x,) = inputs
        weights = module.weights(x[:1])[0].float().mean(0)  # over the heads
        maps.append(AttentionMap(x.shape[2], x.shape[3], tuple(weights.flatten().tolist())))

    with attention.register_forward_pre_hook(record):
        yield maps
