"""Jobs without torch: real digits that come out of seeded noise, and the real training loop with made-up losses.

They sit at the one seam, `engine.jobs.jobs.Jobs`, and are told when to wait and how to fail, so that a pilot's test is quick and always the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from threading import Event as Flag
from threading import Thread

from fake_lesson import FakeLessons
from fake_pictures import blend, colour_images
from fake_training import ENGINE, training_loop, with_epochs_of

from engine.config.condition import Condition
from engine.config.data import MNIST
from engine.config.fields import MAX_SEED
from engine.config.hand import HandSource
from engine.config.serialize import with_changes
from engine.config.training import Preset, TrainConfig
from engine.errors import DigittyError
from engine.jobs.sweep import sweep
from engine.protocol.events import (
    Detached,
    DrawDone,
    DrawStarted,
    Event,
    Frame,
    Notice,
    Preparing,
    Ready,
    SpeedMeasured,
    StrokesMeasured,
    Tick,
    TrainDone,
    TrainStarted,
    TrainStep,
    TrainStopped,
)
from engine.protocol.measured import Measured
from engine.protocol.recipe import Images, Recipe, WeightsInfo
from engine.protocol.requests import DrawRequest, EvaluateRequest, SweepRequest, TrainRequest
from engine.protocol.understood import Understood
from engine.runs.control import Command, Control
from engine.runs.manage import create_run
from engine.runs.run import Run, find_run
from engine.runs.weights_names import data_of
from engine.runs.writer import open_writer, write_config

SPEEDS: dict[Preset, float] = {"quick": 0.2, "best": 0.4, "seed": 0.8}
"""Seconds a step, as the trial of the machine measures them."""


STROKES = (("thickness", 4.1), ("slant", 0.0), ("width", 13.0), ("length", 43.0))
"""What is measured of every picture."""


def with_code(condition: Condition) -> Condition:
    """The condition with a made-up code where its hand is to be read: of its number, or of how many digits it is read from."""
    source = condition.hand
    if not isinstance(source, HandSource):
        return condition
    return replace(condition, hand=(source.number / MAX_SEED, 0.0) if source.number is not None else (0.0, float(len(source.digits))))


def ready() -> Flag:
    flag = Flag()
    flag.set()
    return flag


class FakeJobs(FakeLessons):
    """`engine.jobs.jobs.Jobs` to the screen.

    Drawing, training, its start and end, and detaching hold, idling, until their flag is set; warm-up until `warm` is. Training holds after
    `train_holds_at` and any later step until then, or until it is told to pause or stop; it obeys after one step more, as the real one may.
    `again` digits of a drawing are drawn twice; it holds the second time. What is in `failures` is raised, one a drawing, after its first
    frame. An epoch of training has `steps_per_epoch` steps, whatever the request's preset says. While `full` is set, no state can be saved.
    """

    def __init__(
        self, *, draw_holds_at: int | None = None, train_holds_at: int | None = None, steps_per_epoch: int = 4, pace: float = 0.0, again: int = 0
    ) -> None:
        super().__init__()
        self.draw_holds_at, self.train_holds_at = draw_holds_at, train_holds_at
        self.steps_per_epoch, self.pace, self.again = steps_per_epoch, pace, again
        self.warm, self.go_on_drawing, self.go_on_training = ready(), Flag(), Flag()
        self.go_on_starting, self.go_on_ending, self.go_on_detaching = ready(), ready(), ready()
        self.go_on_measuring = ready()
        self.trials = 0
        self.full = Flag()
        self.failures: list[Exception] = []
        self.measured: tuple[Measured | None, ...] = ()
        """What is measured of drawings with conditions."""
        self.detach_failures: list[DigittyError] = []
        self.notices: list[str] = []
        self.drawings: list[DrawRequest] = []
        self.questions: list[str] = []
        self.meanings: dict[str, Understood] = {}
        self.measurings: list[Images] = []
        self.sketches: list[DrawRequest] = []
        self.sketch_failure: Exception | None = None
        self.sweeps: list[SweepRequest] = []
        self.trainings: list[TrainRequest] = []
        self.detachments: list[TrainRequest] = []
        self.processes: list[Thread] = []

    def end(self) -> None:
        """Nothing holds any more."""
        for flag in (
            self.go_on_measuring,
            self.warm,
            self.go_on_drawing,
            self.go_on_training,
            self.go_on_starting,
            self.go_on_ending,
            self.go_on_detaching,
        ):
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
        weights, data = WeightsInfo(request.weights, 4690, "average"), data_of(request.weights)
        conditions = request.conditions and tuple(with_code(condition) for condition in request.conditions)
        recipe = Recipe(request.labels, indices, request.sample, weights, ENGINE, data, conditions=conditions)
        yield DrawStarted(recipe)
        kept = sorted({round(k * steps / 63) for k in range(64)})
        for again in (0, self.again) if self.again else (0,):
            frames = []
            for step in range(steps + 1):
                if step in kept:
                    frames.append(self._frame(recipe, step / steps))
                    seen = self._seen(recipe, step - 1, steps) if step and request.guesses else (None, None)
                    yield Frame(frames[-1], step, steps, 100.0 if step else 0.0, again, *seen)
                if self.failures:
                    raise self.failures.pop(0)
                if step == self.draw_holds_at and again == self.again:
                    yield from self._held(self.go_on_drawing)
                time.sleep(self.pace)
                yield Tick()
        guesses = tuple(self._seen(recipe, step, steps)[1] for step in kept) if request.guesses else ()
        yield DrawDone(
            recipe,
            frames[-1],
            tuple(frames),
            tuple(kept),
            0.05,
            200.0,
            self.again,
            guesses,
            float(steps),
            self.measured if request.conditions else (),
        )

    def measure(self, images: Images) -> Iterator[Event]:
        """Every picture is as thick as a score of 2 on a scale from 2.7 by 0.7, and upright."""
        self.measurings.append(images)
        yield StrokesMeasured((STROKES,) * len(images))

    def understand(self, text: str, class_names: Sequence[str]) -> Iterator[Event]:
        """What a text encoder would say, by `meanings`."""
        self.questions.append(text)
        yield self.meanings.get(text, Understood())

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

    def sweep(self, request: SweepRequest) -> Iterator[Event]:
        """The real job, over fake drawings."""
        self.sweeps.append(request)
        yield from sweep(self.draw, request)

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
        """The real loop, which holds between two events."""
        yield Preparing("reading MNIST")
        yield from self._held(self.go_on_starting)
        config = with_epochs_of(request.config, self.steps_per_epoch)
        run = find_run(request.resume) if request.resume else create_run(request.run, config, ENGINE)
        if request.resume:
            write_config(run, config, ENGINE)
        control.follow(run.control_path)
        with open_writer(run) as writer, closing(training_loop(run, config, writer, request, control, self.full, self.pace).events()) as events:
            for event in events:
                if isinstance(event, TrainDone | TrainStopped):
                    yield from self._held(self.go_on_ending)
                yield event
                if isinstance(event, TrainStep):
                    if self.notices:
                        yield Notice(self.notices.pop())
                    yield from self._waited(lambda step=event.step: self._holds(step) and control.poll() in (Command.RUN, Command.UNSAVED))

    def measure_speed(self) -> Iterator[Event]:
        """Holds, idling, before its first answer, until `go_on_measuring` is set."""
        self.trials += 1
        yield from self._held(self.go_on_measuring)
        for preset, seconds in SPEEDS.items():
            yield SpeedMeasured(preset, seconds)

    def evaluate(self, request: EvaluateRequest) -> Iterator[Event]:
        raise NotImplementedError

    def _frame(self, recipe: Recipe, share: float) -> Images:
        if recipe.data != MNIST:
            return colour_images(recipe.data, recipe.labels, share)
        pictures = (blend(label, recipe.sample.seed, index, share) for label, index in zip(recipe.labels, recipe.indices, strict=True))
        return Images(b"".join(pictures), len(recipe.labels))

    def _seen(self, recipe: Recipe, step: int, steps: int) -> tuple[Images, Images]:
        """The frame after this step, and the guess made from it: half the noise is gone."""
        return self._frame(recipe, step / steps), self._frame(recipe, (1 + step / steps) / 2)

    def _holds(self, step: int) -> bool:
        return self.train_holds_at is not None and step >= self.train_holds_at and not self.go_on_training.is_set()

    def _held(self, flag: Flag) -> Iterator[Event]:
        yield from self._waited(lambda: not flag.is_set())

    def _waited(self, still: Callable[[], bool]) -> Iterator[Event]:
        while still():
            time.sleep(0.002)
            yield Tick()


def finished_run(name: str, config: TrainConfig, steps: int = 8) -> Run:
    """A run that a trainer has left behind."""
    jobs = FakeJobs(steps_per_epoch=max(1, steps // 2))
    for _ in jobs.train(TrainRequest(with_changes(config, epochs=2), run=name), Control()):
        pass
    return find_run(name)
