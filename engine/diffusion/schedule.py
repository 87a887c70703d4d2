"""The noise schedule: how much of x_0 is left at each t, and which timesteps a sampler visits. Knows no network."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.config.model import ScheduleConfig
from engine.config.sampling import Spacing
from engine.errors import SettingError

STUDENT_QUARTERS = ((4,), (4, 2), (4, 2, 1), (4, 3, 2, 1))
"""The timesteps of a student that draws in 1, 2, 3 and 4 steps, in quarters of T."""
ARCTAN = 0.4
"""The power in the spacing `arctan`. 0 would give `logsnr`, and 1 would give `linear` on the cosine schedule."""
ENDS = (80.0, 0.04)
"""sigma / alpha where `arctan` begins and ends, before the schedule's shift: with more noise nothing is visible, with less nothing changes."""


class NoiseSchedule:
    """q(x_t | x_0) = N(sqrt(alpha_bar_t) x_0, (1 - alpha_bar_t) I), t = 0 … T-1 (Ho et al. 2020, eq. 4).

    Built in float64. Training looks up float32 tables on its device, `tables_on(device)`; samplers read Python floats, which need no
    transfer. Every tensor has shape (T,).
    """

    def __init__(self, config: ScheduleConfig | None = None) -> None:
        self.config = config = config or ScheduleConfig()
        self.T = config.T
        beta = _linear(config) if config.kind == "linear" else _cosine(config)
        self.beta = beta if config.shift == 1 else _shifted(beta, config.shift)
        self.alpha_bar = (1 - self.beta).cumprod(0)
        if not 1e-30 < float(self.alpha_bar[-1]) <= float(self.alpha_bar[0]) < 1:
            raise SettingError(f"betas {config.beta_start} … {config.beta_end} over {config.T} steps leave no noise or no image")
        self.snr = self.alpha_bar / (1 - self.alpha_bar)  # Hang et al. 2023, eq. 4
        self._timesteps: dict[tuple[int, Spacing], list[int]] = {}
        self._alpha_bar: list[float] = [*self.alpha_bar.tolist(), 1.0]  # so that index -1 is the clean image

    def tables_on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """sqrt(alpha_bar) and sqrt(1 - alpha_bar), each (T,) in float32 on the device."""
        return (
            self.alpha_bar.sqrt().to(device, torch.float32),
            (1 - self.alpha_bar).sqrt().to(device, torch.float32),
        )

    def alpha_bar_at(self, t: int) -> float:
        """alpha_bar_t; 1 at t = -1, the clean image."""
        if not -1 <= t < self.T:
            raise IndexError(f"t {t} is outside -1 to {self.T - 1}")
        return self._alpha_bar[t]

    def timesteps(self, steps: int, spacing: Spacing) -> list[int]:
        """`steps` distinct timesteps in descending order, evenly spaced in a quantity that `spacing` names. Raises SettingError.

        `arctan`: arctan((sigma / alpha / shift)^ARCTAN), between ENDS. From T-1 to 0: `linear` in t, `quadratic` in its square root, `logsnr` in
        log SNR (Lu et al. 2022). `leading` is diffusers' word for k * (T // steps).
        """
        if not 1 <= steps <= self.T:
            raise SettingError(f"steps {steps} is outside 1 to {self.T}")
        if (steps, spacing) not in self._timesteps:
            self._timesteps[steps, spacing] = self._spaced(steps, spacing)
        return [*self._timesteps[steps, spacing]]

    def _spaced(self, steps: int, spacing: Spacing) -> list[int]:
        if spacing == "leading":
            return [k * (self.T // steps) for k in reversed(range(steps))]
        if steps == 1:
            return [self.T - 1]
        u = torch.linspace(0, 1, steps, dtype=torch.float64)  # 0 at t = 0
        top = self.T - 1
        if spacing == "linear":
            t = u * top
        elif spacing == "quadratic":
            t = (u * math.sqrt(top)) ** 2
        elif spacing == "arctan":
            first, last = (math.atan(ratio**ARCTAN) for ratio in ENDS)
            t = self._nearest(-2 / ARCTAN * (last + (first - last) * u).tan().log() - 2 * math.log(self.config.shift))
        else:
            clean, noisy = self.snr[0].log(), self.snr[-1].log()
            t = self._nearest(clean + (noisy - clean) * u)
        return _distinct([round(v) for v in t.tolist()], top)[::-1]

    def _nearest(self, log_snr: Tensor) -> Tensor:
        """The timesteps whose log SNR is nearest to each of these (N,)."""
        top = self.T - 1
        rising = self.snr.log().flip(0)  # log SNR falls with t
        target = log_snr.clamp(rising[0], rising[-1])
        right = torch.searchsorted(rising, target).clamp(1, top) if top else torch.zeros(len(target), dtype=torch.long)
        left = right - 1
        nearest = torch.where((target - rising[left]).abs() <= (rising[right] - target).abs(), left, right)
        return (top - nearest).double()

    def unshifted_ratio(self, t: int) -> float:
        """sigma / alpha at t as it is without the schedule's shift: comparable between images of different sizes."""
        alpha_bar = self.alpha_bar_at(t)
        return math.sqrt((1 - alpha_bar) / alpha_bar) / self.config.shift

    def student_timesteps(self, steps: int) -> list[int]:
        """The timesteps of a one-step student that draws in `steps` steps: T-1, then those at which noise is added again. Raises SettingError."""
        if not 1 <= steps <= len(STUDENT_QUARTERS):
            raise SettingError(f"steps {steps} is outside 1 to {len(STUDENT_QUARTERS)}")
        return [self.T * quarters // 4 - 1 for quarters in STUDENT_QUARTERS[steps - 1]]


def _linear(config: ScheduleConfig) -> Tensor:
    return torch.linspace(config.beta_start, config.beta_end, config.T, dtype=torch.float64)


def _cosine(config: ScheduleConfig) -> Tensor:
    """Nichol & Dhariwal 2021, eq. 17, with s = 0.008 and beta at most 0.999."""
    t = torch.arange(config.T + 1, dtype=torch.float64) / config.T
    f = torch.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
    return (1 - f[1:] / f[:-1]).clamp(max=0.999)


def _shifted(beta: Tensor, shift: float) -> Tensor:
    """The betas that give `shift` times the sigma / alpha of these (T,), at every t."""
    alpha_bar = (1 - beta).cumprod(0)
    alpha_bar = alpha_bar / (alpha_bar + shift**2 * (1 - alpha_bar))
    return 1 - alpha_bar / torch.cat([torch.ones(1, dtype=torch.float64), alpha_bar[:-1]])


def _distinct(rising: list[int], top: int) -> list[int]:
    """The nearest strictly ascending timesteps. Rounding gives equal ones at the low end when nearly all T are visited."""
    for i in range(1, len(rising)):
        rising[i] = max(rising[i], rising[i - 1] + 1)
    for back, i in enumerate(reversed(range(len(rising)))):
        rising[i] = min(rising[i], top - back)
    return rising


def per_image(v: Tensor) -> Tensor:
    """(N,) -> (N, 1, 1, 1)."""
    return v.view(-1, 1, 1, 1)
