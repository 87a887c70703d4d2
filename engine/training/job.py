"""The training job: which run, on which device, in which precision, from which state; the session then trains it."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.checkpoints.lookup import find_weights
from engine.checkpoints.training_state import load_state
from engine.compute.candidates import supports
from engine.compute.device import explain_out_of_memory
from engine.compute.precision import Numerics
from engine.config.training import TrainConfig
from engine.data.registry import load_images
from engine.errors import CheckpointError, RunError, SettingError, UnreadableError
from engine.formatting import printable
from engine.process.distributed import ProcessGroup
from engine.process.processors import processors
from engine.protocol.events import Event, Notice, Preparing, Tick
from engine.protocol.requests import TrainRequest
from engine.runs.control import Control
from engine.runs.liveness import Life
from engine.runs.manage import create_run
from engine.runs.run import Run, find_run, state_step
from engine.runs.writer import Writer, open_writer, write_config
from engine.sampling.runtime import Runtime
from engine.training.distill import Distiller
from engine.training.loop import WAIT, TrainingLoop
from engine.training.teacher_pairs import load_or_draw
from engine.training.trainer import Trainer


def train(runtime: Runtime, request: TrainRequest, control: Control, group: ProcessGroup) -> Iterator[Event]:
    """See `Jobs.train`. In a group every rank pulls this; rank 0 decides and writes."""
    if request.config.teacher and group.size > 1:
        raise SettingError("the preset one-step trains in one process; start it without torchrun")
    with group.joined(runtime.device), explain_out_of_memory(str(runtime.device)):
        if request.resume:
            check_resumable(find_run(request.resume), request.config)
        else:
            request = replace(request, config=_with_network(request.config))
        if request.resume and runtime.device.type == "cpu" and group.size == 1:
            yield from _use_threads(find_run(request.resume), runtime.threads or processors())
        how = Numerics(**(yield from group.stream_on_leader(_numerics(runtime, request))))
        yield Preparing(f"reading {request.config.data.name}")
        images = load_images(request.config.data, True, runtime.device, request.config.limit)
        run = find_run(group.on_leader(lambda: _run(request, how, runtime)))
        yield from group.stream_on_leader(_watch_heartbeat(run))
        if group.leader:
            control.follow(run.control_path)  # before the claim: a command that sees the claim may ask at once
        with _writing(run, group) as writer:
            trainer = yield from _trainer(runtime, request.config, run, images, how, group)
            state, seconds = yield from group.stream_on_leader(_newest_whole(run, trainer))
            if state and not group.leader:
                _restored(Path(state), trainer)
            if state is None and (weights := _first_weights(request.config)):
                trainer.begin_from(weights)
            if request.resume:
                _check_unfinished(run, trainer)
            if request.resume and writer:
                write_config(run, request.config, how.describe(runtime.device))
            if writer:
                writer.prune()
                runtime.live[run.name] = trainer
            try:
                yield from TrainingLoop(runtime, trainer, run, writer, control, request.when_full, seconds).events()
            finally:
                runtime.live.pop(run.name, None)


@contextmanager
def _writing(run: Run, group: ProcessGroup) -> Iterator[Writer | None]:
    """The run's writer, for who leads the group."""
    if not group.leader:
        yield None
        return
    with open_writer(run) as writer:
        yield writer


def _watch_heartbeat(run: Run) -> Generator[Event, None, None]:
    """Where only that can tell whether a process on another machine still trains the run."""
    if (sight := run.sight()).life is Life.UNKNOWN:
        yield Preparing(f"watching whether {run.writer()} still trains {run.name} ({sight.heard})")
    while run.sight().life is Life.UNKNOWN:
        time.sleep(WAIT)
        yield Tick()


def _with_network(config: TrainConfig) -> TrainConfig:
    """The configuration with the network and the noise schedule of the weights that it starts from. Raises RunError or CheckpointError."""
    source = config.first_weights
    if source is None:
        return config
    weights = find_weights(source)
    if config.teacher and weights.model.one_step:
        raise SettingError(f"{printable(source)} is a one-step student itself; its teacher draws in many steps")
    return replace(config, model=replace(weights.model, one_step=config.teacher is not None), schedule=weights.schedule)


def _first_weights(config: TrainConfig) -> Mapping[str, Tensor] | None:
    """Those that a run starts from, where they are not new: the file may be another than when it was made. Raises RunError or CheckpointError."""
    source = config.first_weights
    if source is None:
        return None
    weights = find_weights(source)
    if replace(weights.model, one_step=config.model.one_step) != config.model:
        raise CheckpointError(f"{printable(source)} holds another network by now than this run was made for; start a new run")
    return weights.tensors


def _trainer(
    runtime: Runtime, config: TrainConfig, run: Run, images: tuple[Tensor, Tensor], how: Numerics, group: ProcessGroup
) -> Generator[Event, None, Trainer]:
    if config.teacher is None:
        return Trainer(config, *images, how, runtime.device, group)
    teacher = runtime.pipeline_for(config.teacher, "dpmpp")
    pairs = yield from load_or_draw(run.path / "pairs.safetensors", teacher, config.data, config.pairs, config.seed, runtime.device)
    return Distiller(config, *images, how, runtime.device, pairs)


def check_resumable(run: Run, asked: TrainConfig) -> None:
    """Resuming may change how far a run goes, and nothing else. Raises RunError that names what differs."""
    recorded = run.config()
    for name in recorded.__dataclass_fields__:
        if name not in ("epochs", "steps") and getattr(recorded, name) != getattr(asked, name):
            was, now = printable(getattr(recorded, name)), printable(getattr(asked, name))
            raise RunError(f"run {run.name} has {name} {was}, which resuming can't change; start a new run for {now}")


def _check_unfinished(run: Run, trainer: Trainer) -> None:
    total = trainer.config.total_steps
    if trainer.step > total:
        raise RunError(f"run {run.name} has done {trainer.step} steps, more than the {total} asked for; give more --epochs or --steps")
    last = run.last(lambda record: True) or {}
    if trainer.step == total and last.get("event") == "finished":  # else it died after its last save, and only its end is to be told
        raise RunError(f"run {run.name} has done all its {total} steps; give more --epochs, or more --steps, to go on")


# --- what rank 0 finds out for all ------------------------------------------------------------------------------------


def _numerics(runtime: Runtime, request: TrainRequest) -> Generator[Event, None, dict[str, Any]]:
    """Precision and layout: those that the run began in, where this machine has them; else those measured now."""
    if request.resume:
        told = find_run(request.resume).engine()
        how = Numerics(told.precision, told.layout == "channels_last")
        if supports(runtime.device, how):
            return asdict(how)
        lacking = f"{printable(told.precision)}, which {runtime.device} lacks"
        yield Notice(f"{request.resume} was trained in {lacking}; it goes on in another, not bit for bit the same")
    return asdict((yield from runtime.choose_numerics(request.config.model, training=True)))


def _run(request: TrainRequest, how: Numerics, runtime: Runtime) -> str:
    """The run's name; a new one is made."""
    return request.resume or create_run(request.run, request.config, how.describe(runtime.device)).name


def _use_threads(run: Run, most: int) -> Iterator[Event]:
    """As many threads as the run recorded, if that many are allowed: sums in another order would be other numbers."""
    recorded, present = run.engine().threads, torch.get_num_threads()
    if 0 < recorded <= most:
        torch.set_num_threads(recorded)
    elif recorded not in (0, present):
        yield Notice(
            f"{run.name} was trained with {recorded} threads, more than it may use here; it continues with {present}, not bit for bit the same"
        )


def _newest_whole(run: Run, trainer: Trainer) -> Generator[Event, None, tuple[str | None, float]]:
    """The newest whole training state into the trainer; its file, and the seconds already spent on its epoch.

    No file where the run never saved: it begins again, exactly. One that is damaged or belongs to another run is set aside, with a notice, and
    the one before it taken. Raises CheckpointError where none is left, UnreadableError where one can't be read now.
    """
    damaged: list[tuple[Path, CheckpointError]] = []
    for _, path in reversed(run.states()):
        try:
            seconds = _restored(path, trainer)
        except UnreadableError:
            raise  # an older state would throw away work that is there
        except CheckpointError as error:
            damaged.append((path, error))
            continue
        for bad, why in damaged:
            bad.replace(bad.with_name(bad.name + ".damaged"))
            yield Notice(f"{why}; going on from {path.name}")
        return str(path), seconds
    if damaged:
        raise damaged[0][1]
    return None, 0.0


def _check_belongs(path: Path, config: TrainConfig, state: Mapping[str, Any], own: TrainConfig) -> None:
    """Raises CheckpointError for the state of another run or of another step than its name says. States of an older digitty name no run."""
    if replace(config, epochs=own.epochs, steps=own.steps) != own:
        raise CheckpointError(f"{path} belongs to another run: its settings differ from those in config.json")
    run = Run(path.parent.parent)
    if state.get("run", run.id()) != run.id():
        raise CheckpointError(f"{path} belongs to another run than the one in whose folder it lies")
    if state_step(path) != state["step"]:
        raise CheckpointError(f"{path} holds step {state['step']}, not the one in its name")


def _restored(path: Path, trainer: Trainer) -> float:
    """The state into the trainer; returns the seconds already spent on its epoch. Raises CheckpointError."""
    config, state = load_state(path)
    _check_belongs(path, config, state, trainer.config)
    try:
        trainer.restore(state)
        return float(state.get("epoch_seconds", 0.0))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not fit its run: {error}") from None
