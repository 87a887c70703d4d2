"""What the tests share: a home of their own, tiny configurations, and fakes at the engine's one seam.

torch is imported inside the fixtures alone, so that light tests stay light.
"""

from __future__ import annotations

import gc
import math
import signal
import sys
from collections.abc import Callable, Iterator
from functools import cache, wraps
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from skips import pytest_sessionfinish  # noqa: F401

if TYPE_CHECKING:
    from torch import Tensor

    from engine.config.training import TrainConfig
    from engine.diffusion.denoiser import Denoise
    from engine.diffusion.schedule import NoiseSchedule
    from engine.jobs.jobs import Jobs
    from engine.protocol.events import Event


def pytest_configure() -> None:
    """A shell's background job ignores ctrl+c, and all its children do; the tests press it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Leave all that is imported by now out of every garbage collection, which took a fifth of a screen test's time, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)
    if mnist := sys.modules.get("engine.data.mnist"):
        _unpack_once(mnist)


def _unpack_once(mnist: ModuleType) -> None:
    """Unpack MNIST's archives, which takes a third of a second, once a process. test_mnist.py undoes it."""
    unpack = mnist.unpack

    @cache
    def unpack_from(archives: Path, name: str) -> bytes:
        raw: bytes = unpack(name)
        return raw

    mnist.unpack = wraps(unpack)(lambda name: unpack_from(mnist.ARCHIVES, name))  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """DIGITTY_HOME, empty and this test's own."""
    folder = tmp_path / "home"
    monkeypatch.setenv("DIGITTY_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def first_sixty() -> tuple[Tensor, Tensor]:
    """What `tiny` trains on: images and labels."""
    from engine.data import mnist as data

    return data.load(True, limit=60)


@pytest.fixture
def at_hand(first_sixty: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    """MNIST without the third of a second that unpacking it takes."""
    from engine.data import mnist as data

    monkeypatch.setattr(data, "load", lambda *_: first_sixty)


@pytest.fixture
def every_step(at_hand: None) -> None:
    """With this, `jobs` read every step, save every epoch, however short, and look often while they wait."""


@pytest.fixture(scope="session")
def one_thread() -> None:
    """Networks this small run faster on one thread, above all beside other work."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def tiny(one_thread: None) -> TrainConfig:
    """Four steps an epoch of the smallest network."""
    from engine.config.model import ModelConfig
    from engine.config.training import TrainConfig

    # two channels a group: a norm over one channel alone would wipe out time and label
    model = ModelConfig(channels=(8, 8), time_dim=16, emb_dim=16, groups=4)
    return TrainConfig(model=model, limit=60, batch_size=16, epochs=2, warmup=2, preview_every=0, save_minutes=1000.0)


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """fp32 without the seconds that measuring precisions takes."""
    from engine.compute import autotune as precision
    from engine.compute.precision import Numerics

    def fp32(*_: object) -> Iterator[Numerics]:
        yield Numerics("fp32", channels_last=False)

    monkeypatch.setattr(precision, "measure", fp32)


@pytest.fixture
def jobs(unmeasured: None, one_thread: None, request: pytest.FixtureRequest) -> Jobs:
    """The front door, on the CPU in fp32."""
    from engine.jobs.jobs import Jobs
    from engine.training.cadence import Cadence

    every_step = "every_step" in request.fixturenames
    return Jobs("cpu", "fp32", cadence=Cadence(read_every=0.0, save_share=math.inf, wait=0.001) if every_step else None)


@pytest.fixture
def exact() -> Callable[[NoiseSchedule, float, float], Denoise]:
    """The best possible denoiser where x_0 ~ N(mu, s²): E[x_0 | x_t] in closed form, and the eps that agrees."""

    def of(schedule: NoiseSchedule, mu: float, s: float) -> Denoise:
        def denoise(x_t: Tensor, t: int) -> tuple[Tensor, Tensor]:
            a = schedule.alpha_bar_at(t)
            x0 = mu + a**0.5 * s**2 / (a * s**2 + 1 - a) * (x_t - a**0.5 * mu)
            return x0, (x_t - a**0.5 * x0) / (1 - a) ** 0.5

        return denoise

    return of


@pytest.fixture
def endless() -> Callable[[], Iterator[Event]]:
    """A job that never ends by itself."""
    from engine.protocol.events import Tick

    def job() -> Iterator[Event]:
        while True:
            yield Tick()

    return job


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command in this process: exit code, standard output, standard error."""

    from engine.cli import entry
    from engine.cli import main as cli

    def ran(*arguments: str) -> tuple[int, str, str]:
        code = entry.run(cli.commands, list(arguments))
        told = capsys.readouterr()
        return code, told.out, told.err

    return ran
