"""The training job: a new run, or one to resume; its device, precision, data and first weights. The TrainingLoop then trains it."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.compute.candidates import candidates, supports
from engine.compute.device import explain_out_of_memory
from engine.compute.precision import Numerics
from engine.config.data import DataSpec
from engine.config.data_choice import DataChoice, choice_again
from engine.config.fit_to_data import fit_length, fit_to
from engine.config.serialize import from_dict, to_dict
from engine.config.training import TrainConfig
from engine.data.describe import describe
from engine.data.registry import fetch_images, load_images
from engine.data.texts import load_texts
from engine.errors import SettingError
from engine.formatting import printable
from engine.process.distributed import ProcessGroup
from engine.process.malloc import return_freed_memory
from engine.process.processors import processors
from engine.protocol.events import Event, Notice, Preparing, Tick
from engine.protocol.requests import TrainRequest
from engine.runs.control import Control
from engine.runs.liveness import Life
from engine.runs.manage import create_run
from engine.runs.run import Run, find_run
from engine.runs.writer import Writer, open_writer, write_config
from engine.sampling.runtime import Runtime
from engine.training.artifacts import RunArtifacts
from engine.training.cadence import Cadence
from engine.training.conditions import with_conditions
from engine.training.distill import DistillationLoss
from engine.training.first_weights import load_first_weights, take_over_network
from engine.training.image_facts import ImageFacts, choose_loss
from engine.training.loop import TrainingLoop
from engine.training.rank_captions import with_reader
from engine.training.read_captions import with_words
from engine.training.restore import check_resumable, check_same_data, check_unfinished, restore, restore_newest
from engine.training.run_conditions import keep_measures, measure_strokes, read_conditions
from engine.training.run_writers import choose_writers, find_writers, keep_writers
from engine.training.speed import plan_minutes
from engine.training.teacher_pairs import load_or_draw, plan_pairs
from engine.training.trainer import Trainer
from engine.training.validation import Validation, is_too_short, load_held_out


def train(runtime: Runtime, request: TrainRequest, control: Control, group: ProcessGroup, cadence: Cadence) -> Iterator[Event]:
    """See `Jobs.train`. In a group every rank pulls this; rank 0 decides and writes."""
    if request.config.teacher and group.size > 1:
        raise SettingError("the preset one-step trains in one process only; start it without torchrun")
    if not request.config.model.draws and group.size > 1:
        raise SettingError(f"the preset {request.config.preset} trains in one process only; start it without torchrun")
    if request.config.model.network == "text" and request.data is not None:
        raise SettingError("the preset text makes up its captions, which are of digits; leave out --data")
    if request.minutes is not None and group.size > 1:
        raise SettingError("--minutes plans for one process only; under torchrun use --epochs or --steps")
    job = TrainingJob(runtime, request, control, group, cadence)
    with group.joined(runtime.device), explain_out_of_memory(str(runtime.device)):
        yield from job.resume(request.resume) if request.resume else job.start_new()


class TrainingJob:
    """One request to train."""

    def __init__(self, runtime: Runtime, request: TrainRequest, control: Control, group: ProcessGroup, cadence: Cadence) -> None:
        self.runtime, self.request, self.control, self.group, self.cadence = runtime, request, control, group, cadence
        self.device = runtime.device

    def start_new(self) -> Iterator[Event]:
        """Creates a run and trains it."""
        config = yield from self._configure()
        numerics = Numerics(**(yield from self.group.stream_on_leader(_measure(self.runtime, config))))
        images = yield from self._read_images(config)
        measured = yield from measure_strokes(config, images)
        texts = load_texts(config.data, config.limit) if config.text and config.data.texts else ()
        config = with_reader(with_words(with_conditions(config, measured, texts)), measured)
        writers = yield from self._read_writers(config, images[1])
        told = yield from read_conditions(config, images, measured, writers, self.group)
        facts = ImageFacts(measured, told, writers)
        if self.request.minutes is not None:
            loss = choose_loss(config, numerics, self.device, self.group, facts)
            config = yield from plan_minutes(config, self.request.minutes, images, numerics, self.device, loss)
        run = find_run(self.group.on_leader(lambda: create_run(self.request.run, config, numerics.describe(self.device)).name))
        with self._open_writer(run) as writer:
            trainer = yield from self._build_trainer(config, run, images, numerics, facts)
            _begin_from_first_weights(trainer)
            yield from self._loop(trainer, run, writer, epoch_seconds=0.0)

    def resume(self, name: str) -> Iterator[Event]:
        """Continues a run from its newest whole training state."""
        run = find_run(name)
        config = yield from self._find_data(run)
        check_resumable(run, config)
        if self.device.type == "cpu" and self.group.size == 1:
            yield from _use_recorded_threads(run, self.runtime.threads or processors())
        numerics = Numerics(**(yield from self.group.stream_on_leader(_recorded_numerics(self.runtime, run, config))))
        images = yield from self._read_images(config)
        measured = yield from measure_strokes(config, images, run)
        yield from self.group.stream_on_leader(_watch_heartbeat(run, self.cadence))
        writers = yield from self._read_writers(config, images[1], run)
        told = yield from read_conditions(config, images, measured, writers, self.group)
        facts = ImageFacts(measured, told, writers)
        with self._open_writer(run) as writer:
            trainer = yield from self._build_trainer(config, run, images, numerics, facts)
            path, epoch_seconds = yield from self.group.stream_on_leader(restore_newest(run, trainer))
            if path is None:
                _begin_from_first_weights(trainer)
            elif not self.group.leader:
                restore(Path(path), trainer)
            check_unfinished(run, trainer)
            if writer:
                write_config(run, config, numerics.describe(self.device))
                writer.prune()
            yield from self._loop(trainer, run, writer, epoch_seconds)

    def _configure(self) -> Generator[Event, None, TrainConfig]:
        """The configuration of a new run: for the images that the request asks for, with the network of its first weights. Rank 0 prepares them."""
        request, data = self.request, None
        config = request.config
        if request.data is not None:
            data = from_dict(DataSpec, (yield from self.group.stream_on_leader(_describe(request.data, config.attributes))))
            config = fit_to(config, data)
        config = yield from take_over_network(config, data)
        if config.data.texts and config.model.draws and not config.teacher:
            config = replace(config, text=True)
        config = yield from choose_writers(config, request.config.hands, self._data_root())
        return fit_length(config, request.config, request.limit, request.fit_epochs)

    def _find_data(self, run: Run) -> Generator[Event, None, TrainConfig]:
        """The configuration of a run to resume, with its images where the request says that they are now. Raises RunError for other images."""
        config, choice = self.request.config, self.request.data
        if choice is None:
            return config
        found = from_dict(DataSpec, (yield from self.group.stream_on_leader(_describe(choice_again(choice, config.data)))))
        check_same_data(run.name, config.data, found)
        return config.with_data(replace(config.data, source=found.source))

    def _read_images(self, config: TrainConfig) -> Generator[Event, None, tuple[Tensor, Tensor]]:
        if config.model.network == "text":
            return torch.zeros(0, *config.data.pixel_shape, dtype=torch.uint8), torch.zeros(0, dtype=torch.long)
        yield Preparing(f"reading {config.data.name}")
        yield from fetch_images(config.data)
        return_freed_memory()  # of the source, which may have been read as a whole
        return load_images(config.data, True, self.device, config.limit, stream=True)

    def _data_root(self) -> str | None:
        return self.request.data.data_root if self.request.data else None

    def _read_writers(self, config: TrainConfig, labels: Tensor, run: Run | None = None) -> Generator[Event, None, Tensor | None]:
        """Who wrote each training image; None for runs that need not know."""
        if config.writers is None:
            return None
        return (yield from find_writers(config, labels, self._data_root(), run))

    @contextmanager
    def _open_writer(self, run: Run) -> Iterator[Writer | None]:
        """On rank 0 the run's writer, and its control file is obeyed from now on; None on the other ranks."""
        if not self.group.leader:
            yield None
            return
        self.control.follow(run.control_path)  # before the claim: another process that sees the claim may send a command at once
        with open_writer(run) as writer:
            yield writer

    def _build_trainer(
        self,
        config: TrainConfig,
        run: Run,
        images: tuple[Tensor, Tensor],
        numerics: Numerics,
        facts: ImageFacts,
    ) -> Generator[Event, None, Trainer]:
        if facts.writers is not None and self.group.leader:
            keep_writers(run, facts.writers)
        if facts.measured is not None and (config.attributes or not config.model.draws) and self.group.leader:
            keep_measures(run, facts.measured)
        if config.teacher is None:
            loss = choose_loss(config, numerics, self.device, self.group, facts)
            return Trainer(config, *images, numerics, self.device, self.group, loss)
        teacher = self.runtime.pipeline_for(config.teacher, "dpmpp")
        plan = yield from plan_pairs(config.data, config.pairs, config.seed, facts.told)
        pairs = yield from load_or_draw(run.path / "pairs.safetensors", teacher, plan, self.device)
        return Trainer(config, *images, numerics, self.device, loss=DistillationLoss(config, numerics, self.device, pairs, facts.told))

    def _build_validation(self, trainer: Trainer, run: Run) -> Generator[Event, None, Validation | None]:
        """None without held-out images. Those say nothing of a student, whose loss is its distance to its teacher, nor of an encoder."""
        if trainer.config.teacher or not trainer.config.model.draws or is_too_short(trainer.config):
            return None
        yield Preparing("reading the held-out images")
        held_out = load_held_out(trainer.config)
        return Validation(trainer, self.runtime, run.name, held_out) if held_out else None

    def _loop(self, trainer: Trainer, run: Run, writer: Writer | None, epoch_seconds: float) -> Iterator[Event]:
        """The TrainingLoop; meanwhile the weights can be drawn with under the run's name."""
        artifacts = RunArtifacts(trainer, run, self.runtime)
        validation = yield from self._build_validation(trainer, run)
        loop = TrainingLoop(trainer, artifacts, run, writer, self.control, self.request.when_full, self.cadence, epoch_seconds, validation)
        if writer:
            self.runtime.live[run.name] = trainer
        try:
            yield from loop.events()
        finally:
            self.runtime.live.pop(run.name, None)


def _begin_from_first_weights(trainer: Trainer) -> None:
    if weights := load_first_weights(trainer.config):
        trainer.begin_from(weights)


def _describe(choice: DataChoice, for_strokes: bool = False) -> Generator[Event, None, dict[str, Any]]:
    """The spec of the images that were asked for, as JSON."""
    return to_dict((yield from describe(choice, for_strokes)))


# --- precision, threads, other writers --------------------------------------------------------------------------------


def _measure(runtime: Runtime, config: TrainConfig) -> Generator[Event, None, dict[str, Any]]:
    """The precision and layout that are fastest here, as JSON. Of an encoder, whose steps are short anyway, the likeliest one."""
    if not config.model.draws:
        return asdict(candidates(runtime.device, runtime.precision)[0])
    return asdict((yield from runtime.choose_numerics(config.model, training=True)))


def _recorded_numerics(runtime: Runtime, run: Run, config: TrainConfig) -> Generator[Event, None, dict[str, Any]]:
    """The precision and layout that the run began in, where this machine has them; else those that are fastest here. As JSON."""
    recorded = run.engine()
    numerics = Numerics(recorded.precision, recorded.layout == "channels_last")
    if supports(runtime.device, numerics):
        return asdict(numerics)
    yield Notice(
        f"{run.name} was trained in {printable(recorded.precision)}, which {runtime.device} lacks; "
        "it continues in another precision, so its results are no longer bit for bit the same"
    )
    return (yield from _measure(runtime, config))


def _use_recorded_threads(run: Run, most: int) -> Iterator[Event]:
    """As many threads as the run recorded, if that many are allowed: sums in another order would give other numbers."""
    recorded, present = run.engine().threads, torch.get_num_threads()
    if 0 < recorded <= most:
        torch.set_num_threads(recorded)
    elif recorded not in (0, present):
        yield Notice(
            f"{run.name} was trained with {recorded} threads, more than it may use here; "
            f"it continues with {present}, so its results are no longer bit for bit the same"
        )


def _watch_heartbeat(run: Run, cadence: Cadence) -> Generator[Event, None, None]:
    """Waits until it is known whether a process on another machine still trains the run."""
    if (sight := run.sight()).life is Life.UNKNOWN:
        yield Preparing(f"checking whether {run.writer()} is still training {run.name} ({sight.heard})")
    while run.sight().life is Life.UNKNOWN:
        time.sleep(cadence.wait)
        yield Tick()
