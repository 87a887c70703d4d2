"""Fused Adam: a step that can be skipped on the device, and moments from a file."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def step_unless_nonfinite(optimizer: torch.optim.Adam, keep: Tensor) -> None:
    """A step of fused Adam, unless `keep`, a scalar on the device, is 0: nothing changes where found_inf is 1, the hook that GradScaler uses."""
    optimizer.found_inf = 1 - keep  # type: ignore[attr-defined]
    optimizer.grad_scale = None  # type: ignore[attr-defined]
    optimizer.step()


def restore_moments(optimizer: torch.optim.Adam, moments: Mapping[int, Mapping[str, Tensor]]) -> None:
    """Adam's moments in the layout of their weights: fused Adam walks through memory, whatever shapes and strides a file claims."""
    own: dict[int, dict[str, Tensor]] = {}
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for i, p in enumerate(parameters if moments else ()):
        own[i] = {name: torch.empty_like(p).copy_(moments[i][name].reshape(p.shape)) for name in ("exp_avg", "exp_avg_sq")}
        own[i]["step"] = torch.tensor(float(moments[i]["step"]))
    optimizer.load_state_dict({"state": own, "param_groups": optimizer.state_dict()["param_groups"]})
