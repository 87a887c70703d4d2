"""What the jobs of one process share: the device, how numbers are held there, weights ready to draw with, and the trainers that run."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch

from engine.checkpoints import weights as checkpoint
from engine.checkpoints.weights import Loaded
from engine.compute import autotune as precision
from engine.compute import device
from engine.config import training as config
from engine.diffusion.schedule import NoiseSchedule
from engine.errors import RunError, SettingError
from engine.formatting import printable
from engine.models.classifier import READER, Classifier, load_classifier
from engine.models.unet import UNet
from engine.protocol import events
from engine.runs.run import find_run, latest_state
from engine.storage import paths
from engine.training.trainer import Trainer

SHIPPED = {
    "shipped": paths.ASSETS / "weights" / "digitty.safetensors",
    "shipped:one-step": paths.ASSETS / "weights" / "one-step.safetensors",
    "shipped:seed": paths.ASSETS / "weights" / "seed.safetensors",
}
"""The weights that come with digitty: the best, a one-step student, and those of the preset `seed`."""
KEEP = 3
"""Networks kept ready."""


@dataclass(frozen=True)
class Artist:
    """A network ready to draw: cast, placed, and named."""

    network: UNet
    schedule: NoiseSchedule
    weights: events.Weights
    how: device.Numerics
    device: torch.device

    @property
    def told(self) -> events.Engine:
        return self.how.told(self.device)

    @torch.inference_mode()
    def warm_up(self) -> Iterator[events.Event]:
        """One guided digit through the network: the first forward of a shape also builds its kernels."""
        x = torch.zeros(2, 1, 28, 28, device=self.device, dtype=self.how.dtype).contiguous(memory_format=self.how.format)
        t = torch.zeros(2, device=self.device, dtype=torch.long)
        self.network(x, t, t)
        yield events.Tick()


class Shelf:
    """Raises DeviceError at once where the device is missing."""

    def __init__(self, name: config.Device = "auto", precision: config.Precision = "auto", threads: int | None = None, local_rank: int = 0) -> None:
        self.device = device.choose(name, local_rank)
        device.limit_threads(threads)
        self.threads = threads
        """The most that the CPU may use, if someone said so."""
        self.precision = precision
        self.training: dict[str, Trainer] = {}
        """The trainers of this process, by run."""
        self._how: dict[tuple[config.ModelConfig, bool], device.Numerics] = {}
        self._ready: OrderedDict[tuple[object, ...], Artist] = OrderedDict()

    @cached_property
    def reader(self) -> Classifier:
        """Which digits are to be drawn again it says. Raises CheckpointError where its file is damaged."""
        return load_classifier(self.device, READER)

    def numerics(self, model: config.ModelConfig, training: bool) -> Iterator[events.Event]:
        """Measures, once, how to hold numbers for this network; `how` then knows."""
        if (model, training) in self._how:
            return
        said = ""
        for found in precision.measure(self.device, model, training, self.precision):
            if isinstance(found, device.Numerics):
                self._how[model, training] = found
            elif found != said:
                yield events.Preparing(said := found)
            else:
                yield events.Tick()

    def how(self, model: config.ModelConfig, training: bool) -> device.Numerics:
        return self._how[model, training]

    def prepare(self, weights: str) -> Iterator[events.Event]:
        """Loads weights and chooses a precision for them, then says Ready. `artist` then answers at once."""
        yield events.Preparing("reading the weights")
        ready = yield from self.artist(weights)
        yield from ready.warm_up()
        self.reader.features_and_logits(torch.zeros(1, 28, 28, dtype=torch.uint8, device=self.device))
        yield events.Ready(ready.told, ready.weights)

    def artist(self, weights: str) -> Generator[events.Event, None, Artist]:
        """Tells what there is to prepare and returns the Artist. `weights` is one of SHIPPED, RUN, RUN:best, RUN:live or a file."""
        key, loaded = self._find(weights)
        if loaded is not None:
            yield from self.numerics(loaded.model, training=False)
            self._shelve(key, loaded)
        self._ready.move_to_end(key)
        return self._ready[key]

    def artist_for(self, weights: str, sampler: config.Sampler) -> Generator[events.Event, None, Artist]:
        """The Artist that can draw so; the shipped student for a sampler that needs one. Raises SettingError where these weights can't."""
        one_step = sampler == "one-step"
        found = yield from self.artist("shipped:one-step" if one_step and weights == "shipped" else weights)
        if found.network.config.one_step and not one_step:
            raise SettingError(f"{weights} is a one-step student, which the sampler {sampler} can't use; choose the sampler one-step")
        if one_step and not found.network.config.one_step:
            remedy = f"use shipped:one-step, or distil it: digitty train --preset one-step --teacher {weights}"
            raise SettingError(f"{weights} can't draw in one step; {remedy}")
        return found

    def _find(self, weights: str) -> tuple[tuple[object, ...], Loaded | None]:
        """A key that changes with the weights, and the weights themselves where they are not ready yet."""
        name, _, kind = weights.partition(":")
        trainer = self.training.get(name)
        if trainer and kind in ("", "latest", "live"):
            kind = "live" if kind == "live" else "average"
            key: tuple[object, ...] = ("training", name, trainer.step, kind)
            tensors = (trainer.model if kind == "live" else trainer.ema.model).state_dict()
            return key, None if key in self._ready else Loaded(tensors, trainer.config.model, trainer.config.schedule, trainer.step, name, kind)
        path, _, _ = located(weights)
        key = _stamp(path)
        return key, None if key in self._ready else find_weights(weights)

    def _shelve(self, key: tuple[object, ...], loaded: Loaded) -> None:
        how = self.how(loaded.model, training=False)
        with torch.device("meta"):
            network = UNet(loaded.model)
        network.load_state_dict(loaded.tensors, assign=True)
        network = how.cast(copy.deepcopy(network) if key[0] == "training" else network, self.device).eval().requires_grad_(False)
        weights = events.Weights(loaded.run, loaded.step, loaded.kind)
        self._ready[key] = Artist(network, NoiseSchedule(loaded.schedule), weights, how, self.device)
        while len(self._ready) > KEEP:
            self._ready.popitem(last=False)


def located(weights: str) -> tuple[Path, str, str | None]:
    """The file that holds the weights, their name and kind, for one of SHIPPED, RUN, RUN:latest, RUN:best or a file. Raises RunError."""
    if weights in SHIPPED:
        return SHIPPED[weights], weights, None
    if "\0" in weights:
        raise RunError(f"weights {printable(weights)} hold a NUL character; name a run or a file")
    try:
        path = Path(weights).expanduser()
    except RuntimeError:
        raise RunError(f"weights {printable(weights)}: no home folder is known for {weights.partition('/')[0]}; write the path out") from None
    if path.suffix in (".safetensors", ".pth") or "/" in weights:
        return path, path.name, None
    name, _, kind = weights.partition(":")
    if kind not in ("", "latest", "best", "live"):
        raise RunError(f"weights {weights!r}: after the run's name comes :latest, :best or :live")
    run = find_run(name)
    if kind == "live":
        raise RunError(f"run {name} does not train in this process; use {name}:latest or {name}:best")
    if kind == "best" and not run.best_path.exists():
        raise RunError(f"run {name} has no best weights yet: it keeps them from its first whole epoch on; use {name}")
    return (run.best_path, name, "best") if kind == "best" else (latest_state(run), name, "average")


def find_weights(weights: str) -> Loaded:
    """Weights from wherever `located` finds them. Raises RunError or CheckpointError."""
    path, name, kind = located(weights)
    if path.suffix == ".pt":
        return checkpoint.average_of(*checkpoint.load_state(path), name)
    return replace(loaded := checkpoint.load_weights(path), run=name, kind=kind or loaded.kind)


def _stamp(path: Path) -> tuple[object, ...]:
    """A key that changes when the file does."""
    try:
        stat = path.stat()
    except OSError:
        return (str(path), 0, 0)
    return (str(path), stat.st_mtime_ns, stat.st_size)
