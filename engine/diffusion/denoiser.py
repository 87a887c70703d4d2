"""Turns a network into what samplers call, denoise(x_t, t) -> (x0, eps). Guidance and clipping wrap it; no sampler knows labels."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from engine.config.model import Prediction
from engine.diffusion.schedule import NoiseSchedule

Denoise = Callable[[Tensor, int], tuple[Tensor, Tensor]]
"""x_t (N, C, H, W) and one t for all images -> the guesses at x0 and eps, like x_t."""
Predict = Callable[[Tensor, int], Tensor]
"""x_t and one t for all images -> the network's prediction F, like x_t: eps or another (`coefficients`)."""


def coefficients(prediction: Prediction, alpha_bar: float, sigma_data: float) -> tuple[float, float]:
    """(c_skip, c_out) with x0 = c_skip x_t + c_out F for the network's prediction F (Karras et al. 2022, eq. 7, for a variance-preserving x_t).

    eps: F is the noise (Ho et al. 2020). v: F = sqrt(alpha_bar) eps - sigma x0 (Salimans & Ho 2022). edm: x0 - c_skip x_t is F times its
    standard deviation, for images of deviation sigma_data and c_skip the linear regression of x0 on x_t. x0: F is the image, which lies near a
    surface of few dimensions even where a patch has more numbers than the network has channels (JiT: Li & He 2025, arXiv 2511.13720).
    """
    a, s = math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar)
    if prediction == "eps":
        return 1 / a, -s / a
    if prediction == "v":
        return a, -s
    if prediction == "x0":
        return 0.0, 1.0
    variance = alpha_bar * sigma_data**2 + s * s
    return a * sigma_data**2 / variance, s * sigma_data / math.sqrt(variance)


def to_denoiser(predict: Predict, schedule: NoiseSchedule, prediction: Prediction = "eps", sigma_data: float = 1.0) -> Denoise:
    """Derives x0 and eps from the network's prediction. Only edm-prediction uses `sigma_data`."""

    def denoise(x_t: Tensor, t: int) -> tuple[Tensor, Tensor]:
        alpha_bar = schedule.alpha_bar_at(t)
        skip, out = coefficients(prediction, alpha_bar, sigma_data)
        F = predict(x_t, t)
        x0 = skip * x_t + out * F
        return x0, F if prediction == "eps" else (x_t - math.sqrt(alpha_bar) * x0) / math.sqrt(1 - alpha_bar)

    return denoise


def clip_x0(denoise: Denoise, schedule: NoiseSchedule) -> Denoise:
    """Clips x0 to [-1, 1] and makes eps agree with it. Without this |x0| reaches hundreds near t = T."""

    def clip(x_t: Tensor, t: int) -> tuple[Tensor, Tensor]:
        a = schedule.alpha_bar_at(t)
        x0 = denoise(x_t, t)[0].clamp(-1, 1)
        return x0, (x_t - math.sqrt(a) * x0) / math.sqrt(1 - a)

    return clip
