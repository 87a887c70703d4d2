"""What is drawn, asked for and weighted, against the definitions."""

from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close

from engine.config.data import MNIST
from engine.config.model import Prediction, ScheduleConfig
from engine.config.training import Timesteps
from engine.diffusion.denoiser import to_denoiser
from engine.diffusion.loss import GAMMA, LEAST_SIGMA, LOG_SIGMA, NOISY_LOG_SIGMA, NOISY_SHARE, DenoisingLoss
from engine.diffusion.schedule import NoiseSchedule

SIGMA_DATA = MNIST.std
CPU = torch.device("cpu")
SCHEDULE = NoiseSchedule(ScheduleConfig("cosine"))
PREDICTIONS: list[Prediction] = ["eps", "v", "edm", "x0"]


def pictures(n: int = 6) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    return torch.rand(n, 1, 28, 28, generator=rng) * 2 - 1, torch.randn(n, 1, 28, 28, generator=rng), torch.linspace(1, 990, n).long()


@pytest.mark.slow
def test_add_noise_is_that_of_diffusers() -> None:
    from diffusers import DDPMScheduler

    x0, eps, t = pictures()
    theirs = DDPMScheduler(beta_start=1e-4, beta_end=0.02, beta_schedule="linear").add_noise(x0, eps, t)
    ours = DenoisingLoss(NoiseSchedule(), "eps", "uniform", "flat", CPU, SIGMA_DATA).add_noise(x0, t, eps)
    assert_close(ours, theirs, rtol=0, atol=1e-5)  # their alpha_bar is a float32 product


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_right_answer_has_no_loss_and_gives_the_image_back(prediction: Prediction) -> None:
    x0, eps, t = pictures()
    objective = DenoisingLoss(SCHEDULE, prediction, "uniform", "flat", CPU, SIGMA_DATA)
    x_t = objective.add_noise(x0, t, eps)
    a, s = (v[t].view(-1, 1, 1, 1) for v in SCHEDULE.tables_on(CPU))
    weight = 1 / s.clamp(min=LEAST_SIGMA).square() if prediction == "x0" else torch.ones(())
    scale = (a**2 * SIGMA_DATA**2 + s**2).sqrt()
    right = {"eps": eps, "v": a * eps - s * x0, "edm": (x0 - a * SIGMA_DATA**2 / scale**2 * x_t) * scale / (s * SIGMA_DATA), "x0": x0}[prediction]
    assert float(objective.loss(right, x0, x_t, t, eps)) < 1e-6
    assert float(objective.loss(right + 1, x0, x_t, t, eps)) == pytest.approx(float(weight.mean()), rel=1e-2)
    for i, time in enumerate(t.tolist()):
        guess, noise = to_denoiser(lambda x, t, i=i: right[i], SCHEDULE, prediction, SIGMA_DATA)(x_t[i], time)  # type: ignore[misc]
        assert_close(guess, x0[i], rtol=0, atol=2e-3)
        assert_close(noise, eps[i], rtol=0, atol=2e-3)


def test_edm_s_target_has_unit_variance_at_every_noise_level() -> None:
    rng = torch.Generator().manual_seed(1)
    objective = DenoisingLoss(SCHEDULE, "edm", "uniform", "flat", CPU, SIGMA_DATA)
    x0, eps = (torch.randn(4, 1, 100, 100, generator=rng) for _ in range(2))
    for time in (0, 300, 700, 999):
        t = torch.full((4,), time)
        x_t = objective.add_noise(x0 * SIGMA_DATA, t, eps)
        assert float(objective.loss(torch.zeros_like(x0), x0 * SIGMA_DATA, x_t, t, eps)) == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_min_snr_is_the_bounded_error_in_x0(prediction: Prediction) -> None:
    x0, eps, t = pictures()
    objective = DenoisingLoss(SCHEDULE, prediction, "uniform", "min-snr", CPU, SIGMA_DATA)
    x_t = objective.add_noise(x0, t, eps)
    answer = torch.tanh(x_t)
    expected = []
    for i, time in enumerate(t.tolist()):
        guess = to_denoiser(lambda x, t, i=i: answer[i], SCHEDULE, prediction, SIGMA_DATA)(x_t[i], time)[0]  # type: ignore[misc]
        expected.append(min(GAMMA, float(SCHEDULE.snr[time])) * float((guess - x0[i]).square().mean()))
    assert float(objective.loss(answer, x0, x_t, t, eps)) == pytest.approx(sum(expected) / len(expected), rel=1e-2)


def test_x0_prediction_minimises_the_error_in_v() -> None:
    """For the same guess at x0 both losses are the same number, except near the clean image."""
    x0, eps, _ = pictures()
    t = torch.linspace(100, 990, len(x0)).long()
    losses = []
    for prediction in ("v", "x0"):
        objective = DenoisingLoss(SCHEDULE, prediction, "uniform", "flat", CPU, SIGMA_DATA)  # type: ignore[arg-type]
        x_t = objective.add_noise(x0, t, eps)
        a, s = (table[t].view(-1, 1, 1, 1) for table in SCHEDULE.tables_on(CPU))
        guess = torch.tanh(x_t)
        F = (a * x_t - guess) / s if prediction == "v" else guess
        losses.append(float(objective.loss(F, x0, x_t, t, eps)))
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


@pytest.mark.parametrize("shift", [0.5, 3.0])
def test_lognormal_timesteps_move_with_the_schedules_shift(shift: float) -> None:
    schedule = NoiseSchedule(ScheduleConfig("cosine", shift=shift))
    drawn = [
        DenoisingLoss(s, "v", "lognormal", "flat", CPU, SIGMA_DATA).timesteps(500, torch.Generator().manual_seed(2)) for s in (SCHEDULE, schedule)
    ]
    assert int((drawn[0] - drawn[1]).abs().max()) <= 1


def test_lognormal_timesteps_have_have_the_mean_and_deviation_they_name() -> None:
    t = DenoisingLoss(SCHEDULE, "v", "lognormal", "flat", CPU, SIGMA_DATA).timesteps(20_000, torch.Generator().manual_seed(2))
    log_sigma = -0.5 * SCHEDULE.snr.log()[t]
    assert float(log_sigma.mean()) == pytest.approx(LOG_SIGMA[0], abs=0.03)
    assert float(log_sigma.std()) == pytest.approx(LOG_SIGMA[1], abs=0.03)
    assert 0 <= int(t.min()) <= int(t.max()) <= 999


@pytest.mark.parametrize("n", [1, 7, 100, 1000])
def test_stratified_timesteps_are_one_in_each_nth(n: int) -> None:
    t = DenoisingLoss(SCHEDULE, "v", "stratified", "flat", CPU, SIGMA_DATA).timesteps(n, torch.Generator().manual_seed(5))
    edges = torch.arange(n + 1) * 1000 / n
    assert bool(((edges[:-1].floor() <= t) & (t < edges[1:].ceil())).all())


@pytest.mark.parametrize("timesteps", ["uniform", "stratified"])
def test_uniform_timesteps_are_uniform(timesteps: Timesteps) -> None:
    t = DenoisingLoss(SCHEDULE, "v", timesteps, "flat", CPU, SIGMA_DATA).timesteps(20_000, torch.Generator().manual_seed(3)).double()
    assert float(t.mean()) == pytest.approx(499.5, abs=10)
    assert float(t.std()) == pytest.approx(1000 / math.sqrt(12), abs=8)


def test_noisy_timesteps_are_even_but_for_a_share_with_the_mean_and_deviation_they_name() -> None:
    t = DenoisingLoss(SCHEDULE, "v", "noisy", "flat", CPU, SIGMA_DATA).timesteps(20_000, torch.Generator().manual_seed(2))
    log_sigma = -0.5 * SCHEDULE.snr.log()
    even = log_sigma.mean()
    assert float(log_sigma[t].mean()) == pytest.approx(float(even + NOISY_SHARE * (NOISY_LOG_SIGMA[0] - even)), abs=0.02)
    high = float((log_sigma[t] > 1).double().mean())
    assert high == pytest.approx(NOISY_SHARE / 2 + (1 - NOISY_SHARE) * float((log_sigma > 1).double().mean()), abs=0.01)
