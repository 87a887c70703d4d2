"""Guidance against two separate calls; x_t = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) eps, clipped or not."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from engine.config.model import NO_LABEL, ScheduleConfig
from engine.diffusion.denoiser import clip_x0, to_denoiser
from engine.diffusion.guidance import apply_guidance, fix_labels, guidance_interval, within_interval
from engine.diffusion.schedule import NoiseSchedule

SCHEDULE = NoiseSchedule()
LABELS = torch.tensor([3, NO_LABEL, 9])
FLAT = torch.contiguous_format


class Network:
    """A network to look into: nonlinear in x_t, t and label; an image at a time."""

    def __init__(self) -> None:
        self.calls: list[tuple[Tensor, Tensor, Tensor]] = []

    def __call__(self, x_t: Tensor, t: Tensor, label: Tensor) -> Tensor:
        self.calls.append((x_t, t, label))
        return torch.tanh(x_t + label.to(x_t.dtype).view(-1, 1, 1, 1) / 5) * (1 + t.to(x_t.dtype).view(-1, 1, 1, 1) / 1000)


def x_t() -> Tensor:
    return torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("scale", [-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 7.0])
def test_guidance_is_two_separate_calls(scale: float) -> None:
    with_label = fix_labels(Network(), LABELS, torch.float32, FLAT)(x_t(), 400)
    without = fix_labels(Network(), torch.full_like(LABELS, NO_LABEL), torch.float32, FLAT)(x_t(), 400)
    got = apply_guidance(Network(), LABELS, scale, torch.float32, FLAT)(x_t(), 400)
    assert_close(got, without + scale * (with_label - without), rtol=1e-5, atol=1e-5)
    assert_close(got[1], without[1], rtol=1e-5, atol=1e-6)  # where there is no label, guidance has nothing to say


@pytest.mark.parametrize(("scale", "images"), [(0.0, 3), (1.0, 3), (2.0, 6)])
def test_guidance_costs_a_second_half_only_where_it_needs_one(scale: float, images: int) -> None:
    network = Network()
    apply_guidance(network, LABELS, scale, torch.float32, FLAT)(x_t(), 7)
    ((given, t, label),) = network.calls
    assert len(given) == len(t) == len(label) == images
    assert set(t.tolist()) == {7}


def test_the_network_is_called_in_its_own_precision_and_layout() -> None:
    network = Network()
    both = torch.randn(3, 4, 28, 28, generator=torch.Generator().manual_seed(0))
    out = fix_labels(network, LABELS, torch.bfloat16, torch.channels_last)(both, 3)
    assert network.calls[0][0].dtype == torch.bfloat16
    assert network.calls[0][0].is_contiguous(memory_format=torch.channels_last)
    assert out.dtype == torch.float32


def test_guidance_within_an_interval_costs_and_changes_nothing_outside() -> None:
    network = Network()
    inside = apply_guidance(network, LABELS, 3.0, torch.float32, FLAT)
    outside = fix_labels(network, LABELS, torch.float32, FLAT)
    answer = guidance_interval(inside, outside, SCHEDULE, 0.5, 5.0)
    sigma = [math.sqrt(1 / float(SCHEDULE.snr[t])) for t in range(1000)]
    for t in (0, 100, next(t for t in range(1000) if sigma[t] >= 0.5), 400, next(t for t in range(1000) if sigma[t] >= 5.0), 999):
        network.calls.clear()
        got = answer(x_t(), t)
        assert len(network.calls[0][0]) == (6 if 0.5 <= sigma[t] < 5.0 else 3)
        assert torch.equal(got, (inside if 0.5 <= sigma[t] < 5.0 else outside)(x_t(), t))


@pytest.mark.parametrize("t", [0, 1, 500, 999])
@pytest.mark.parametrize("clip", [False, True])
def test_x0_and_eps_agree_with_x_t(t: int, clip: bool) -> None:
    denoise = to_denoiser(apply_guidance(Network(), LABELS, 2.0, torch.float32, FLAT), SCHEDULE)
    x0, eps = (clip_x0(denoise, SCHEDULE) if clip else denoise)(x_t(), t)
    a = SCHEDULE.alpha_bar_at(t)
    assert_close(math.sqrt(a) * x0 + math.sqrt(1 - a) * eps, x_t(), rtol=1e-4, atol=1e-5)
    assert float(x0.abs().max()) <= 1 or not clip


def test_clipping_changes_only_what_is_outside() -> None:
    free, held = to_denoiser(lambda x, t: 0.9 * x, SCHEDULE), clip_x0(to_denoiser(lambda x, t: 0.9 * x, SCHEDULE), SCHEDULE)
    x0, eps = free(x_t(), 300)
    x0_held, eps_held = held(x_t(), 300)
    inside = x0.abs() <= 1
    assert 0 < inside.sum() < inside.numel()
    assert_close(x0_held[inside], x0[inside])
    assert_close(eps_held[inside], eps[inside], rtol=1e-4, atol=1e-5)
    assert_close(x0_held[~inside], x0[~inside].sign())


def test_true_noise_gives_the_image_back() -> None:
    rng = torch.Generator().manual_seed(1)
    x0, eps = torch.rand(3, 1, 28, 28, generator=rng) * 2 - 1, torch.randn(3, 1, 28, 28, generator=rng)
    alpha_bar = SCHEDULE.alpha_bar_at(600)
    noisy = alpha_bar**0.5 * x0 + (1 - alpha_bar) ** 0.5 * eps
    guess, same = to_denoiser(lambda x, t: eps, SCHEDULE)(noisy, 600)
    assert_close(guess, x0, rtol=0, atol=1e-5)
    assert same is eps


def test_the_interval_of_guidance_moves_with_the_schedules_shift() -> None:
    """A size of image changes neither when guidance begins in a drawing nor when it ends."""
    shifted = NoiseSchedule(ScheduleConfig(shift=64 / 28))
    for t in range(0, 1000, 7):
        assert within_interval(shifted, t, 0.5, 4.0) == within_interval(SCHEDULE, t, 0.5, 4.0)
