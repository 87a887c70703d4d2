"""The samplers against diffusers' schedulers step by step, and against the closed form of a Gaussian."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from engine.config.sampling import SampleConfig, Sampler, Spacing
from engine.diffusion.denoiser import Denoise, clip_x0, to_denoiser
from engine.diffusion.samplers import Step, ddim, ddpm, dpmpp_2m, sample
from engine.diffusion.schedule import NoiseSchedule

SCHEDULE = NoiseSchedule()
SEEDS_BETAS = {"beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear", "prediction_type": "epsilon"}
Exact = Callable[[NoiseSchedule, float, float], Denoise]


def fake_eps(x: Tensor, t: int) -> Tensor:
    """Bounded, nonlinear, and different at every t."""
    return torch.sin(1.3 * x + t / 300) + 0.2 * x.roll(1, -1).tanh()


def noise_like(x: Tensor, seed: int) -> Callable[[], Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(x.shape, generator=rng, dtype=x.dtype)


def start(seed: int = 0) -> Tensor:
    return torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


def no_noise() -> Tensor:
    raise AssertionError("a deterministic sampler drew noise")


def hold(ours: Iterator[Step], theirs: Any, x: Tensor, within: float = 2e-4, **more: Any) -> None:
    """Each of our steps beside diffusers' from the same x, and both trajectories to their ends."""
    steps = 0
    for step, t in zip(ours, theirs.timesteps, strict=True):
        assert step.t == int(t)
        out = theirs.step(fake_eps(x, int(t)), t, x, **more)
        x = out.prev_sample
        assert_close(step.x, x, rtol=within, atol=within * float(x.abs().max()), msg=lambda m, step=step: f"step {step.i}: {m}")
        if "pred_original_sample" in out:
            assert_close(step.x0, out.pred_original_sample, rtol=within, atol=within * float(step.x0.abs().max()))
        steps += 1
    assert steps == len(theirs.timesteps)


@pytest.mark.parametrize("n", [1000, 50, 1])
@pytest.mark.parametrize(("ours", "theirs"), [("beta", "fixed_large"), ("posterior", "fixed_small")])
def test_ddpm_is_that_of_diffusers(ours: str, theirs: str, n: int) -> None:
    from diffusers import DDPMScheduler

    scheduler = DDPMScheduler(**SEEDS_BETAS, clip_sample=False, variance_type=theirs)
    scheduler.set_timesteps(n)
    x = start()
    walked = ddpm(to_denoiser(fake_eps, SCHEDULE), x, SCHEDULE, SCHEDULE.timesteps(n, "leading"), noise_like(x, 1), ours)
    hold(walked, scheduler, x, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("t", "variance"), [(487, 0.009791571986), (999, 0.019999983527)])
def test_the_posterior_variance_of_ddpm(t: int, variance: float) -> None:
    """From x, x0 and eps of 0 a step leads to sigma times its noise, here 1."""
    zeros = torch.zeros(1, 1, 1, 1, dtype=torch.float64)
    first = next(ddpm(lambda x, _: (x, x), zeros, SCHEDULE, [t, t - 1], lambda: zeros + 1, "posterior"))
    assert float(first.x) ** 2 == pytest.approx(variance, rel=1e-9)


@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("n", [1, 2, 10, 50, 1000])
def test_ddim_is_that_of_diffusers(n: int, eta: float) -> None:
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(**SEEDS_BETAS, clip_sample=False, set_alpha_to_one=True, steps_offset=0, timestep_spacing="leading")
    scheduler.set_timesteps(n)
    x = start()
    noise = noise_like(x, 2) if eta else no_noise
    walked = ddim(to_denoiser(fake_eps, SCHEDULE), x, SCHEDULE, SCHEDULE.timesteps(n, "leading"), noise, eta)
    hold(walked, scheduler, x, eta=eta, generator=torch.Generator().manual_seed(2))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers calls np.array(tensor)
@pytest.mark.parametrize("spacing", ["arctan", "quadratic", "logsnr", "linear", "leading"])
@pytest.mark.parametrize("n", [1, 2, 3, 10, 20, 50])
@pytest.mark.parametrize(("eta", "theirs"), [(0.0, "dpmsolver++"), (1.0, "sde-dpmsolver++")], ids=["ODE", "SDE"])
def test_dpmpp_is_that_of_diffusers(n: int, spacing: Spacing, eta: float, theirs: str) -> None:
    from diffusers import DPMSolverMultistepScheduler

    scheduler = DPMSolverMultistepScheduler(
        **SEEDS_BETAS, algorithm_type=theirs, solver_order=2, solver_type="midpoint", lower_order_final=True, final_sigmas_type="zero"
    )
    timesteps = SCHEDULE.timesteps(n, spacing)
    scheduler.set_timesteps(timesteps=timesteps)
    x = start()
    noise = noise_like(x, 3) if eta else no_noise
    walked = dpmpp_2m(to_denoiser(fake_eps, SCHEDULE), x, SCHEDULE, timesteps, noise, eta)
    hold(walked, scheduler, x, 5e-4, generator=torch.Generator().manual_seed(3))  # diffusers takes 1 - exp(-2h) in float32


# --- the sums that diffusers' own tests expect ------------------------------------------------------------------------


def golden_start() -> Tensor:
    """diffusers' dummy_sample_deter: 4 images of 3 channels of 8x8, rising from 0 to 1."""
    return (torch.arange(768).reshape(3, 8, 8, 4) / 768).permute(3, 0, 1, 2)


def golden_eps(x: Tensor, t: int) -> Tensor:
    return x * (t / (t + 1))


def test_golden_ddpm() -> None:
    x = golden_start()
    denoise = clip_x0(to_denoiser(golden_eps, SCHEDULE), SCHEDULE)
    *_, last = ddpm(denoise, x, SCHEDULE, SCHEDULE.timesteps(1000, "leading"), noise_like(x, 0), "posterior")
    assert float(last.x.abs().sum()) == pytest.approx(258.9606, abs=1e-2)


def test_golden_ddim() -> None:
    denoise = clip_x0(to_denoiser(golden_eps, SCHEDULE), SCHEDULE)
    *_, last = ddim(denoise, golden_start(), SCHEDULE, SCHEDULE.timesteps(10, "leading"), no_noise)
    assert float(last.x.abs().sum()) == pytest.approx(172.0067, abs=1e-2)


def test_golden_dpmpp() -> None:
    """diffusers' test stops at t = 0 rather than at the clean image, and walks `linspace`."""
    timesteps = [999, 899, 799, 699, 599, 500, 400, 300, 200, 100, 0]
    *_, at_zero, _ = dpmpp_2m(to_denoiser(golden_eps, SCHEDULE), golden_start(), SCHEDULE, timesteps, no_noise)
    assert float(at_zero.x.abs().mean()) == pytest.approx(0.3301, abs=1e-3)


# --- the closed form of a Gaussian ------------------------------------------------------------------------------------

MU, S = 0.4, 0.5


def flow(x: Tensor, t: int, to: int) -> Tensor:
    """The probability-flow ODE of N(MU, S²), solved: (x - sqrt(alpha_bar) MU) / sqrt(alpha_bar S² + 1 - alpha_bar) stays what it is."""
    a, b = SCHEDULE.alpha_bar_at(t), SCHEDULE.alpha_bar_at(to)
    return math.sqrt(b) * MU + math.sqrt(b * S**2 + 1 - b) * (x - math.sqrt(a) * MU) / math.sqrt(a * S**2 + 1 - a)


def scalars(n: int, seed: int) -> Tensor:
    return torch.randn(n, 1, 1, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("sampler", "order"), [(ddim, 1), (dpmpp_2m, 2)], ids=["ddim", "dpmpp"])
def test_error_falls_with_the_order_of_the_sampler(sampler: Callable[..., Iterator[Step]], order: int, exact: Exact) -> None:
    """Halving the steps of t from 999 to 39 divides the error by 2^order."""
    x = torch.tensor([-1.5, 0.1, 2.0], dtype=torch.float64).view(3, 1, 1, 1)
    errors = []
    for stride in (20, 10, 5):
        *_, at_39, _ = sampler(exact(SCHEDULE, MU, S), x, SCHEDULE, range(999, 38, -stride), no_noise)
        errors.append(float((at_39.x - flow(x, 999, 39)).abs().max()))
    assert errors[0] < 0.1
    assert [math.log2(a / b) for a, b in pairwise(errors)] == pytest.approx([order, order], abs=0.25)


@pytest.mark.parametrize(
    ("sampler", "n", "within"), [(ddim, 1000, 5e-3), (dpmpp_2m, 50, 5e-3), (dpmpp_2m, 1000, 2e-3)], ids=["ddim", "dpmpp 50", "dpmpp 1000"]
)
def test_deterministic_samplers_solve_the_flow(sampler: Callable[..., Iterator[Step]], n: int, within: float, exact: Exact) -> None:
    """So noise of the right mean and variance becomes data of the right mean and variance."""
    u = scalars(5, 3)
    x = SCHEDULE.alpha_bar_at(999) ** 0.5 * MU + (SCHEDULE.alpha_bar_at(999) * S**2 + 1 - SCHEDULE.alpha_bar_at(999)) ** 0.5 * u
    *_, last = sampler(exact(SCHEDULE, MU, S), x, SCHEDULE, SCHEDULE.timesteps(n, "logsnr"), no_noise)
    assert_close(last.x, MU + S * u, rtol=0, atol=within)


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [
        SampleConfig("ddpm", 1000),
        SampleConfig("ddpm", 1000, variance="posterior"),
        SampleConfig("ddim", 1000, eta=1.0),
        SampleConfig("dpmpp", 100, "logsnr", eta=1.0),
        SampleConfig("dpmpp", 100, "logsnr", eta=0.5),
    ],
    ids=["ddpm beta", "ddpm posterior", "ddim eta 1", "dpmpp eta 1", "dpmpp eta 0.5"],
)
def test_stochastic_samplers_reach_mean_and_variance(config: SampleConfig, exact: Exact) -> None:
    n = 20_000
    *_, last = sample(exact(SCHEDULE, MU, S), scalars(n, 4), SCHEDULE, config, noise_like(scalars(n, 4), 5))
    assert float(last.x.mean()) == pytest.approx(MU, abs=4 * S / math.sqrt(n))
    assert float(last.x.var()) == pytest.approx(S**2, rel=4 * math.sqrt(2 / n) + 0.01)  # 1% for what 1000 steps leave


def test_beta_is_exact_for_unit_variance_at_any_number_of_steps(exact: Exact) -> None:
    """Ho et al. 2020, section 3.2: sigma² = beta is optimal for x_0 ~ N(0, I): every x_t is then N(0, 1)."""
    n = 20_000
    for step in ddpm(exact(SCHEDULE, 0.0, 1.0), scalars(n, 6), SCHEDULE, [999, 600, 250, 40], noise_like(scalars(n, 6), 7)):
        if step.i < 4:
            assert float(step.x.var()) == pytest.approx(1, rel=4 * math.sqrt(2 / n))


def test_posterior_is_exact_for_one_image_at_any_number_of_steps(exact: Exact) -> None:
    """Section 3.2 again: the posterior variance is optimal where x_0 is one point; x_t is then N(sqrt(alpha_bar) x_0, 1 - alpha_bar)."""
    n = 20_000
    for sampler, more in ((ddpm, "posterior"), (ddim, 1.0)):
        x = SCHEDULE.alpha_bar_at(999) ** 0.5 * MU + scalars(n, 8)
        walked = list(sampler(exact(SCHEDULE, MU, 0.0), x, SCHEDULE, [999, 600, 250, 40], noise_like(x, 9), more))
        for step, t in zip(walked, [600, 250, 40], strict=False):
            a = SCHEDULE.alpha_bar_at(t)
            assert float(step.x.mean()) == pytest.approx(math.sqrt(a) * MU, abs=4 * math.sqrt((1 - a) / n))
            assert float(step.x.var()) == pytest.approx(1 - a, rel=4 * math.sqrt(2 / n))
        assert_close(walked[-1].x, torch.full_like(x, MU), rtol=0, atol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_one_step_gives_the_guess_and_noises_it_again(n: int) -> None:
    """A student that answers the same picture from any noise draws it, whatever the number of steps; each noised guess has the variance of its t."""
    seen: dict[int, Tensor] = {}

    def student(x_t: Tensor, t: int) -> tuple[Tensor, Tensor]:
        seen[t] = x_t
        return torch.full_like(x_t, MU), x_t

    x = scalars(20_000, 13)
    *_, last = sample(student, x, SCHEDULE, SampleConfig("one-step", n), noise_like(x, 14))
    assert (last.i, last.n) == (n, n)
    assert torch.equal(last.x, torch.full_like(x, MU))
    assert list(seen) == [[999], [999, 499], [999, 499, 249], [999, 749, 499, 249]][n - 1]
    for t, x_t in list(seen.items())[1:]:
        a = SCHEDULE.alpha_bar_at(t)
        assert float(x_t.mean()) == pytest.approx(math.sqrt(a) * MU, abs=4 * math.sqrt((1 - a) / 20_000))
        assert float(x_t.var()) == pytest.approx(1 - a, rel=4 * math.sqrt(2 / 20_000))


# --- walking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", ["ddpm", "ddim", "dpmpp"])
@pytest.mark.parametrize("n", [1, 2, 7, 999, 1000])
def test_any_number_of_steps_runs(sampler: Sampler, n: int, exact: Exact) -> None:
    x = scalars(4, 10)
    spacings: tuple[Spacing, ...] = ("arctan", "quadratic", "logsnr", "linear", "leading")
    for spacing in spacings:
        config = SampleConfig(sampler, n, spacing, eta=0.5)
        steps = list(sample(clip_x0(exact(SCHEDULE, MU, S), SCHEDULE), x, SCHEDULE, config, noise_like(x, 11)))
        assert [step.i for step in steps] == list(range(1, n + 1))
        assert {step.n for step in steps} == {n}
        assert [step.t for step in steps] == SCHEDULE.timesteps(n, spacing)
        assert torch.isfinite(steps[-1].x).all()
        assert steps[-1].x.abs().max() <= 1 + 1e-6  # the last step gives the clipped x0


def test_inference_mode_does_not_leak(exact: Exact) -> None:
    for _ in ddim(exact(SCHEDULE, MU, S), scalars(2, 12), SCHEDULE, [999, 500, 0], no_noise):
        assert not torch.is_inference_mode_enabled()
