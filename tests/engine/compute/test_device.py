"""Which device a name means, on machines with and without GPUs, and how many threads torch then uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from engine.compute import device
from engine.errors import DeviceError
from engine.process import processors as processors_module
from engine.sampling.runtime import Runtime


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A machine with two GPUs, as far as torch says; returns those that were made the current one."""
    current: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda i: f"GPU {'AB'[i]}")
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    return current


@pytest.mark.parametrize(
    ("name", "local_rank", "chosen"),
    [("auto", 0, "cuda:0"), ("cuda", 1, "cuda:1"), ("cuda:1", 0, "cuda:1"), ("cuda:0", 0, "cuda:0"), ("cpu", 1, "cpu")],
)
def test_a_name_means_a_device(two_gpus: list[int], name: str, local_rank: int, chosen: str) -> None:
    assert str(device.select_device(name, local_rank)) == chosen
    assert two_gpus == ([] if chosen == "cpu" else [int(chosen[-1])])


def test_a_gpu_that_is_missing_is_refused_with_those_that_there_are(two_gpus: list[int]) -> None:
    with pytest.raises(DeviceError, match=r"no device cuda:7 was found; use one of: cuda:0 \(GPU A\), cuda:1 \(GPU B\)"):
        device.select_device("cuda:7")
    with pytest.raises(DeviceError, match="2 CUDA devices are too few"):
        device.select_device("cuda", local_rank=2)
    assert two_gpus == []


@pytest.mark.parametrize("name", ["cuda", "cuda:1"])
def test_no_gpu_at_all(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="no CUDA device was found; use --device cpu or auto"):
        device.select_device(name)
    assert device.cuda_devices() == []


@pytest.fixture
def torch_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("torch_threads")
def test_torch_uses_the_threads_that_it_may(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processors_module, "ROOT", tmp_path)
    monkeypatch.setattr(processors_module, "_affinity", lambda: 2)
    for name in processors_module.LIMITED:
        monkeypatch.delenv(name, raising=False)
    torch.set_num_threads(3)
    Runtime("cpu")
    assert torch.get_num_threads() == 2, "a machine of two processors, whatever torch counted"
    Runtime("cpu", threads=1)
    assert torch.get_num_threads() == 1
    torch.set_num_threads(3)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    Runtime("cpu")
    assert torch.get_num_threads() == 3, "what the environment says counts"
