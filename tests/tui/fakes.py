"""Jobs without torch: real digits that come out of seeded noise, and runs of made-up losses in real run directories.

They sit at the one seam, `engine.jobs.jobs.Jobs`, and are told when to wait and how to fail, so that a pilot's test is quick and always the same.
"""

from __future__ import annotations

import gzip
import random
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from threading import Event as Flag
from threading import Thread

from engine.config.compute import ComputeInfo
from engine.config.serialize import with_changes
from engine.config.training import PRESETS, TrainConfig
from engine.errors import DigittyError, StorageError
from engine.protocol.events import (
    CannotSave,
    Detached,
    DrawDone,
    DrawStarted,
    EpochDone,
    Event,
    Frame,
    Notice,
    Paused,
    Preparing,
    Preview,
    Ready,
    Resumed,
    Saved,
    Tick,
    TrainDone,
    TrainStarted,
    TrainStep,
    TrainStopped,
)
from engine.protocol.recipe import Images, Recipe, WeightsInfo
from engine.protocol.requests import DrawRequest, EvaluateRequest, TrainRequest
from engine.runs.control import Command, Control
from engine.runs.manage import create_run
from engine.runs.run import Run, find_run
from engine.runs.writer import Writer, open_writer, write_config
from engine.storage import paths
from engine.storage.images import save_strip

ENGINE = ComputeInfo("cpu", "fp32", "contiguous")


@lru_cache(maxsize=1)
def digits() -> tuple[bytes, ...]:
    """The first test image of each class."""
    folder = paths.ASSETS / "mnist"
    labels = gzip.decompress((folder / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:]
    with gzip.open(folder / "t10k-images-idx3-ubyte.gz") as file:
        images = file.read(16 + 784 * 100)[16:]
    return tuple(images[labels.index(label) * 784 :][:784] for label in range(10))


def blend(label: int | None, seed: int, index: int, share: float) -> bytes:
    """A digit of which `share` is there and the rest is noise."""
    noise = random.Random(f"{seed} {index}").randbytes(784)
    picture = bytes(784) if label is None else digits()[label]
    return bytes(round(share * p + (1 - share) * n) for p, n in zip(picture, noise, strict=True))


def ready() -> Flag:
    flag = Flag()
    flag.set()
    return flag


class FakeJobs:
    """`engine.jobs.jobs.Jobs` to the screen.

    Drawing, training, its start and end, and detaching hold, idling, until their flag is set; warm-up until `warm` is. `again` digits
    of a drawing are drawn twice; it holds the second time. What is in `failures` is raised, one a drawing, after its first frame. An
    epoch of training has `steps_per_epoch` steps, whatever the request's preset says. While `full` is set, nothing of a run can be saved.
    """

    def __init__(
        self, *, draw_holds_at: int | None = None, train_holds_at: int | None = None, steps_per_epoch: int = 4, pace: float = 0.0, again: int = 0
    ) -> None:
        self.draw_holds_at, self.train_holds_at = draw_holds_at, train_holds_at
        self.steps_per_epoch, self.pace, self.again = steps_per_epoch, pace, again
        self.warm, self.go_on_drawing, self.go_on_training = ready(), Flag(), Flag()
        self.go_on_starting, self.go_on_ending, self.go_on_detaching = ready(), ready(), ready()
        self.full = Flag()
        self.failures: list[Exception] = []
        self.detach_failures: list[DigittyError] = []
        self.notices: list[str] = []
        self.drawings: list[DrawRequest] = []
        self.sketches: list[DrawRequest] = []
        self.sketch_failure: Exception | None = None
        self.trainings: list[TrainRequest] = []
        self.detachments: list[TrainRequest] = []
        self.processes: list[Thread] = []

    def end(self) -> None:
        """Nothing holds any more."""
        for flag in (self.warm, self.go_on_drawing, self.go_on_training, self.go_on_starting, self.go_on_ending, self.go_on_detaching):
            flag.set()
        self.full.clear()

    def warm_up(self) -> Iterator[Event]:
        yield Preparing("loading torch")
        yield from self._held(self.warm)
        yield Ready(ENGINE, WeightsInfo("shipped", 4690, "average"))

    def draw(self, request: DrawRequest) -> Iterator[Event]:
        if not request.fps:
            yield from self._sketch(request)
            return
        self.drawings.append(request)
        indices = request.indices or tuple(range(len(request.labels)))
        steps = request.sample.steps
        recipe = Recipe(request.labels, indices, request.sample, WeightsInfo(request.weights, 4690, "average"), ENGINE)
        yield DrawStarted(recipe)
        kept = sorted({round(k * steps / 63) for k in range(64)})
        for again in (0, self.again) if self.again else (0,):
            frames = []
            for step in range(steps + 1):
                if step in kept:
                    frames.append(self._frame(recipe, step / steps))
                    yield Frame(frames[-1], step, steps, 100.0 if step else 0.0, again)
                if self.failures:
                    raise self.failures.pop(0)
                if step == self.draw_holds_at and again == self.again:
                    yield from self._held(self.go_on_drawing)
                time.sleep(self.pace)
                yield Tick()
        yield DrawDone(recipe, frames[-1], tuple(frames), tuple(kept), 0.05, 200.0, self.again)

    def _sketch(self, request: DrawRequest) -> Iterator[Event]:
        """What is drawn while one types: it holds for nothing."""
        self.sketches.append(request)
        if self.sketch_failure:
            raise self.sketch_failure
        indices = request.indices or tuple(range(len(request.labels)))
        recipe = Recipe(request.labels, indices, request.sample, WeightsInfo(request.weights, 1876, "average"), ENGINE)
        yield DrawStarted(recipe)
        finished = self._frame(recipe, 0.9)
        yield DrawDone(recipe, finished, (finished,), (1,), 0.01, 100.0)

    def train(self, request: TrainRequest, control: Control) -> Iterator[Event]:
        self.trainings.append(request)
        yield from self._trained(request, control)

    def detach(self, request: TrainRequest) -> Iterator[Event]:
        """The process of its own is a thread."""
        self.detachments.append(request)
        yield Preparing("starting a process")
        while not self.go_on_detaching.wait(0.002):
            pass
        if self.detach_failures:
            raise self.detach_failures.pop(0)
        begun: list[str] = []

        def process() -> None:
            for event in self._trained(request, Control()):
                if isinstance(event, TrainStarted):
                    begun.append(event.run)

        self.processes.append(Thread(target=process, daemon=True))
        self.processes[-1].start()
        while not begun and self.processes[-1].is_alive():
            time.sleep(0.002)
        yield Detached(begun[0])

    def _trained(self, request: TrainRequest, control: Control) -> Iterator[Event]:
        yield Preparing("reading MNIST")
        yield from self._held(self.go_on_starting)
        config = with_changes(request.config, limit=self.steps_per_epoch * request.config.batch_size)
        run = find_run(request.resume) if request.resume else create_run(request.run, config, ENGINE)
        if request.resume:
            write_config(run, config, ENGINE)
        with open_writer(run) as writer:
            step = run.states()[-1][0] if run.states() else 0
            control.follow(run.control_path)
            self._unsaved = False
            try:
                writer.event("started", step)
                yield TrainStarted(run.name, config, ENGINE, step, 6_141_313)
                while step < config.total_steps and control.poll() is not Command.STOP:
                    step += 1
                    yield from self._train_step(writer, config, step, request, control)
                    yield from self._obeyed(writer, step, control)
                finished = step >= config.total_steps
                yield from self._saved(writer, step, request, control)
                writer.event("finished" if finished else "stopped", step)
                yield from self._held(self.go_on_ending)
                yield TrainDone(run.name, step, 0.5) if finished else TrainStopped(run.name, step)
            except GeneratorExit:
                if not run.has_ended():
                    self._save(writer, step)
                    writer.event("stopped", step)
                raise
            except StorageError as error:
                if not self.full.is_set():
                    writer.event("failed", step, message=str(error))
                raise

    def evaluate(self, request: EvaluateRequest) -> Iterator[Event]:
        raise NotImplementedError

    def _frame(self, recipe: Recipe, share: float) -> Images:
        pictures = (blend(label, recipe.sample.seed, index, share) for label, index in zip(recipe.labels, recipe.indices, strict=True))
        return Images(b"".join(pictures), len(recipe.labels))

    def _obeyed(self, writer: Writer, step: int, control: Control) -> Iterator[Event]:
        """Holds and pauses, until it may go on."""
        while self._holds(step) or control.poll() is Command.PAUSE:
            if control.poll() is Command.STOP:
                return
            if control.poll() is Command.PAUSE:
                self._save(writer, step)
                writer.event("paused", step)
                yield Paused(step)
                yield from self._waited(lambda: control.poll() is Command.PAUSE)
                if control.poll() is not Command.STOP:
                    writer.event("resumed", step)
                    yield Resumed(step)
            yield from self._waited(lambda: self._holds(step) and control.poll() in (Command.RUN, Command.UNSAVED))

    def _holds(self, step: int) -> bool:
        return step == self.train_holds_at and not self.go_on_training.is_set()

    def _saved(self, writer: Writer, step: int, request: TrainRequest, control: Control) -> Iterator[Event]:
        """As the engine does where the disk is full and one is to be asked."""
        while True:
            try:
                path = self._save(writer, step)
            except StorageError as error:
                if request.when_full != "ask":
                    raise
                if self._unsaved:
                    return
                states = writer.run.states()
                yield CannotSave(step, states[-1][0] if states else None, str(error), waiting=True)
                control.send(Command.PAUSE)
                yield from self._waited(lambda: control.poll() is Command.PAUSE)
                if control.poll() is Command.STOP:
                    raise
                self._unsaved = control.poll() is Command.UNSAVED
                if self._unsaved:
                    return
            else:
                self._unsaved = False
                yield Saved(step, str(path))
                return

    def _save(self, writer: Writer, step: int) -> object:
        if self.full.is_set():
            raise StorageError("can't write state.pt: No space left on device; free some space")
        return save(writer, step)

    def _train_step(self, writer: Writer, config: TrainConfig, step: int, request: TrainRequest, control: Control) -> Iterator[Event]:
        loss = loss_at(step)
        log_step(writer, step)
        epoch, left = divmod(step, self.steps_per_epoch)
        if not left:
            writer.log({"epoch": epoch, "step": step, "average": loss, "seconds": 2.0, "best": True})
        writer.flush()
        yield TrainStep(step, epoch + bool(left), loss, 1e-3, 8.0, 1024.0, 300 << 20)
        if self.notices:
            yield Notice(self.notices.pop())
        if not left:
            yield EpochDone(epoch, step, loss, 2.0, True)
            yield from self._saved(writer, step, request, control)
            writer.run.best_path.write_bytes(b"weights")
            yield Preparing("measuring fp32")
            yield Preview(step, preview(writer, step))
        time.sleep(self.pace)
        yield Tick()

    def _held(self, flag: Flag) -> Iterator[Event]:
        yield from self._waited(lambda: not flag.is_set())

    def _waited(self, still: Callable[[], bool]) -> Iterator[Event]:
        while still():
            time.sleep(0.002)
            yield Tick()


def loss_at(step: int) -> float:
    return 1 / (1 + step)


def log_step(writer: Writer, step: int) -> None:
    """What a trainer writes of a step."""
    writer.log({"step": step, "loss": loss_at(step), "lr": 1e-3, "rate": 8.0, "time": 0.0})


def save(writer: Writer, step: int) -> object:
    """A training state that only has a name."""
    path = writer.state_path(step)
    path.write_bytes(b"state")
    writer.event("saved", step)
    return path


def preview(writer: Writer, step: int) -> Images:
    """The ten digits, clearer with each step."""
    images = Images(b"".join(blend(label, 0, label, step / (step + 2)) for label in range(10)), 10)
    save_strip(writer.sample_path(step), images)
    return images


def finished_run(name: str, config: TrainConfig, steps: int = 8) -> Run:
    """A run that a trainer has left behind."""
    jobs = FakeJobs(steps_per_epoch=max(1, steps // 2))
    for _ in jobs.train(TrainRequest(with_changes(config, epochs=2), run=name), Control()):
        pass
    return find_run(name)


def cut_off(name: str, saved: int = 4, logged: int = 6) -> Run:
    """A run whose trainer was killed."""
    run = create_run(name, with_changes(PRESETS["quick"], limit=128 * 4), ENGINE)
    with open_writer(run) as writer:
        writer.event("started", 0)
        for step in range(1, logged + 1):
            log_step(writer, step)
            if step == saved:
                save(writer, step)
        writer.flush()
    return run
