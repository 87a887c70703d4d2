"""How images are drawn: sampler, steps, guidance, random seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from engine.config.fields import MAX_SEED, check_fields, setting

Sampler = Literal["ddpm", "ddim", "dpmpp", "one-step"]
Spacing = Literal["arctan", "quadratic", "logsnr", "linear", "leading"]
Variance = Literal["beta", "posterior"]

ONE_STEP_MOST = 4
"""Evaluations that a one-step student was trained for."""
DDPM_STEPS = 1000
"""The steps of the chain that ddpm was derived for."""
FEWEST_STEPS: dict[Sampler, int] = {"ddpm": 50, "ddim": 5, "dpmpp": 4, "one-step": 1}
"""With fewer, pictures show the noise that is left."""


@dataclass(frozen=True)
class SampleConfig:
    """How to draw. Guidance 1 is no guidance; this is the one place that says so."""

    sampler: Sampler = setting(
        "dpmpp",
        "dpmpp and ddim need few steps, ddpm needs 1000; one-step needs the weights of a one-step student.",
        hint="dpmpp, ddim: few steps; ddpm: 1000",
        choices=Sampler,
        option="--sampler",
    )
    """ddpm: Ho et al. 2020; ddim: Song et al. 2021; dpmpp: DPM-Solver++(2M), Lu et al. 2022; one-step: a distilled student."""

    steps: int = setting(
        14,
        f"Denoising steps, {{low}} to {{high}}; with one-step 1 to {ONE_STEP_MOST}.",
        hint="{low} to {high}; 14 are enough for dpmpp",
        low=1,
        high=1000,
        option="--steps",
    )
    """Network evaluations; guidance doubles their cost. For a one-step student values above ONE_STEP_MOST are clamped."""

    spacing: Spacing = setting(
        "arctan",
        "How the steps are spread over the noise levels.",
        hint="how steps are spread over noise levels",
        choices=Spacing,
        option="--spacing",
    )
    """Which of the T timesteps are used: see `NoiseSchedule.timesteps`."""

    guidance: float = setting(
        1.4,
        "How strongly the label steers the drawing; 1 is no guidance, and above 2 all drawings of a label look alike.",
        hint="1: none; 1.4: good; above 2: all look alike",
        low=-100,
        high=100,
        option="--guidance",
    )
    """0 ignores the label (Ho & Salimans 2022). A one-step student has guidance built in, and none is added."""

    guided_from: float = setting(
        0.5,
        "Guidance above 1 applies only where noise / signal (sigma / alpha) is at least this.",
        hint="guide only where noise / signal is ≥ this",
        low=0,
        option="--guided-from",
    )
    """Outside of the interval guidance is 1, and a step costs one evaluation (Kynkäänniemi et al. 2024).

    Noise / signal as it is at MNIST's size: the schedule's shift, for larger images, does not count.
    """

    guided_to: float = setting(
        4.0,
        "Guidance above 1 applies only where noise / signal (sigma / alpha) is below this.",
        hint="guide only where noise / signal is < this",
        low=0,
        option="--guided-to",
    )

    eta: float = setting(
        0.0,
        "Noise that ddim and dpmpp add at each step: 0 adds none, 1 as much as ddpm.",
        hint="noise added at each step of ddim and dpmpp",
        low=0,
        high=1,
        option="--eta",
    )
    """0 is deterministic; 1 equals DDPM with the posterior variance."""

    variance: Variance = setting(
        "beta",
        "Variance of the noise that ddpm adds: beta_t as in the guide, or that of the posterior.",
        hint="of the noise that ddpm adds at each step",
        choices=Variance,
        option="--variance",
    )

    redraw_below: float = setting(
        0.9,
        "Redraw a picture if the classifier gives its label a lower probability than this; 0 never redraws, the default without a good classifier.",
        hint="redraw below this certainty; 0: never",
        low=0,
        high=1,
        option="--redraw-below",
    )
    """A redrawn image starts from other noise. Images of a data set that has no reader are never redrawn: see `find_reader`.

    Where nobody chose it, only data sets with a good reader redraw: see `usual_redraw_below`.
    """

    seed: int = setting(
        1,
        "Random seed: the same seed draws the same pictures.",
        hint="same random seed, same pictures",
        low=0,
        high=MAX_SEED,
        option="--seed",
    )
    """Image i takes its noise from (seed, i). The default is not 0: with 0, the first seven that most people draw would be hard to read."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.sampler == "one-step" and self.steps > ONE_STEP_MOST:
            object.__setattr__(self, "steps", ONE_STEP_MOST)


def default_for(sampler: Sampler) -> SampleConfig:
    """The default settings of a sampler: ddpm needs all its steps. A one-step student redraws less: its digits are misread less often, and
    redrawing costs variety.
    """
    if sampler == "one-step":
        return SampleConfig(sampler, 1, redraw_below=0.5)
    return SampleConfig(sampler, DDPM_STEPS) if sampler == "ddpm" else SampleConfig(sampler)


def steps_hint(sample: SampleConfig) -> str:
    """What to change where the steps are so few that the sampler draws no clean pictures; empty where they are enough."""
    if sample.steps >= FEWEST_STEPS[sample.sampler]:
        return ""
    if sample.sampler == "ddpm":
        return f"ddpm leaves speckles after {sample.steps} steps; it usually takes {DDPM_STEPS}, while dpmpp needs {SampleConfig.steps}"
    steps = "a step" if sample.steps == 1 else f"{sample.steps} steps"
    return f"{sample.sampler} draws blurred pictures in {steps}; use at least {FEWEST_STEPS[sample.sampler]}"


def with_sampler(sample: SampleConfig, sampler: Sampler) -> SampleConfig:
    """`sample` with another sampler.

    Where the defaults of the two samplers differ, `steps` becomes the new default, and so does `redraw_below` unless it was changed.
    """
    old, new = default_for(sample.sampler), default_for(sampler)
    steps = sample.steps if old.steps == new.steps else new.steps
    redraw_below = new.redraw_below if sample.redraw_below == old.redraw_below else sample.redraw_below
    return replace(sample, sampler=sampler, steps=steps, redraw_below=redraw_below)


def fit_sampler(sample: SampleConfig, one_step: bool) -> SampleConfig:
    """`sample` with a sampler that the weights can use: one-step for a one-step student, and only for one."""
    if one_step == (sample.sampler == "one-step"):
        return sample
    return with_sampler(sample, "one-step" if one_step else SampleConfig.sampler)
