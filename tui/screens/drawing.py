"""The base of Generate and Grid: shows one drawing live, then lets people scrub through its denoising."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.timer import Timer

from engine.config.condition import Condition
from engine.protocol import events as e
from engine.protocol.events import Event
from tui.dialogs.enlarged import nearest_frame
from tui.render import captions
from tui.screens.base import AppScreen
from tui.widgets.image_view import ImageView
from tui.widgets.job_bar import JobBar
from tui.widgets.shown_size import describe_shown_size

REPLAY_FPS = 10.0
NOTHING_DRAWN = "No drawing has finished yet. Press enter to draw."
ROOMY = 100
"""Columns of the screen from which the footer has room for more keys."""
SCRUB = "scrub through the denoising"


class DrawScreen(AppScreen):
    """Its body has an ImageView `#view`, a JobBar `#bar` for the progress and a JobBar `#how` for the recipe."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r,ctrl+r", "again", "new noise", tooltip="draw with the next random seed", id="again"),
        Binding("space", "pause", "pause", tooltip="pause or resume; replay a finished drawing", id="pause"),
        Binding("left", "scrub(-1)", "scrub", key_display="← →", tooltip=SCRUB),
        Binding("right", "scrub(1)", show=False, tooltip=SCRUB),
        Binding("home", "scrub(-1000)", show=False, tooltip=SCRUB),
        Binding("end", "scrub(1000)", show=False, tooltip=SCRUB),
        Binding("z", "enlarge", "enlarge", tooltip="enlarge an image (or click on it)", id="enlarge"),
        Binding("s,ctrl+s", "save('.png')", "PNG", tooltip="save as PNG with its recipe", id="save"),
        Binding("g", "save('.gif')", "GIF", tooltip="save the denoising as an animated GIF", id="gif"),
        Binding("x", "stop", "stop", tooltip="stop the drawing", id="stop"),
        Binding("pagedown", "page(1)", show=False, tooltip="turn the page if not all samples fit"),
        Binding("pageup", "page(-1)", show=False, tooltip="turn the page if not all samples fit"),
    ]
    FOOTER_IDS: ClassVar[Set[str]] = {"weights", "options", "help", "quit"}

    def __init__(self) -> None:
        super().__init__()
        self.job: int | None = None
        self.done: e.DrawDone | None = None
        self._paused = False
        self._frame = 0
        """The frame that is shown, once the drawing is finished."""
        self._captions: Sequence[str] = ()
        self._drawn: tuple[object, ...] = ()
        """What determined the drawing."""
        self._enlarged = 0
        """The image that was enlarged last."""
        self._replay: Timer | None = None
        self._finished = ""
        """What the bar said when the drawing had finished."""

    @property
    def view(self) -> ImageView:
        return self.query_one("#view", ImageView)

    @property
    def bar(self) -> JobBar:
        return self.query_one("#bar", JobBar)

    @property
    def has_drawing(self) -> bool:
        return self.done is not None

    def footer_label(self, binding: Binding) -> str:
        drawing, done = self.job is not None and self.done is None, self.done is not None
        useful = {"pause": drawing or done, "scrub(-1)": done, "save('.png')": done, "save('.gif')": done, "stop": drawing}
        useful["enlarge"] = done and self.size.width >= ROOMY
        if not useful.get(binding.action, True):
            return ""
        return "replay" if binding.action == "pause" and done else binding.description

    def labels(self, seed: int) -> Sequence[int | None]:
        """The classes to draw. Raises DigittyError if the settings name none."""
        raise NotImplementedError

    @property
    def shares_noise(self) -> bool:
        """Whether all images are drawn from the same noise."""
        return False

    def conditions(self) -> tuple[Condition, ...] | None:
        """What is asked of each picture besides its class. Where such pictures share their noise, they are not redrawn, so that they keep it.

        Raises DigittyError if the settings ask for what the weights are not told.
        """
        return None

    def heading(self) -> str:
        """What the line of the recipe begins with."""
        return ""

    def captions_for(self, labels: Sequence[int | None]) -> Sequence[str]:
        return [captions.short_name(label, self.studio.data) for label in labels]

    def captions_of_drawn(self, done: e.DrawDone) -> Sequence[str]:
        """The captions of a finished drawing, which may say what it shows."""
        return self._captions

    def draw(self) -> None:
        """Start a drawing with the current settings, and stop the one before."""
        self.stop_work()
        self._stop_replay()
        seed = self.studio.settings.sample.seed
        labels = self.labels(seed)
        self._captions = self.captions_for(labels)
        self._drawn = self._determinants(labels)
        self._paused, self.done, self._enlarged = False, None, 0
        self.bar.fraction, self.bar.words = None, "waiting for the engine…"
        number = 0

        def listener(event: Event) -> None:
            if number == self.job:  # not a late event of a drawing that this one replaced
                self.on_job_event(event)

        conditions = self.conditions()
        self.job = number = self.studio.draw(labels, listener, seed, self.shares_noise, conditions, redraws=not (conditions and self.shares_noise))
        self.show_status()
        self.refresh_bindings()

    def _determinants(self, labels: Sequence[int | None]) -> tuple[object, ...]:
        """What determines a drawing. Weights that are being trained change from one moment to the next."""
        settings = self.studio.settings
        name = settings.weights.partition(":")[0]
        return (
            tuple(labels),
            self.conditions(),
            settings.sample,
            settings.redraw_below,
            settings.weights,
            object() if name in self.studio.training_runs() else None,
        )

    def draw_or_enlarge(self) -> None:
        """Draw with the current settings. If that is what is shown, enlarge an image of it."""
        if self.done and self._drawn == self._determinants(self.labels(self.studio.settings.sample.seed)):
            self.action_enlarge()
        else:
            self.draw()

    def on_job_event(self, event: Event) -> None:
        match event:
            case e.Preparing(what):
                self.bar.words = what + "…"
            case e.DrawStarted(recipe):
                sample = captions.describe_sample(recipe.sample, self.studio.settings.lock_seed)
                self.query_one("#how", JobBar).words = f"{self.heading()}{sample} · {recipe.weights}"
            case e.Frame(images, step, steps):
                self.view.show(images, self._captions, live=True)
                self.bar.fraction, self.bar.words = step / steps, captions.progress(event)
            case e.DrawDone():
                self.done, self._frame = event, len(event.frames) - 1
                if self._paused and self.job is not None:
                    self.studio.worker.resume(self.job)  # paused on its last step: only its end is missing
                self._captions = self.captions_of_drawn(event)
                self.view.show(event.images, self._captions)
                self.bar.fraction = 1.0
                self._show_finished(event)
                self.refresh_bindings()
            case e.Ended(outcome, message):
                self.job = None
                if outcome != "finished":
                    self.bar.fraction, self.bar.words = None, "stopped" if outcome == "stopped" else message
                self.refresh_bindings()

    def stop_work(self) -> None:
        if self.job is not None:
            self.studio.worker.stop(self.job)
        self._stop_replay()

    def action_stop(self) -> None:
        if self.job is None and self._replay is None:
            self.explain("Nothing is being drawn.", lambda: self.job is None)
        self.stop_work()

    def action_again(self) -> None:
        self.studio.seed_for_new_noise()
        self.draw()

    def action_pause(self) -> None:
        if self.job is not None and self.done is None:
            self._paused = not self._paused
            (self.studio.worker.pause if self._paused else self.studio.worker.resume)(self.job)
            if self._paused:
                self.bar.words = f"{self.bar.words.removesuffix(' · paused')} · paused"
        elif self._replay is not None:
            self._stop_replay()
        elif self.done:
            if self._frame >= len(self.done.frames) - 1:
                self._frame = -1
            self._replay = self.set_interval(1 / REPLAY_FPS, self._replay_next)
        else:
            self.explain(NOTHING_DRAWN, lambda: self.done is None)

    def _replay_next(self) -> None:
        self._scrub(1)
        if self.done is None or self._frame >= len(self.done.frames) - 1:
            self._stop_replay()

    def _stop_replay(self) -> None:
        if self._replay is not None:
            self._replay.stop()
            self._replay = None

    def action_scrub(self, by: int) -> None:
        self._stop_replay()
        if self.done is None:
            self.explain(NOTHING_DRAWN, lambda: self.done is None)
        self._scrub(by)

    def _scrub(self, by: int) -> None:
        self._go_to(self._frame + by)

    def on_job_bar_scrubbed(self, event: JobBar.Scrubbed) -> None:
        if self.done and event.bar is self.bar:
            self._stop_replay()
            self._go_to(nearest_frame(self.done.frame_steps, event.fraction))

    def _go_to(self, frame: int) -> None:
        """Show a frame of the finished drawing."""
        if self.done is None:
            return
        last = len(self.done.frames) - 1
        self._frame = max(0, min(last, frame))
        self.view.show(self.done.frames[self._frame], self._captions, live=self._frame < last)
        noun = captions.noun(self.done.recipe.data)
        step, steps = self.done.frame_steps[self._frame], self.done.recipe.sample.steps
        self.bar.fraction = step / steps
        self.bar.words = f"after step {step}/{steps} · " + ("noise" if self._frame == 0 else noun if self._frame == last else f"noise → {noun}")

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.call_after_refresh(self._refresh_finished)

    def _refresh_finished(self) -> None:
        """Say anew how small pictures are shown, unless the bar says something else by now: scrubbing, or another drawing."""
        if self.done and self.bar.words == self._finished:
            self._captions = self.captions_of_drawn(self.done)
            self.view.show(self.done.images, self._captions)
            self._show_finished(self.done)

    def _show_finished(self, done: e.DrawDone) -> None:
        """Say how a drawing went, and how small its pictures are shown."""
        smaller = describe_shown_size(self.view).removeprefix("shown at ")
        said = [captions.timing(done), smaller or "← → scrub", "enter enlarges"]  # there is little room, and the footer has "scrub" too
        self.bar.words = self._finished = " · ".join(said)

    def on_image_view_chosen(self, event: ImageView.Chosen) -> None:
        self._enlarge(event.index)

    def action_enlarge(self) -> None:
        self._enlarge(self._enlarged)

    def _enlarge(self, index: int) -> None:
        self._stop_replay()
        if self.done:
            self.enlarge(self.done, index, self._on_enlarged)
        else:
            self.explain("Nothing to enlarge: no drawing has finished yet.", lambda: self.done is None)

    def _on_enlarged(self, index: int) -> None:
        self._enlarged = index
        self.view.show_index(index)

    def action_save(self, ending: str) -> None:
        self.save_drawing(self.done, ending)

    def action_page(self, by: int) -> None:
        _ = self.view.page_next() if by > 0 else self.view.page_prev()
