"""What training minimises: how t is sampled, what the network should predict from x_t, and the weight of each t."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.config.model import Prediction
from engine.config.training import Timesteps, Weighting
from engine.diffusion.denoiser import coefficients
from engine.diffusion.schedule import NoiseSchedule, per_image

GAMMA = 5.0
"""The bound of min-SNR weighting (Hang et al. 2023)."""
LOG_SIGMA = (-0.6, 1.2)
"""Mean and deviation of log(sigma / alpha) under `lognormal` (Karras et al. 2022, table 1, moved to images as small and dark as MNIST's).

The schedule's shift moves the mean with it.
"""
NOISY_LOG_SIGMA, NOISY_SHARE = (1.0, 1.2), 0.7
"""The same under `noisy`, for this share of the timesteps; the others are uniform."""
LEAST_SIGMA = 0.05
"""The bound of the weight of x0-prediction, as in JiT (Li & He 2025, arXiv 2511.13720, algorithm 1)."""


class DenoisingLoss:
    """E weight(t) |F_theta(x_t, t, c) - F(x_0, eps, t)|², for F as `coefficients` defines it. All tables are (T,) in float32 on the device."""

    def __init__(
        self,
        schedule: NoiseSchedule,
        prediction: Prediction,
        timesteps: Timesteps,
        weighting: Weighting,
        device: torch.device,
        sigma_data: float,
    ) -> None:
        """`sigma_data` is the standard deviation of the training images; only edm-prediction uses it."""
        self._a, self._s = schedule.tables_on(device)
        self._eps = prediction == "eps"
        skip, out = torch.tensor([coefficients(prediction, a, sigma_data) for a in schedule.alpha_bar.tolist()], dtype=torch.float64).T
        self._skip, self._out = (v.to(device, torch.float32) for v in (skip, out))
        density = _density(schedule, timesteps)
        self._cumulative = None if timesteps == "uniform" else density.cumsum(0).to(device, torch.float32)
        weight = _weight(schedule, prediction, weighting, out)
        self._weight = None if weight is None else weight.to(device, torch.float32)

    def timesteps(self, n: int, rng: torch.Generator) -> Tensor:
        """(n,) int64. All but `uniform` are stratified: one t from each n-th of the distribution; batches differ less (Kingma et al. 2021)."""
        if self._cumulative is None:
            return torch.randint(len(self._a), (n,), device=self._a.device, generator=rng)
        u = (torch.arange(n, device=self._a.device) + torch.rand(n, device=self._a.device, generator=rng)) / n
        return torch.searchsorted(self._cumulative, u).clamp(max=len(self._a) - 1)

    def add_noise(self, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """x_t = sqrt(alpha_bar_t) x0 + sqrt(1 - alpha_bar_t) eps (Ho et al. 2020, eq. 4), for x0 and eps (N, C, H, W) and t (N,)."""
        return per_image(self._a[t]) * x0 + per_image(self._s[t]) * eps

    def predict_x0(self, F: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """The guess at x0 that follows from the network's prediction F, like x_t, in float32 (the `coefficients` of each t)."""
        return per_image(self._skip[t]) * x_t + per_image(self._out[t]) * F.float()

    def loss(self, F: Tensor, x0: Tensor, x_t: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """The mean loss of a batch, a scalar, for the network's prediction F.

        With eps, uniform t and flat weights it is L_simple (Ho et al. 2020, eq. 14). With x0 and flat weights it is the loss of v-prediction,
        except near the clean image (LEAST_SIGMA).
        """
        target = eps if self._eps else (x0 - per_image(self._skip[t]) * x_t) / per_image(self._out[t])
        error = (F.float() - target).square()
        return error.mean() if self._weight is None else (per_image(self._weight[t]) * error).mean()


def _weight(schedule: NoiseSchedule, prediction: Prediction, weighting: Weighting, out: Tensor) -> Tensor | None:
    """The weight (T,) of the error in F at each t; None where all are 1. `out` is c_out, by which the error in F becomes the error in x0."""
    if weighting == "min-snr":
        return schedule.snr.clamp(max=GAMMA) * out.square()  # min(SNR, gamma) of the error in x0
    if prediction == "x0":
        # the error in v that follows from it, 1 / sigma² times the error in x0 (Salimans & Ho 2022, section 4: "SNR + 1"), bounded
        return 1 / (1 - schedule.alpha_bar).clamp(min=LEAST_SIGMA**2)
    return None


def _density(schedule: NoiseSchedule, timesteps: Timesteps) -> Tensor:
    """The probability (T,) of each t."""
    even = torch.full((schedule.T,), 1 / schedule.T, dtype=torch.float64)
    if timesteps == "lognormal":
        return _lognormal(schedule, *LOG_SIGMA)
    return torch.lerp(even, _lognormal(schedule, *NOISY_LOG_SIGMA), NOISY_SHARE) if timesteps == "noisy" else even


def _lognormal(schedule: NoiseSchedule, mean: float, deviation: float) -> Tensor:
    """The probability of each t where log(sigma / alpha) is normal: its density there times the width of t's cell."""
    log_sigma = -0.5 * schedule.snr.log()
    density = torch.exp(-0.5 * ((log_sigma - mean - math.log(schedule.config.shift)) / deviation) ** 2) * torch.gradient(log_sigma)[0]
    return density / density.sum()
