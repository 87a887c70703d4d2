"""What the jobs of one process share: the device, how numbers are held there, weights ready to draw with, and the trainers that run."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Generator, Iterator
from functools import cached_property
from pathlib import Path

import torch

from engine.checkpoints.classifier import READER, load_classifier
from engine.checkpoints.lookup import find_weights
from engine.checkpoints.weights import ModelWeights
from engine.compute import autotune as precision
from engine.compute import device
from engine.compute.precision import Numerics
from engine.config.compute import Device, Precision
from engine.config.model import ModelConfig
from engine.config.sampling import Sampler
from engine.diffusion.schedule import NoiseSchedule
from engine.errors import SettingError
from engine.models.classifier import Classifier
from engine.models.unet import UNet
from engine.protocol import events
from engine.protocol.recipe import WeightsInfo
from engine.runs.weights_names import locate_weights
from engine.sampling.pipeline import Pipeline
from engine.training.trainer import Trainer

CACHE_SIZE = 3
"""Networks kept ready."""


class Runtime:
    """Raises DeviceError at once where the device is missing."""

    def __init__(self, name: Device = "auto", precision: Precision = "auto", threads: int | None = None, local_rank: int = 0) -> None:
        self.device = device.select_device(name, local_rank)
        device.limit_threads(threads)
        self.threads = threads
        """The most that the CPU may use, if someone said so."""
        self.precision = precision
        self.training: dict[str, Trainer] = {}
        """The trainers of this process, by run."""
        self._how: dict[tuple[ModelConfig, bool], Numerics] = {}
        self._ready: OrderedDict[tuple[object, ...], Pipeline] = OrderedDict()

    @cached_property
    def reader(self) -> Classifier:
        """Which digits are to be drawn again it says. Raises CheckpointError where its file is damaged."""
        return load_classifier(self.device, READER)

    def numerics(self, model: ModelConfig, training: bool) -> Iterator[events.Event]:
        """Measures, once, how to hold numbers for this network; `how` then knows."""
        if (model, training) in self._how:
            return
        said = ""
        for found in precision.measure(self.device, model, training, self.precision):
            if isinstance(found, Numerics):
                self._how[model, training] = found
            elif found != said:
                yield events.Preparing(said := found)
            else:
                yield events.Tick()

    def how(self, model: ModelConfig, training: bool) -> Numerics:
        return self._how[model, training]

    def prepare(self, weights: str) -> Iterator[events.Event]:
        """Loads weights and chooses a precision for them, then says Ready. `artist` then answers at once."""
        yield events.Preparing("reading the weights")
        ready = yield from self.artist(weights)
        yield from ready.warm_up()
        self.reader.features_and_logits(torch.zeros(1, 28, 28, dtype=torch.uint8, device=self.device))
        yield events.Ready(ready.told, ready.weights)

    def artist(self, weights: str) -> Generator[events.Event, None, Pipeline]:
        """Tells what there is to prepare and returns the Pipeline. `weights` is one of SHIPPED, RUN, RUN:best, RUN:live or a file."""
        key, loaded = self._find(weights)
        if loaded is not None:
            yield from self.numerics(loaded.model, training=False)
            self._shelve(key, loaded)
        self._ready.move_to_end(key)
        return self._ready[key]

    def artist_for(self, weights: str, sampler: Sampler) -> Generator[events.Event, None, Pipeline]:
        """The Pipeline that can draw so; the shipped student for a sampler that needs one. Raises SettingError where these weights can't."""
        one_step = sampler == "one-step"
        found = yield from self.artist("shipped:one-step" if one_step and weights == "shipped" else weights)
        if found.network.config.one_step and not one_step:
            raise SettingError(f"{weights} is a one-step student, which the sampler {sampler} can't use; choose the sampler one-step")
        if one_step and not found.network.config.one_step:
            remedy = f"use shipped:one-step, or distil it: digitty train --preset one-step --teacher {weights}"
            raise SettingError(f"{weights} can't draw in one step; {remedy}")
        return found

    def _find(self, weights: str) -> tuple[tuple[object, ...], ModelWeights | None]:
        """A key that changes with the weights, and the weights themselves where they are not ready yet."""
        name, _, kind = weights.partition(":")
        trainer = self.training.get(name)
        if trainer and kind in ("", "latest", "live"):
            kind = "live" if kind == "live" else "average"
            key: tuple[object, ...] = ("training", name, trainer.step, kind)
            tensors = (trainer.model if kind == "live" else trainer.ema.model).state_dict()
            return key, None if key in self._ready else ModelWeights(tensors, trainer.config.model, trainer.config.schedule, trainer.step, name, kind)
        path, _, _ = locate_weights(weights)
        key = _stamp(path)
        return key, None if key in self._ready else find_weights(weights)

    def _shelve(self, key: tuple[object, ...], loaded: ModelWeights) -> None:
        how = self.how(loaded.model, training=False)
        with torch.device("meta"):
            network = UNet(loaded.model)
        network.load_state_dict(loaded.tensors, assign=True)
        network = how.cast(copy.deepcopy(network) if key[0] == "training" else network, self.device).eval().requires_grad_(False)
        weights = WeightsInfo(loaded.run, loaded.step, loaded.kind)
        self._ready[key] = Pipeline(network, NoiseSchedule(loaded.schedule), weights, how, self.device)
        while len(self._ready) > CACHE_SIZE:
            self._ready.popitem(last=False)


def _stamp(path: Path) -> tuple[object, ...]:
    """A key that changes when the file does."""
    try:
        stat = path.stat()
    except OSError:
        return (str(path), 0, 0)
    return (str(path), stat.st_mtime_ns, stat.st_size)
