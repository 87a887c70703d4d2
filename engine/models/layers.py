"""The building blocks of networks: residual block, attention to pixels and to tokens, normalisation, embeddings. Knows no diffusion."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VECTOR = 16
"""float32 numbers in the widest vectors of a CPU."""


class ClassEmbedding(nn.Embedding):
    """An Embedding that is not initialised on the meta device, which has no memory: torch would import its compiler for it, a second or two."""

    def reset_parameters(self) -> None:
        if not self.weight.is_meta:
            super().reset_parameters()


class ZeroLinear(nn.Linear):
    """A Linear without bias whose weights start at zero: a network with it begins as one without it, and so does one that gets it later."""

    def __init__(self, i: int, o: int) -> None:
        super().__init__(i, o, bias=False)

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.weight)


class ResidualBlock(nn.Module):
    """GN SiLU Conv3x3, + Linear(SiLU(emb)), GN SiLU Conv3x3, + the input (through Conv1x1 where the channels change)."""

    def __init__(self, i: int, o: int, emb: int, groups: int) -> None:
        super().__init__()
        self.norm1 = Norm(groups, i)
        self.conv1 = nn.Conv2d(i, o, 3, padding=1)
        self.emb = nn.Linear(emb, o)
        self.norm2 = Norm(groups, o)
        self.conv2 = nn.Conv2d(o, o, 3, padding=1)
        self.skip = nn.Conv2d(i, o, 1) if i != o else nn.Identity()

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """(N, i, H, W) -> (N, o, H, W); emb is (N, emb_dim), already through SiLU."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.emb(emb)[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        out: Tensor = h + self.skip(x)
        return out


class Attention(nn.Module):
    """x + Conv1x1(softmax(q k / sqrt(d)) v) over the pixels of GN(x) (Ho et al. 2020, appendix B), in heads of about 64 channels.

    Starts as the identity.
    """

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.heads = _heads(width)
        self.norm = Norm(groups, width)
        self.qkv = nn.Conv2d(width, 3 * width, 1)
        self.out = nn.Conv2d(width, width, 1)
        nn.init.zeros_(self.out.weight)
        assert self.out.bias is not None
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same."""
        n, c, height, width = x.shape
        q, k, v = self._project(x)
        mixed = (_softmax(q, k).to(v.dtype) @ v).transpose(1, 2).reshape(n, height, width, c).permute(0, 3, 1, 2)
        out: Tensor = x + self.out(mixed)
        return out

    def weights(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, heads, H*W, H*W): how much each pixel (a row) takes from every other. Each row adds up to 1."""
        q, k, _ = self._project(x)
        return _softmax(q, k)

    def _project(self, x: Tensor) -> Tensor:
        """q, k and v as one tensor (3, N, heads, H*W, d)."""
        n, c, height, width = x.shape
        pixels = self.qkv(self.norm(x)).permute(0, 2, 3, 1)
        projected: Tensor = pixels.reshape(n, height * width, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        return projected


class CrossAttention(nn.Module):
    """x + Conv1x1(softmax(q k / sqrt(d)) v): the pixels of GN(x) ask, tokens answer, in heads of about 64 channels. Starts as the identity.

    Keys, values and the last layer have no bias, so that a token of zeros adds nothing.
    """

    def __init__(self, width: int, groups: int, token: int) -> None:
        super().__init__()
        self.heads = _heads(width)
        self.norm = Norm(groups, width)
        self.q = nn.Conv2d(width, width, 1)
        self.kv = nn.Linear(token, 2 * width, bias=False)
        self.out = nn.Conv2d(width, width, 1, bias=False)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor, tokens: Tensor, present: Tensor) -> Tensor:
        """x (N, C, H, W), tokens (N, T, D) and present (N, T), at least one of each image's -> (N, C, H, W)."""
        n, c, height, width = x.shape
        q = self.q(self.norm(x)).permute(0, 2, 3, 1).reshape(n, height * width, self.heads, c // self.heads).transpose(1, 2)
        k, v = self.kv(tokens).reshape(n, tokens.shape[1], 2, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        weights = _softmax(q, k, ~present[:, None, None, :])  # (N, heads, H*W, T)
        mixed = (weights.to(v.dtype) @ v).transpose(1, 2).reshape(n, height, width, c).permute(0, 3, 1, 2)
        out: Tensor = x + self.out(mixed)
        return out


class TokenAttention(nn.Module):
    """Linear(softmax(q k / sqrt(d)) v) (Vaswani et al. 2017, eq. 1): some tokens ask, others answer, in heads of about 64 numbers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = _heads(width)
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(self, asking: Tensor, tokens: Tensor, present: Tensor) -> Tensor:
        """asking (N, Q, D), tokens (N, T, D) and present (N, T), at least one of each row's -> (N, Q, D)."""
        n, length, width = asking.shape
        q = self.q(asking).reshape(n, length, self.heads, width // self.heads).transpose(1, 2)
        k, v = self.kv(tokens).reshape(n, tokens.shape[1], 2, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        weights = _softmax(q, k, ~present[:, None, None, :])  # (N, heads, Q, T)
        mixed: Tensor = self.out((weights.to(v.dtype) @ v).transpose(1, 2).reshape(n, length, width))
        return mixed


def _heads(width: int) -> int:
    """How many heads of about 64 channels each divide `width`."""
    return next(n for n in range(max(1, width // 64), width + 1) if width % n == 0)


def _softmax(q: Tensor, k: Tensor, hidden: Tensor | None = None) -> Tensor:
    """softmax(q k / sqrt(d)) for q and k (..., n, d), with zeros where it is `hidden`."""
    # torch's fused attention takes five times as long as this on a CPU in bfloat16, at 7x7 pixels
    scores = q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2)
    weights: Tensor = (scores if hidden is None else scores.masked_fill(hidden, -math.inf)).softmax(-1)
    return weights


class Norm(nn.GroupNorm):
    """GroupNorm. On a CPU in channels_last torch takes one number at a time where a group is narrower than a vector; this avoids it."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same, in the same layout."""
        narrow = x.device.type == "cpu" and self.num_channels < VECTOR * self.num_groups
        if not narrow or x.is_contiguous() or not x.is_contiguous(memory_format=torch.channels_last):
            return super().forward(x)
        return super().forward(x.contiguous()).contiguous(memory_format=torch.channels_last)


def sinusoidal(t: Tensor, dim: int) -> Tensor:
    """(N,) -> (N, dim): sines, then cosines, of t times frequencies from 1 down to 1/10000 (Vaswani et al. 2017, section 3.5)."""
    frequency = torch.exp(torch.arange(dim // 2, device=t.device, dtype=torch.float32) * (-math.log(10000) / (dim // 2 - 1)))
    angle = t.float()[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], 1)


def count_parameters(model: nn.Module) -> int:
    """The number of trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
