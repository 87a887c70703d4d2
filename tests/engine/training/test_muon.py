"""Muon against singular value decompositions, a step by hand, and gradients that are not finite."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from engine.config.model import ModelConfig
from engine.models.unet import UNet
from engine.training.muon import Muon, muon_parameters, orthogonal

YES, NO = torch.tensor(1.0), torch.tensor(0.0)


@pytest.mark.parametrize("shape", [(8, 8), (16, 40), (40, 16)])
def test_singular_values_come_near_one_and_singular_vectors_stay(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    out = orthogonal(matrix, torch.float32)
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    inside = u.T @ out @ v.T
    assert 0.5 < float(inside.diagonal().min()) <= float(inside.diagonal().max()) < 1.3
    assert_close(inside, torch.diag(inside.diagonal()), rtol=0, atol=1e-4)


def test_bfloat16_is_near_float32() -> None:
    matrix = torch.randn(24, 60, generator=torch.Generator().manual_seed(1))
    exact, coarse = orthogonal(matrix, torch.float32), orthogonal(matrix, torch.bfloat16).float()
    assert float((exact - coarse).norm() / exact.norm()) < 0.05


def test_three_steps_by_hand() -> None:
    rng = torch.Generator().manual_seed(2)
    w = nn.Parameter(torch.randn(12, 10, 3, 3, generator=rng))
    muon, expected, momentum = Muon([w], torch.float32, 0.9), w.detach().clone(), torch.zeros(12, 10, 3, 3)
    for _ in range(3):
        w.grad = torch.randn(12, 10, 3, 3, generator=rng)
        momentum = 0.9 * momentum + 0.1 * w.grad
        nesterov = 0.1 * w.grad + 0.9 * momentum
        expected -= 0.01 * 0.2 * math.sqrt(90) * orthogonal(nesterov.reshape(12, 90), torch.float32).view(12, 10, 3, 3)
        muon.step(0.01, YES)
    assert_close(w.detach(), expected, rtol=1e-4, atol=1e-6)


def test_an_update_is_as_large_as_adam_s() -> None:
    w = nn.Parameter(torch.zeros(64, 32, 3, 3))
    w.grad = torch.randn(64, 32, 3, 3, generator=torch.Generator().manual_seed(3))
    Muon([w], torch.float32).step(1.0, YES)
    assert 0.1 < float(w.detach().square().mean().sqrt()) < 0.3


def test_a_bad_step_changes_nothing() -> None:
    w = nn.Parameter(torch.randn(12, 12, 1, 1, generator=torch.Generator().manual_seed(4)))
    muon = Muon([w], torch.bfloat16)
    w.grad = torch.ones_like(w)
    muon.step(0.1, YES)
    before, momentum = w.detach().clone(), muon.buffers[0].clone()
    w.grad = torch.full_like(w, math.nan)
    muon.step(0.1, NO)
    assert torch.equal(w.detach(), before)
    assert torch.equal(muon.buffers[0], momentum)


def test_the_weights_it_is_for() -> None:
    with torch.device("meta"):
        net = UNet(ModelConfig(channels=(32, 64), attention=True))
    chosen = {id(w) for w in muon_parameters(net)}
    names = {name for name, p in net.named_parameters() if id(p) in chosen}
    assert {
        "down.0.block.conv1.weight",
        "down.1.downsample.weight",
        "up.1.upsample.weight",
        "up.0.block.skip.weight",
        "attention.qkv.weight",
    } <= names
    assert not {"conv_in.weight", "conv_out.weight", "label.weight", "time.0.weight", "down.0.block.norm1.weight", "down.0.block.conv1.bias"} & names


def test_momentum_comes_back_in_the_layout_of_the_weights() -> None:
    w = nn.Parameter(torch.zeros(12, 12, 3, 3).contiguous(memory_format=torch.channels_last))
    muon, saved = Muon([w], torch.float32), torch.randn(12, 12, 3, 3)
    muon.restore({0: saved})
    assert torch.equal(muon.state()[0], saved)
    assert muon.state()[0].is_contiguous(memory_format=torch.channels_last)
    for bad in ({}, {0: torch.zeros(5)}, {0: "momentum"}):
        with pytest.raises((KeyError, TypeError, RuntimeError)):
            muon.restore(bad)  # type: ignore[arg-type]
