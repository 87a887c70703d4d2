"""What all screens share: the engine's jobs, the settings, the run that trains here, requests to draw, random seeds. Knows no screen."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from textual.app import App

from engine.captions.own_words import caption_words_of
from engine.config.compute import ComputeInfo
from engine.config.condition import Condition, ConditionConfig
from engine.config.data import DataSpec
from engine.config.sampling import steps_hint
from engine.errors import DigittyError
from engine.formatting import format_duration
from engine.jobs.jobs import Jobs
from engine.jobs.worker import Worker
from engine.protocol import events as e
from engine.protocol.events import Event
from engine.protocol.recipe import Images
from engine.protocol.requests import DrawRequest
from engine.runs.prompts import told_to
from engine.runs.weights_names import data_of, model_of
from engine.storage import paths
from tui.render.header import Status
from tui.runs.progress import RunProgress, describe_progress
from tui.runs.text import host, startup_notice
from tui.settings import remembered
from tui.settings.config_file import Config
from tui.settings.remembered import Settings
from tui.studio.background import run_in_background
from tui.studio.job_router import JobRouter, Listener
from tui.studio.local_training import LocalTraining
from tui.studio.sketcher import Sketcher
from tui.studio.speed_trial import SpeedTrial
from tui.studio.training_watch import TrainingWatch
from tui.terminal.capabilities import Terminal, frame_rate

LONG_DRAWING = 20.0
"""Seconds of work after which the user may be looking elsewhere."""


@dataclass(frozen=True)
class Hooks:
    """What the application does when something changes; called on the screen's thread."""

    status_changed: Callable[[], None]
    training_changed: Callable[[], None]
    run_begun: Callable[[str], None]
    """Gets the name of a run that has begun to train here, or in the background process that was started for it."""
    run_moved: Callable[[str, str | None], None]
    """Gets a run's old name and its new one; None where it was deleted."""
    drawing_queued: Callable[[], None]
    """Called when the settings and the prompt were valid; sketches do not count."""
    work_ended: Callable[[str], None]
    """Called with a line for a user who may be looking elsewhere: a run or a long drawing has ended."""


class Studio:
    """One for an application. Only for the screen's thread, except `finish`, `patience` and `saving`."""

    def __init__(self, app: App[int], hooks: Hooks, jobs: Jobs, terminal: Terminal, config: Config) -> None:
        self._app, self._hooks = app, hooks
        self.jobs, self.terminal, self.config = jobs, terminal, config
        settings, self.problems = remembered.load()
        """What is wrong with the remembered settings."""
        self.settings: Settings = settings.overridden_by(config)
        self.rng = random.Random()
        self.last_words: list[str] = []
        """Lines to print once the screen is closed."""
        self.router = JobRouter(app, hooks.status_changed, self.last_words)
        self.training = LocalTraining(
            self.router, jobs, notify=app.notify, on_change=self._on_training_changed, on_begin=hooks.run_begun, leave=lambda: app.exit(0)
        )
        self.speed = SpeedTrial(self.router, jobs, self.training)
        self.sketcher = Sketcher(self.router, jobs, bool(config.values.get("sketch", True)))
        self.watch = TrainingWatch(app, hooks.status_changed, on_end=hooks.work_ended)
        self._training_state: tuple[object, ...] = ()
        self.opened_pictures: Sequence[Path] = ()
        """Files and folders that the Gallery screen shows instead of the folder of saved pictures."""
        self.last_saved: Path | None = None
        """The picture that a screen saved last."""
        self._compute = ""
        self.ready = False
        """The engine is loaded: a drawing starts at once."""

    @property
    def worker(self) -> Worker:
        return self.router.worker

    @property
    def status(self) -> Status:
        """For the top line: gpubox, cuda bf16, shipped; drawing"""
        locked = f"seed {self.settings.sample.seed} locked" if self.settings.lock_seed else ""
        facts = (host(), self._compute, locked, self.settings.weights)
        return Status(tuple(fact for fact in facts if fact), self._describe_activity())

    def _describe_activity(self) -> tuple[str, ...]:
        """What runs now, in fewer and fewer words: drawing + training seed-2 43% · 6:12 left, …, 43% 6:12"""
        training = self._describe_training()
        jobs = " + ".join(self.router.activities)
        if not jobs or not training:
            return training or (jobs or "idle",)
        return (*(f"{jobs} + {words}" for words in training), training[-1])

    def _describe_training(self) -> tuple[str, ...]:
        """What the run that trains here does; empty if none trains."""
        training = self.training
        if training.activity:
            return (training.activity,)
        if training.full:
            return (f"{training.run} waits: disk full", "disk full")
        if shown := self.progress:
            return describe_progress(shown, len(self.watch.progress) - 1)
        return ("training",) if training.busy else ()

    @property
    def progress(self) -> RunProgress | None:
        """The progress of the run that trains in this process, or else of one that another process trains here."""
        runs = self.watch.progress
        return next((each for each in runs if each.run == self.training.name), runs[0] if runs else None)

    def _on_training_changed(self) -> None:
        """Look at the run's files at once where its state is another now; the watch follows its progress."""
        training = self.training
        state = (training.phase, training.run, training.paused)
        if state != self._training_state:
            self._training_state = state
            self.watch.look()
        self._hooks.status_changed()
        self._hooks.training_changed()

    @property
    def data(self) -> DataSpec:
        """What the chosen weights draw: it names the classes of prompts."""
        return data_of(self.settings.weights)

    @property
    def told(self) -> ConditionConfig | None:
        """What the chosen weights are told besides classes and captions."""
        return told_to(self.settings.weights)

    @property
    def own_words(self) -> Collection[str] | None:
        """The words that the chosen weights know from the captions of their data; None where they learned from none."""
        return caption_words_of(model_of(self.settings.weights))

    def pictures_folder(self) -> Path:
        """Where screens save pictures, whether it exists or not. Raises StorageError."""
        return paths.pictures_dir(self.config.values.get("pictures", paths.AUTO))

    # --- start and end ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Load the engine, and look for a run that is worth a notice."""
        self._app.call_after_refresh(self._warm_up)
        self._app.call_after_refresh(run_in_background, self._app, startup_notice, self._show_startup_notice)
        self._app.call_after_refresh(self.watch.look)

    def _warm_up(self) -> None:
        self._warming_up = self.router.submit("draw", self.jobs.warm_up, self._on_warm_up_event, "starting…")

    def _on_warm_up_event(self, event: Event) -> None:
        if isinstance(event, e.Preparing):
            self.router.rename(self._warming_up, event.what + "…")
        elif isinstance(event, e.Ready):
            self.ready = True
            self.show_compute(event.engine)
        elif isinstance(event, e.Ended) and event.outcome == "failed":
            self._compute = "no engine"
        self._hooks.status_changed()

    def _show_startup_notice(self, notice: str | DigittyError) -> None:
        if isinstance(notice, str) and notice and not self.training.busy:
            self._app.notify(notice, timeout=12)

    def finish(self, seconds: float) -> bool:
        """Save the run that trains here; False where `seconds` were not enough. For any thread."""
        self.router.finishing = True
        if not self.worker.close(seconds if self.training.saving() else 0.1) and self.training.saving():
            return False
        self.training.finish_handover()
        return True

    def patience(self) -> float:
        """Seconds that the current step may still take."""
        return self.training.patience()

    def saving(self) -> str:
        """What the terminal says while `finish` saves; empty if there is nothing to save."""
        return f"finishing the step and saving {self.training.run}…" if self.training.saving() else ""

    # --- jobs ---------------------------------------------------------------------------------------------------------

    def on_job_event(self, job: int, event: Event) -> None:
        """Deliver an event of the worker to whoever started the job; show its failure and the device it runs on."""
        if isinstance(event, e.DrawStarted):
            self.show_compute(event.recipe.engine)
        elif isinstance(event, e.Ended) and event.outcome == "failed":
            where = " (Details are in the log; digitty doctor shows its path.)" if event.unexpected else ""
            self._app.notify(event.message + where, severity="error", timeout=15)
        elif isinstance(event, e.DrawDone) and event.seconds >= LONG_DRAWING:
            self._hooks.work_ended(f"The drawing is finished, after {format_duration(event.seconds)}")
        self.router.dispatch(job, event)

    def show_compute(self, compute: ComputeInfo) -> None:
        """In the top line from now on: device and precision."""
        text = f"{compute.device} {compute.precision}"
        if text != self._compute:
            self._compute = text
            self._hooks.status_changed()

    def draw(
        self,
        labels: Iterable[int | None],
        listener: Listener,
        seed: int,
        shared_noise: bool = False,
        conditions: tuple[Condition, ...] | None = None,
        redraws: bool = True,
    ) -> int:
        """Queue a drawing with the shared settings. For a single image, the events also hold the guesses at x0.

        Without `redraws`, images that are misread or not as asked for stay.
        """
        labels = tuple(labels)
        sample = replace(self.settings.sample, seed=seed, redraw_below=self.settings.redraw_below if redraws else 0.0)
        indices = (0,) * len(labels) if shared_noise else None
        single = len(labels) == 1
        request = DrawRequest(labels, sample, indices, self.settings.weights, frame_rate(self.terminal), guesses=single, conditions=conditions)
        return self.draw_request(request, listener)

    def draw_request(self, request: DrawRequest, listener: Listener) -> int:
        """Queue a drawing with settings of its own."""
        self._hooks.drawing_queued()
        return self.router.submit("draw", lambda: self.jobs.draw(request), listener, "drawing")

    def measure(self, images: Images, listener: Listener) -> int:
        """Queue the measuring of strokes: StrokesMeasured."""
        return self.router.submit("draw", lambda: self.jobs.measure(images), listener, "measuring")

    # --- settings -----------------------------------------------------------------------------------------------------

    def change_settings(self, **changes: object) -> None:
        """Change fields of the settings, and remember them for the next start. Of weights and sampler the one not chosen follows the other.

        Raises SettingError for a sampler that no weights can follow.
        """
        before = self.settings
        chosen = replace(before, **changes)  # type: ignore[arg-type]
        self.settings = chosen.linked(before)
        remembered.save(before, self.settings)
        if self.settings != chosen:
            weights = self.settings.weights if self.settings.weights != chosen.weights else ""
            now = f"weights are now {weights}" if weights else f"sampler is now {self.settings.sample.sampler}"
            self._app.notify(f"The {now}: {chosen.weights} can't draw with {chosen.sample.sampler}.")
        if (hint := steps_hint(self.settings.sample)) and hint != steps_hint(before.sample):
            self._app.notify(f"{hint}.", severity="warning")
        self._hooks.status_changed()

    def seed_for_new_noise(self) -> int:
        """The random seed for a picture that is asked to differ from the last; a notice says where it is locked."""
        if self.settings.lock_seed:
            seed = self.settings.sample.seed
            self._app.notify(f"The random seed {seed} is locked, so that the same noise is drawn again; ctrl+g on the Prompt screen unlocks it.")
        return self.next_seed()

    def next_seed(self) -> int:
        """The random seed of a new drawing; the one after it is remembered, unless the seed is locked."""
        seed = self.settings.sample.seed
        if self.settings.lock_seed:
            return seed
        self.change_settings(sample=replace(self.settings.sample, seed=seed + 1))
        return seed

    # --- runs ---------------------------------------------------------------------------------------------------------

    def training_runs(self) -> list[str]:
        """The names of the runs that this process trains."""
        return [self.training.run] if self.training.saving() and self.training.run else []

    def on_run_moved(self, old: str, new: str | None) -> None:
        """A run was renamed, or deleted where `new` is None: if its weights are chosen, follow the new name, or go back to the shipped ones."""
        name, colon, kind = self.settings.weights.partition(":")
        if name == old:
            self.change_settings(weights=f"{new}{colon}{kind}" if new else "shipped")
        self.watch.look()
        self._hooks.run_moved(old, new)
