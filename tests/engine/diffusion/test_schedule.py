"""The schedule against the closed-form table, a direct computation by Bayes' rule, and diffusers."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from engine.config.model import ScheduleConfig, ScheduleKind
from engine.config.sampling import Spacing
from engine.diffusion.schedule import ARCTAN, ENDS, NoiseSchedule
from engine.errors import SettingError

LINEAR = NoiseSchedule()
COSINE = NoiseSchedule(ScheduleConfig(kind="cosine"))
SPACINGS: tuple[Spacing, ...] = ("arctan", "quadratic", "logsnr", "linear", "leading")


def noise_to_signal(schedule: NoiseSchedule, t: int) -> float:
    return float(schedule.snr[t]) ** -0.5


@pytest.mark.parametrize(
    ("t", "alpha_bar", "root", "snr"),
    [
        (0, 0.9999, 0.99994999875, 9999),
        (249, 0.524085373825, 0.723937410157, 1.101217),
        (499, 0.078587242882, 0.280334162887, 0.0852899),
        (999, 4.0358297653757e-5, 0.006352818088, 4.03599e-5),
    ],
)
def test_closed_form_table(t: int, alpha_bar: float, root: float, snr: float) -> None:
    assert LINEAR.alpha_bar[t].item() == pytest.approx(alpha_bar, rel=1e-11)
    assert LINEAR.alpha_bar_at(t) == LINEAR.alpha_bar[t].item()
    assert LINEAR.snr[t].item() == pytest.approx(snr, rel=1e-6)
    sqrt_alpha_bar, sqrt_one_minus = LINEAR.tables_on(torch.device("cpu"))
    assert sqrt_alpha_bar.dtype == torch.float32
    assert sqrt_alpha_bar[t].item() == pytest.approx(root, rel=1e-7)
    assert sqrt_one_minus[t].item() == pytest.approx(math.sqrt(1 - alpha_bar), rel=1e-6)


def test_the_clean_image_is_at_minus_one() -> None:
    assert LINEAR.alpha_bar_at(-1) == 1
    for t in (-2, 1000):
        with pytest.raises(IndexError):
            LINEAR.alpha_bar_at(t)


@pytest.mark.parametrize("kind", ["linear", "cosine"])
def test_a_shift_multiplies_the_noise_by_the_signal_at_every_t(kind: ScheduleKind) -> None:
    plain, shifted = (NoiseSchedule(ScheduleConfig(kind=kind, shift=shift)) for shift in (1.0, 3.0))
    assert_close((shifted.snr / plain.snr).log(), torch.full((1000,), -2 * math.log(3), dtype=torch.float64))
    assert shifted.timesteps(14, "arctan") == plain.timesteps(14, "arctan")  # its ENDS and what lies between move with it
    assert shifted.unshifted_ratio(500) == pytest.approx(noise_to_signal(plain, 500))


def test_blocks_of_a_large_image_are_as_noisy_as_a_small_one() -> None:
    """Hoogeboom et al. 2023, section 3.1: the mean of 2x2 pixels under a shift of 2 has the noise / signal of one pixel without."""
    plain, shifted = (NoiseSchedule(ScheduleConfig("cosine", shift=shift)) for shift in (1.0, 2.0))
    eps = torch.randn(1, 1, 512, 512, generator=torch.Generator().manual_seed(0))
    for t in (100, 500, 900):
        a, s = (float(table[t]) for table in shifted.tables_on(torch.device("cpu")))
        noise = torch.nn.functional.avg_pool2d(s * eps, 2).std() / a
        assert float(noise) == pytest.approx(noise_to_signal(plain, t), rel=0.01)


@pytest.mark.parametrize(("schedule", "name"), [(LINEAR, "linear"), (COSINE, "squaredcos_cap_v2")], ids=["linear", "cosine"])
def test_betas_are_those_of_diffusers(schedule: NoiseSchedule, name: str) -> None:
    from diffusers import DDPMScheduler

    theirs = DDPMScheduler(beta_start=1e-4, beta_end=0.02, beta_schedule=name)
    assert_close(schedule.beta.float(), theirs.betas, rtol=1e-5, atol=1e-7)
    assert schedule.beta.max() <= 0.999


@pytest.mark.parametrize("schedule", [LINEAR, COSINE], ids=["linear", "cosine"])
def test_noise_only_grows(schedule: NoiseSchedule) -> None:
    assert (schedule.alpha_bar.diff() < 0).all()
    assert 0 < schedule.alpha_bar[-1] < 1e-4
    assert (schedule.snr.diff() < 0).all()
    assert torch.isfinite(schedule.snr).all()


@given(st.integers(1, 1000) | st.sampled_from([1, 2, 3, 998, 999, 1000]), st.sampled_from(SPACINGS), st.sampled_from([LINEAR, COSINE]))
@settings(max_examples=300, deadline=None)
def test_timesteps_are_distinct_falling_and_within(n: int, spacing: Spacing, schedule: NoiseSchedule) -> None:
    timesteps = schedule.timesteps(n, spacing)
    assert len(timesteps) == n
    assert all(type(t) is int for t in timesteps)
    assert all(a > b for a, b in pairwise(timesteps))
    assert 0 <= timesteps[-1] <= timesteps[0] <= 999
    if spacing == "leading":
        assert timesteps == [k * (1000 // n) for k in range(n)][::-1]
    elif spacing == "arctan" and 1 < n < 100:
        assert [noise_to_signal(schedule, t) for t in (timesteps[0], timesteps[-1])] == pytest.approx(ENDS, rel=0.1)
    elif spacing != "arctan":
        assert timesteps[0] == 999
        assert timesteps[-1] == (0 if n > 1 else 999)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_thousand_steps_walk_every_timestep(spacing: Spacing) -> None:
    assert LINEAR.timesteps(1000, spacing) == list(range(999, -1, -1))


@given(st.integers(1, 12), st.data(), st.sampled_from(SPACINGS))
@settings(max_examples=100, deadline=None)
def test_short_schedules_have_timesteps_too(T: int, data: st.DataObject, spacing: Spacing) -> None:
    n = data.draw(st.integers(1, T))
    timesteps = NoiseSchedule(ScheduleConfig(T=T)).timesteps(n, spacing)
    assert len(set(timesteps)) == n
    assert timesteps == sorted(timesteps, reverse=True)
    assert set(timesteps) <= set(range(T))


def test_spacings_are_even_in_what_they_say() -> None:
    roots = [math.sqrt(t) for t in LINEAR.timesteps(10, "quadratic")]
    assert [a - b for a, b in pairwise(roots)] == pytest.approx([math.sqrt(999) / 9] * 9, abs=0.15)
    log_snr = [LINEAR.snr[t].log().item() for t in LINEAR.timesteps(10, "logsnr")]
    whole = math.log(LINEAR.snr[0].item() / LINEAR.snr[999].item())
    # but for t = 0 and 1, whose log SNR are 1.1 apart, some timestep is near every target
    assert [b - a for a, b in pairwise(log_snr)] == pytest.approx([whole / 9] * 9, abs=0.6)
    assert LINEAR.timesteps(4, "linear") == [999, 666, 333, 0]
    angles = [math.atan(noise_to_signal(LINEAR, t) ** ARCTAN) for t in LINEAR.timesteps(10, "arctan")]
    assert [a - b for a, b in pairwise(angles)] == pytest.approx([(angles[0] - angles[-1]) / 9] * 9, rel=0.03)


@pytest.mark.parametrize("steps", [0, -1, 1001])
def test_steps_outside_the_schedule_are_an_error(steps: int) -> None:
    with pytest.raises(SettingError, match="1 to 1000"):
        LINEAR.timesteps(steps, "quadratic")


@pytest.mark.parametrize(
    "config", [ScheduleConfig(beta_start=1e-30, beta_end=1e-30), ScheduleConfig(beta_start=0.9, beta_end=0.99)], ids=["no noise", "underflow"]
)
def test_a_schedule_that_float64_can_not_hold_is_an_error(config: ScheduleConfig) -> None:
    with pytest.raises(SettingError, match="betas"):
        NoiseSchedule(config)
