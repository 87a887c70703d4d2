"""How images are drawn: sampler, steps, guidance, random seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from engine.config.fields import MAX_SEED, check_finite, check_one_of, check_within

Sampler = Literal["ddpm", "ddim", "dpmpp", "one-step"]


Spacing = Literal["arctan", "quadratic", "logsnr", "linear", "leading"]


Variance = Literal["beta", "posterior"]


ONE_STEP_MOST = 4
"""Evaluations that a one-step student was trained for."""


@dataclass(frozen=True)
class SampleConfig:
    """How to draw. Guidance 1 is none; this is the one place that says so."""

    sampler: Sampler = "dpmpp"
    """ddpm: Ho et al. 2020; ddim: Song et al. 2021; dpmpp: DPM-Solver++(2M), Lu et al. 2022; one-step: a distilled student's."""
    steps: int = 14
    """Network evaluations (guidance doubles their cost), 1 to 1000; a one-step student takes ONE_STEP_MOST at most, and more count as so many."""
    spacing: Spacing = "arctan"
    """Which of the T timesteps are walked: see `NoiseSchedule.timesteps`."""
    guidance: float = 1.4
    """1 is no guidance, 0 ignores the label (Ho & Salimans 2022). A one-step student has it folded in, and none is added."""
    guided_from: float = 0.5
    """Guide above 1 where sigma / alpha, the noise by the signal, is at least this …"""
    guided_to: float = 4.0
    """… and below this; elsewhere guidance is 1 and a step costs one evaluation (Kynkäänniemi et al. 2024)."""
    eta: float = 0.0
    """Noise on the way, of ddim and dpmpp: 0 deterministic, 1 as DDPM with the posterior variance."""
    variance: Variance = "beta"
    """DDPM's sigma²: beta_t as in the seed, or the posterior's."""
    redraw_below: float = 0.9
    """A digit whose label a reader gives a smaller probability is drawn again, from other noise; 0 keeps whatever comes."""
    seed: int = 1
    """Image i takes its noise from (seed, i). Not 0 by default: the first seven that most people see would be one that is hard to read."""

    def __post_init__(self) -> None:
        check_one_of("sampler", self.sampler, Sampler)
        check_one_of("spacing", self.spacing, Spacing)
        check_one_of("variance", self.variance, Variance)
        check_within("steps", self.steps, 1, 1000)
        if self.sampler == "one-step" and self.steps > ONE_STEP_MOST:
            object.__setattr__(self, "steps", ONE_STEP_MOST)
        check_within("seed", self.seed, 0, MAX_SEED)
        check_finite("guidance", self.guidance, -100, 100)
        check_finite("guided-from", self.guided_from, 0)
        check_finite("guided-to", self.guided_to, 0)
        check_finite("eta", self.eta, 0, 1)
        check_finite("redraw-below", self.redraw_below, 0, 1)


def default_for(sampler: Sampler) -> SampleConfig:
    """What it draws with where nothing else is asked for. A student is misread less often, and redrawing costs variety."""
    return SampleConfig(sampler, 1, redraw_below=0.5) if sampler == "one-step" else SampleConfig(sampler)


def with_sampler(sample: SampleConfig, sampler: Sampler) -> SampleConfig:
    """`sample` by another sampler, which has its usual steps and redrawing as far as the two are apart in them and redrawing was not chosen."""
    was, now = default_for(sample.sampler), default_for(sampler)
    steps = sample.steps if was.steps == now.steps else now.steps
    redraw_below = now.redraw_below if sample.redraw_below == was.redraw_below else sample.redraw_below
    return replace(sample, sampler=sampler, steps=steps, redraw_below=redraw_below)


def fit_sampler(sample: SampleConfig, one_step: bool) -> SampleConfig:
    """`sample`, by another sampler where it is not one that such weights can draw with."""
    if one_step == (sample.sampler == "one-step"):
        return sample
    return with_sampler(sample, "one-step" if one_step else SampleConfig.sampler)
