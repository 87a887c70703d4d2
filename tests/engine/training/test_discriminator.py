"""The discriminator's losses against their closed forms, and that it learns to tell."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from engine.config.data import MNIST
from engine.models.conditioner import Told
from engine.training.discriminator import GAMMA, LABEL_WEIGHT, LAZY, Discriminator, discriminator_loss, generator_loss

LABEL = torch.tensor([3, 1, 4])
KIND = torch.tensor([0, 0, 0])


class Linear(Discriminator):
    """w · x + b[label], whose gradient is w everywhere; it reads digit k with the logit k w · x."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        rng = torch.Generator().manual_seed(0)
        self.w = nn.Parameter(torch.randn(1, 28, 28, generator=rng) / 28)
        self.b = nn.Parameter(torch.arange(10.0))

    def forward(self, x: Tensor, label: Tensor, kind: Tensor, told: Told | None = None) -> tuple[Tensor, Tensor]:
        wx = (x * self.w).sum((1, 2, 3))
        return wx + self.b[label], wx[:, None] * torch.arange(10.0)


def digits(seed: int) -> Tensor:
    return torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(seed))


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def misread(judge: Linear, x: Tensor) -> float:
    """The mean of -log p(label)."""
    return sum(math.log(sum(math.exp(k * wx) for k in range(10))) - label * wx for wx, label in zip(dots(judge, x), LABEL.tolist(), strict=True)) / 3


def dots(judge: Linear, x: Tensor) -> list[float]:
    return (x * judge.w).sum((1, 2, 3)).tolist()


def test_losses_compare_each_drawn_with_a_real_one_of_its_label_and_read_it() -> None:
    judge, real, drawn = Linear(), digits(1), digits(2)
    better = [r - d for r, d in zip(dots(judge, real), dots(judge, drawn), strict=True)]
    expected = sum(softplus(-b) for b in better) / 3 + misread(judge, real)
    assert discriminator_loss(judge, real, drawn, LABEL, KIND, penalised=False).item() == pytest.approx(expected, rel=1e-4)
    expected = sum(softplus(b) for b in better) / 3 + LABEL_WEIGHT * misread(judge, drawn)
    assert generator_loss(judge, real, drawn, LABEL, KIND).item() == pytest.approx(expected, rel=1e-4)


def test_the_penalty_is_on_both_gradients() -> None:
    judge, real, drawn = Linear(), digits(1), digits(2)
    bare, whole = (discriminator_loss(judge, real, drawn, LABEL, KIND, penalised) for penalised in (False, True))
    assert_close((whole - bare).item(), LAZY * GAMMA / 2 * 2 * judge.w.square().sum().item(), rtol=1e-4, atol=0)
    (of_w,) = torch.autograd.grad(whole - bare, judge.w)
    assert_close(of_w, LAZY * GAMMA * 2 * judge.w.detach())


def test_the_generators_gradient_reaches_what_is_drawn_alone() -> None:
    judge, real, drawn = Linear(), digits(1), digits(2).requires_grad_()
    judge.requires_grad_(False)
    generator_loss(judge, real, drawn, LABEL, KIND).backward()  # type: ignore[no-untyped-call]
    assert drawn.grad is not None
    worse = torch.sigmoid(torch.tensor(dots(judge, real)) - torch.tensor(dots(judge, drawn.detach())))
    p = torch.softmax(torch.tensor(dots(judge, drawn.detach()))[:, None] * torch.arange(10.0), 1)
    pull = (LABEL_WEIGHT * (p @ torch.arange(10.0) - LABEL) - worse).view(3, 1, 1, 1)
    assert_close(drawn.grad, (pull * judge.w / 3).detach(), rtol=1e-4, atol=1e-6)
    assert judge.w.grad is None


@pytest.mark.slow
@pytest.mark.parametrize("of", ["pictures", "label", "kind"])
def test_it_learns_to_tell(of: str, one_thread: None) -> None:
    """Bright pictures from dark ones; or those that are bright where their label (or kind) is odd from those where it is even."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        judge = Discriminator(MNIST, kinds=2)
    optimizer = torch.optim.Adam(judge.parameters(), 1e-3, betas=(0.0, 0.99))
    label, kind = torch.arange(20) % 10, torch.arange(20) // 10
    odd = {"pictures": torch.zeros(20), "label": label % 2, "kind": kind}[of]
    sign = (1.0 - 2 * odd).view(-1, 1, 1, 1)
    real = 0.2 * sign + 0.5 * torch.randn(20, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    drawn = -0.2 * sign + 0.5 * torch.randn(20, 1, 28, 28, generator=torch.Generator().manual_seed(2))
    for step in range(30):
        optimizer.zero_grad()
        discriminator_loss(judge, real, drawn, label, kind, step % LAZY == 0).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert bool((judge(real, label, kind)[0] > judge(drawn, label, kind)[0]).all())
