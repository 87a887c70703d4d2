"""The front door: everything that the engine can do, as jobs: generators of events. torch is imported inside them.

To cancel a job is to stop pulling and close it; to pause it is not to pull. Each pull does a bounded piece of work.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from engine.config.compute import Device, Precision, check_device
from engine.errors import SettingError
from engine.jobs.sweep import sweep
from engine.process import torch_libraries
from engine.process.distributed import ProcessGroup
from engine.process.malloc import keep_freed_memory
from engine.process.quick_imports import quick_imports
from engine.protocol.events import Event, Preparing
from engine.protocol.lesson import GuessRequest
from engine.protocol.recipe import Images
from engine.protocol.requests import DrawRequest, EvaluateRequest, SweepRequest, TrainRequest
from engine.runs.control import Control
from engine.training.cadence import Cadence

if TYPE_CHECKING:
    from engine.sampling.runtime import Runtime


Job = Generator[Event, None, None]
"""Pull it for events; close it to cancel."""


class Jobs:
    """The jobs of one process, which share a device, the weights in memory and the trainers that run. For one thread at a time."""

    def __init__(
        self,
        device: Device = "auto",
        precision: Precision = "auto",
        threads: int | None = None,
        group: ProcessGroup | None = None,
        cadence: Cadence | None = None,
    ) -> None:
        """`threads` is the number of CPU threads; None leaves it to the environment. `group` and `cadence` are for `train` alone.

        Raises SettingError for an unknown device, and for one of several GPUs in a group, where each process takes its own GPU.
        """
        check_device(device)
        self._device, self._precision, self._threads = device, precision, threads
        self._group = group or ProcessGroup()
        self.cadence = cadence or Cadence()
        if self._group.size > 1 and ":" in device:
            raise SettingError(f"--device {device} is for one process only; under torchrun use --device cuda, which gives each process its own GPU")
        self._runtime: Runtime | None = None

    def draw(self, request: DrawRequest) -> Job:
        """Preparing…, DrawStarted, Frame…, DrawDone."""
        yield from self._load("engine.sampling.draw")
        from engine.sampling.draw import draw

        yield from draw(self._get_runtime(), request)

    def measure(self, images: Images) -> Job:
        """Preparing…, StrokesMeasured: thickness, slant, width and length of each picture."""
        yield from self._load("engine.sampling.measuring")
        from engine.sampling.measuring import measure_images

        yield from measure_images(images)

    def understand(self, text: str, class_names: Sequence[str]) -> Job:
        """Preparing…, Understood: what a prompt means that the parser can't read, for pictures of these classes."""
        yield from self._load("engine.sampling.understand")
        from engine.sampling.understand import understand

        yield from understand(text, class_names)

    def sweep(self, request: SweepRequest) -> Job:
        """Preparing…, then CellProgress…, CellDone or CellFailed of each cell, SweepDone."""
        yield from sweep(self.draw, request)

    def train(self, request: TrainRequest, control: Control | None = None) -> Job:
        """Preparing…, TrainStarted, then TrainStep, Preview, EpochDone and Saved as they come, TrainDone or TrainStopped.

        Closing it saves; `control` pauses it and stops it in order, as other processes can through the run's folder.
        """
        yield from self._load("engine.training.job")
        from engine.training.job import train

        yield from train(self._get_runtime(), request, control or Control(), self._group, self.cadence)

    def detach(self, request: TrainRequest) -> Iterator[Event]:
        """Preparing…, Detached: trains in a detached process, on the same device. For any thread."""
        from engine.jobs.detach import start_detached_process

        return start_detached_process(request, self._device, self._precision, self._threads)

    def measure_speed(self) -> Job:
        """SpeedMeasured for the presets, as far as a few seconds suffice."""
        yield from self._load("engine.training.speed")
        from engine.training.speed import measure_presets

        yield from measure_presets(self._get_runtime())

    def evaluate(self, request: EvaluateRequest) -> Job:
        """EvaluateProgress…, EvaluateDone."""
        yield from self._load("engine.evaluation.job")
        from engine.evaluation.job import evaluate

        yield from evaluate(self._get_runtime(), request)

    def lesson(self, weights: str) -> Job:
        """Preparing…, Lesson: a real image of each class, noise, and the noise schedule of these weights."""
        yield from self._load("engine.explain.job")
        from engine.explain.job import lesson

        yield from lesson(self._get_runtime(), weights)

    def guess(self, request: GuessRequest) -> Job:
        """Guess: what the network makes of one image at one noise level, beside the truth."""
        yield from self._load("engine.explain.job")
        from engine.explain.job import guess

        yield from guess(self._get_runtime(), request)

    def loss_by_noise(self, weights: str) -> Job:
        """LossByNoise…: the loss of held-out images at more and more noise levels."""
        yield from self._load("engine.explain.job")
        from engine.explain.job import loss_by_noise

        yield from loss_by_noise(self._get_runtime(), weights)

    def warm_up(self) -> Job:
        """Everything a first drawing waits for: torch, the shipped weights, the choice of precision."""
        yield from self._load("engine.sampling.draw")
        yield from self._get_runtime().prepare("shipped")

    def _load(self, module: str) -> Iterator[Event]:
        """Imports a module that needs torch, and says so where torch is not in memory yet."""
        if "torch" not in sys.modules:
            torch_libraries.set_environment()
            keep_freed_memory()
            yield Preparing("loading torch")
        if module not in sys.modules:
            with quick_imports():
                import_module(module)

    def _get_runtime(self) -> Runtime:
        if self._runtime is None:
            from engine.sampling.runtime import Runtime

            self._runtime = Runtime(self._device, self._precision, self._threads, self._group.local_rank)
        return self._runtime
