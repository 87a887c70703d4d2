"""Which precisions and layouts are worth trying on a device: what its processor is built for, within the limits that the environment sets."""

from __future__ import annotations

import os
import platform
from typing import Literal

import torch

from engine.compute.precision import Numerics
from engine.config.compute import Precision
from engine.errors import SettingError

Bf16 = Literal["native", "converted", "none"]

NAMES = {"cuda": ("bf16", "tf32", "fp32"), "mps": ("fp32", "bf16")}
"""The precisions of devices other than the CPU, likeliest first."""
LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE")
"""Environment variables that make oneDNN and torch use less of a CPU, or more."""
BELOW_BF16 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI")
"""Values of ONEDNN_MAX_CPU_ISA that leave oneDNN no bf16 at all …"""
WITHOUT_BF16 = ("AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI")
"""… and those with which it converts bf16 to fp32 and back."""


def candidates(device: torch.device, precision: Precision) -> list[Numerics]:
    """The precisions and layouts worth measuring on a device, likeliest first. Raises SettingError for a precision it lacks."""
    names = list(NAMES.get(device.type, ("bf16", "fp32") if cpu_bf16() == "native" else ("fp32", "bf16")))
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        names.remove("bf16")
    if precision != "auto":
        if precision not in names:
            raise SettingError(f"precision {precision} is not available on {device.type}; use one of: {', '.join(names)}")
        names = [precision]
    elif "tf32" in names:
        names.remove("fp32")  # tf32 is never slower, and bf16 is coarser still
    elif device.type == "cpu" and cpu_bf16() == "none":
        names.remove("bf16")
    return [Numerics(name, layout) for name in names for layout in ((True, False) if name != "fp32" else (False, True))]


def supports(device: torch.device, numerics: Numerics) -> bool:
    """Whether a run that was trained in this precision can be resumed in it.

    A CPU without bf16 does compute in it, but takes twenty times as long: that counts as no.
    """
    if numerics.precision == "auto" or (device.type == "cpu" and numerics.precision == "bf16" and cpu_bf16() == "none"):
        return False
    try:
        return numerics in candidates(device, numerics.precision)  # type: ignore[arg-type]
    except SettingError:
        return False


def cpu_bf16() -> Bf16:
    """How fast this CPU multiplies bf16: natively, only after conversion to fp32, or not at all."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
        return "native" if supported and supported() else "converted"
    limit = next((value.upper() for name in LIMITS[:2] if (value := os.environ.get(name))), "DEFAULT")
    if limit in BELOW_BF16 or not (_cpu_has("avx512") or _cpu_has("avx512_bf16") or _cpu_has("amx_tile")):
        return "none"
    native = _cpu_has("avx512_bf16") or _cpu_has("amx_tile")
    return "native" if native and limit not in WITHOUT_BF16 else "converted"


def _cpu_has(feature: str) -> bool:
    """Asks torch, whose functions for this are private: one that another version lacks counts as no."""
    ask = getattr(torch.cpu, f"_is_{feature}_supported", None)
    return bool(ask and ask())
