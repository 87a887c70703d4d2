"""What the jobs of one process share: the device, the precision measured for each network, pipelines in memory, and weights that still train."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from engine.checkpoints.classifier import load_classifier
from engine.checkpoints.lookup import find_weights
from engine.checkpoints.weights import ModelWeights
from engine.compute import autotune, device
from engine.compute.candidates import supports
from engine.compute.precision import Numerics
from engine.config.compute import ComputeInfo, Device, Precision
from engine.config.data import DataSpec
from engine.config.encoders import NETWORK_NAMES
from engine.config.model import ModelConfig
from engine.config.sampling import Sampler
from engine.config.training import TrainConfig
from engine.diffusion.schedule import NoiseSchedule
from engine.errors import SettingError
from engine.models.classifier import Classifier
from engine.models.unet import UNet
from engine.protocol import events
from engine.protocol.recipe import WeightsInfo
from engine.runs.readers import find_reader
from engine.runs.weights_names import locate_weights
from engine.sampling.measuring import load_measures
from engine.sampling.pipeline import Pipeline

CACHE_SIZE = 3
"""Pipelines kept in memory."""


class LiveWeights(Protocol):
    """Weights that are being trained in this process. The trainer is one; sampling knows no more of training than this."""

    @property
    def step(self) -> int:
        """Optimiser steps done."""

    @property
    def config(self) -> TrainConfig: ...

    def weights(self, kind: str) -> Mapping[str, Tensor]:
        """The state dict of the network as it is now; `kind` is live or average. The next step changes the tensors in place."""


@dataclass(frozen=True)
class LiveVersion:
    """The weights of a run that trains here, after one of its steps."""

    run: str
    step: int
    kind: str


@dataclass(frozen=True)
class FileVersion:
    """The content of a weights file. A file that is written again is another version."""

    path: Path
    modified_ns: int
    size: int


PipelineKey = tuple[LiveVersion | FileVersion, Numerics | None]
"""The numerics are those that a request asked for; None: the fastest."""


class Runtime:
    """One for each process. Raises DeviceError at once where the device is missing."""

    def __init__(self, name: Device = "auto", precision: Precision = "auto", threads: int | None = None, local_rank: int = 0) -> None:
        self.device = device.select_device(name, local_rank)
        device.limit_threads(threads)
        self.threads = threads
        """The largest number of CPU threads, if one was asked for."""
        self.precision = precision
        self.live: dict[str, LiveWeights] = {}
        """By run: what trains in this process."""
        self._readers: dict[Path, Classifier] = {}
        self._numerics: dict[tuple[ModelConfig, bool], Numerics] = {}
        self._pipelines: OrderedDict[PipelineKey, Pipeline] = OrderedDict()

    def reader(self, data: DataSpec) -> Classifier | None:
        """The classifier that decides which images to redraw; None for a data set that none was trained for: see `find_reader`.

        Raises CheckpointError where its file is damaged.
        """
        path = find_reader(data)
        if path is None:
            return None
        if path not in self._readers:
            self._readers[path] = load_classifier(self.device, path, data)
        return self._readers[path]

    def choose_numerics(self, model: ModelConfig, training: bool) -> Generator[events.Event, None, Numerics]:
        """Returns the fastest precision and layout for this network, measured once."""
        announced = ""
        if (model, training) not in self._numerics:
            for progress in autotune.measure(self.device, model, training, self.precision):
                if isinstance(progress, Numerics):
                    self._numerics[model, training] = progress
                elif progress != announced:
                    announced = progress
                    yield events.Preparing(progress)
                else:
                    yield events.Tick()
        return self._numerics[model, training]

    def prepare(self, weights: str) -> Iterator[events.Event]:
        """Loads weights, chooses a precision for them and warms them up, then yields Ready. A drawing then starts at once."""
        yield events.Preparing("reading the weights")
        pipeline = yield from self.pipeline(weights)
        yield from pipeline.warm_up()
        if pipeline.network.config.conditions:
            load_measures()
            yield events.Tick()
        if reader := self.reader(pipeline.data):
            reader.features_and_logits(torch.zeros(1, *pipeline.data.pixel_shape, dtype=torch.uint8, device=self.device))
        yield events.Ready(pipeline.compute_info, pipeline.weights)

    def pipeline(self, weights: str, like: ComputeInfo | None = None) -> Generator[events.Event, None, Pipeline]:
        """Returns the Pipeline of one of SHIPPED, RUN, RUN:best, RUN:live or a file; yields Preparing where that takes a while.

        It computes in the precision and layout of `like` if this device is of that kind and has them, otherwise in the fastest.
        """
        version, wanted = self._version(weights), self._numerics_like(like)
        key = version, wanted
        if key not in self._pipelines:
            loaded = self._load(version, weights)
            if not loaded.model.draws:
                raise SettingError(f"{weights} is {NETWORK_NAMES[loaded.model.network]}, which draws nothing; choose other weights")
            numerics = wanted or (yield from self.choose_numerics(loaded.model, training=False))
            self._cache(key, loaded, numerics)
        self._pipelines.move_to_end(key)
        self._pipelines[key].numerics.allow_tf32()  # another pipeline may have forbidden it since
        return self._pipelines[key]

    def _numerics_like(self, like: ComputeInfo | None) -> Numerics | None:
        if like is None or like.device.partition(":")[0] != self.device.type:
            return None
        numerics = Numerics(like.precision, like.layout == "channels_last")
        return numerics if supports(self.device, numerics) else None

    def pipeline_for(self, weights: str, sampler: Sampler, like: ComputeInfo | None = None) -> Generator[events.Event, None, Pipeline]:
        """As `pipeline`, for use with a sampler: `shipped` then means the shipped student where the sampler needs one.

        Raises SettingError for a student with another sampler, and for the sampler one-step with other weights.
        """
        one_step = sampler == "one-step"
        pipeline = yield from self.pipeline("shipped:one-step" if one_step and weights == "shipped" else weights, like)
        if pipeline.network.config.one_step and not one_step:
            raise SettingError(f"{weights} is a one-step student, which the sampler {sampler} can't use; choose the sampler one-step")
        if one_step and not pipeline.network.config.one_step:
            remedy = f"use shipped:one-step, or distil it: digitty train --preset one-step --teacher {weights}"
            raise SettingError(f"{weights} can't draw in one step; {remedy}")
        return pipeline

    def _version(self, weights: str) -> LiveVersion | FileVersion:
        """The weights that this name means now: in memory where the run trains here, else in a file. Raises RunError."""
        run, _, kind = weights.partition(":")
        if run in self.live and kind in ("", "latest", "live"):
            return LiveVersion(run, self.live[run].step, "live" if kind == "live" else "average")
        path, _, _ = locate_weights(weights)
        try:
            stat = path.stat()
        except OSError:  # reading the file says what is wrong with it
            return FileVersion(path, 0, 0)
        return FileVersion(path, stat.st_mtime_ns, stat.st_size)

    def _load(self, version: LiveVersion | FileVersion, weights: str) -> ModelWeights:
        """Raises RunError or CheckpointError."""
        if isinstance(version, FileVersion):
            return find_weights(weights)
        live = self.live[version.run]
        tensors = {name: tensor.detach().clone() for name, tensor in live.weights(version.kind).items()}  # training continues
        return ModelWeights(tensors, live.config.model, live.config.schedule, version.step, version.run, version.kind)

    def _cache(self, key: PipelineKey, loaded: ModelWeights, numerics: Numerics) -> None:
        """Builds the pipeline and keeps the CACHE_SIZE that were used last."""
        with torch.device("meta"):
            network = UNet(loaded.model)
        network.load_state_dict(loaded.tensors, assign=True)
        network = numerics.cast(network, self.device).eval().requires_grad_(False)
        info = WeightsInfo(loaded.run, loaded.step, loaded.kind, loaded.digest)
        self._pipelines[key] = Pipeline(network, NoiseSchedule(loaded.schedule), info, numerics, self.device)
        while len(self._pipelines) > CACHE_SIZE:
            self._pipelines.popitem(last=False)
