"""The load of this machine, from stand-ins for psutil and NVML, and from the real psutil."""

from __future__ import annotations

import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from engine.process.machine import GpuLoad, MachineLoad, MachineMeter, _visible_gpu


class NVMLError(Exception):
    pass


class FakeNvml(SimpleNamespace):
    """Two GPUs, 0 and GPU-abc; `asked` holds which was asked for."""

    def __init__(self, **changes: Any) -> None:
        self.asked: list[object] = []
        facts = {
            "NVMLError": NVMLError,
            "NVML_TEMPERATURE_GPU": 0,
            "nvmlInit": lambda: None,
            "nvmlDeviceGetHandleByIndex": self._find,
            "nvmlDeviceGetHandleByUUID": self._find,
            "nvmlDeviceGetMemoryInfo": lambda gpu: SimpleNamespace(used=12_000_000_000, total=80_000_000_000),
            "nvmlDeviceGetUtilizationRates": lambda gpu: SimpleNamespace(gpu=93),
            "nvmlDeviceGetTemperature": lambda gpu, sensor: 61,
        }
        super().__init__(**{**facts, **changes})

    def _find(self, name: object) -> object:
        self.asked.append(name)
        return name


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = SimpleNamespace(total=8_000_000_000, available=3_000_000_000)
    monkeypatch.setitem(sys.modules, "psutil", SimpleNamespace(cpu_percent=lambda interval: 98.0, virtual_memory=lambda: memory))  # type: ignore[arg-type]


def refuse(*_: object) -> Any:
    raise NVMLError("not supported")


def test_the_first_reading_has_no_share_of_the_processors(system: None) -> None:
    meter = MachineMeter("cpu")
    assert meter.read() == MachineLoad(None, 5_000_000_000, 8_000_000_000)
    assert meter.read() == MachineLoad(0.98, 5_000_000_000, 8_000_000_000)


@pytest.mark.parametrize(
    ("device", "visible", "asked"),
    [("cuda", None, 0), ("cuda:1", None, 1), ("cuda:0", "3,1", 3), ("cuda:1", "GPU-abc, GPU-def", "GPU-def")],
)
def test_the_gpu_is_the_one_that_trains(device: str, visible: str | None, asked: object, system: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    nvml = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    meter = MachineMeter(device)
    assert meter.read().gpu == meter.read().gpu == GpuLoad(0.93, 12_000_000_000, 80_000_000_000, 61)
    assert nvml.asked == [asked]


def test_a_gpu_that_is_hidden_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert _visible_gpu(1) is None


def test_what_a_gpu_does_not_tell_is_left_out(system: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(nvmlDeviceGetTemperature=refuse))
    assert MachineMeter("cuda").read().gpu == GpuLoad(0.93, 12_000_000_000, 80_000_000_000, None)
    asked = FakeNvml(nvmlDeviceGetUtilizationRates=refuse)
    monkeypatch.setitem(sys.modules, "pynvml", asked)
    meter = MachineMeter("cuda")
    assert [meter.read().gpu, meter.read().gpu] == [None, None]
    assert asked.asked == [0], "one refusal is enough"


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_without_the_packages_nothing_is_known_and_nothing_fails(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("psutil", "pynvml"):
        monkeypatch.setitem(sys.modules, name, None)
    assert MachineMeter(device).read() == MachineLoad()


def test_this_machine() -> None:
    pytest.importorskip("psutil")
    meter = MachineMeter("cpu")
    meter.read()
    time.sleep(0.05)
    load = meter.read()
    assert load.cpu is not None
    assert 0 <= load.cpu <= 1
    assert load.memory_used is not None
    assert load.memory_total is not None
    assert 0 < load.memory_used < load.memory_total


@pytest.mark.slow
def test_the_packages_are_imported_only_when_they_are_needed() -> None:
    code = "import sys, engine.process.machine, tui.screens.run_screen; sys.exit(bool({'psutil', 'pynvml', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
