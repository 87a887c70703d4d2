"""The network of (x_t, t, label): the guide's U-Net, 28 -> 14 -> 7 -> 14 -> 28 pixels, and the same on patches. Knows no schedule and no files."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.config.model import AUGMENT_PARAMETERS, ModelConfig
from engine.models.conditioner import WIDTH, Conditioner, Tokens, Told
from engine.models.layers import Attention, ClassEmbedding, CrossAttention, Norm, ResidualBlock, ZeroLinear, sinusoidal


class Down(nn.Module):
    """A level on the way down: halves the image (the first level keeps its size), then a residual block."""

    def __init__(self, i: int, o: int, emb: int, groups: int, downsample: bool) -> None:
        super().__init__()
        self.downsample = nn.Conv2d(i, i, 3, stride=2, padding=1) if downsample else nn.Identity()
        self.block = ResidualBlock(i, o, emb, groups)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """(N, i, H, W) -> (N, o, H/2, W/2)."""
        out: Tensor = self.block(self.downsample(x), emb)
        return out


class Up(nn.Module):
    """A level on the way up: doubles the image (the first level keeps its size), then a residual block over it and the skip."""

    def __init__(self, i: int, o: int, emb: int, groups: int, upsample: bool) -> None:
        super().__init__()
        self.upsample = nn.ConvTranspose2d(i, o, 4, stride=2, padding=1) if upsample else nn.Identity()
        self.block = ResidualBlock(2 * o, o, emb, groups)

    def forward(self, x: Tensor, skip: Tensor, emb: Tensor) -> Tensor:
        """(N, i, H/2, W/2) and what the level of the same size gave on the way down, (N, o, H, W) -> (N, o, H, W)."""
        out: Tensor = self.block(torch.cat([self.upsample(x), skip], 1), emb)
        return out


class UNet(nn.Module):
    """Predicts what `ModelConfig.prediction` names of x_t. The default configuration is the guide's, with 6,141,313 trainable parameters.

    Ho et al. 2020, appendix B; class embedding added to the time embedding (Dhariwal & Nichol 2021). With two widths instead of
    three it works on patches of 2x2 pixels, 14 -> 7 -> 14 (a pixel shuffle, Shi et al. 2016), at a third of the cost. Larger images are cut into
    larger patches (`ModelConfig.patch`), so that the levels stay as small as for MNIST.

    The order in which the modules are made decides two things that existing runs rely on: which random numbers a new network takes, and
    the numbers by which training states know the parameters. Hence `attend` is a list beside `down` instead of a part of each level.
    """

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ModelConfig()
        widths, emb, groups = config.channels, config.emb_dim, config.groups
        pixels, first, last = config.data.channels * config.patch_side**2, widths[0], widths[-1]
        self.time = nn.Sequential(nn.Linear(config.time_dim, emb), nn.SiLU(), nn.Linear(emb, emb))
        self.label = ClassEmbedding(config.data.classes, emb) if config.data.classes else None
        self.to_patches = nn.PixelUnshuffle(config.patch_side) if config.patch_side > 1 else nn.Identity()
        self.conv_in = nn.Conv2d(pixels, first, 3, padding=1)
        self.down = nn.ModuleList(Down(i, o, emb, groups, downsample=k > 0) for k, (i, o) in enumerate(zip((first, *widths), widths, strict=False)))
        self.attend = nn.ModuleList(nn.Identity() for _ in widths)
        if config.attention_at_14:
            self.attend[-2] = Attention(widths[-2], groups)
        self.middle = ResidualBlock(last, last, emb, groups)
        self.attention = Attention(last, groups) if config.attention else nn.Identity()
        rising = widths[::-1]
        self.up = nn.ModuleList(Up(i, o, emb, groups, upsample=k > 0) for k, (i, o) in enumerate(zip((last, *rising), rising, strict=False)))
        self.norm_out = Norm(groups, first)
        self.conv_out = nn.Conv2d(first, pixels, 1) if config.patch_side == 1 else nn.Conv2d(first, pixels, 3, padding=1)
        self.augment = ZeroLinear(AUGMENT_PARAMETERS, emb) if config.augmented else None
        self.to_pixels = nn.PixelShuffle(config.patch_side) if config.patch_side > 1 else nn.Identity()
        self.conditioner = Conditioner(config.conditions, emb, config.text) if config.conditions else None
        crossed = widths[-2:] if config.conditions and config.conditions.route != "pooled" else ()
        self.cross = nn.ModuleList(CrossAttention(width, groups, WIDTH) for width in crossed)

    def forward(self, x_t: Tensor, t: Tensor, label: Tensor, augment: Tensor | None = None, told: Told | None = None) -> Tensor:
        """The prediction, like x_t (N, C, H, W), for t (N,) in 0 … T-1 and label (N,) of a class or NO_LABEL.

        `augment`, (N, AUGMENT_PARAMETERS), says how training images were augmented (Karras et al. 2022, appendix F.2); None: they were not.
        `told` says what the images show besides; None is the same as a Told of nothing, to the bit. Raises ValueError where the network has no
        conditioner.
        """
        emb = self._embed(t, label, x_t.dtype, augment)
        tokens = None if told is None else self._tokens(told, x_t.dtype)
        if tokens is not None and self.conditioner is not None and (pooled := self.conditioner.pool(tokens)) is not None:
            emb = emb + pooled
        emb = F.silu(emb)  # every block starts with SiLU, so it is applied here, once
        h = self.conv_in(self.to_patches(x_t))
        skips = []
        for k, (level, attend) in enumerate(zip(self.down, self.attend, strict=True)):
            h = attend(level(h, emb))
            if k == len(self.down) - 2:
                h = self._cross(0, h, tokens)
            skips.append(h)
        h = self._cross(1, self.attention(self.middle(h, emb)), tokens)
        for level in self.up:
            h = level(h, skips.pop(), emb)
        out: Tensor = self.to_pixels(self.conv_out(F.silu(self.norm_out(h))))
        return out

    def _embed(self, t: Tensor, label: Tensor, dtype: torch.dtype, augment: Tensor | None = None) -> Tensor:
        """Time and label (N,) -> (N, emb_dim). NO_LABEL adds zero, as all labels do for images without classes."""
        emb: Tensor = self.time(sinusoidal(t, self.config.time_dim).to(dtype))
        if self.label is not None:
            has_label = (label >= 0).unsqueeze(1)
            emb = emb + self.label(label.clamp(min=0)) * has_label
        if self.augment is not None and augment is not None:
            emb = emb + self.augment(augment.to(dtype))
        return emb

    def _tokens(self, told: Told, dtype: torch.dtype) -> Tokens:
        if self.conditioner is None:
            raise ValueError("this network is told classes alone")
        tokens: Tokens = self.conditioner(told, dtype)
        return tokens

    def _cross(self, k: int, h: Tensor, tokens: Tokens | None) -> Tensor:
        """Cross-attention at half the size (0) or at a quarter of it (1), where there are tokens to read."""
        return h if tokens is None or not self.cross else self.cross[k](h, *tokens)
