"""What the panes of the Compare screen share: one sweep at a time, its progress, and its sheet as a PNG."""

from __future__ import annotations

from pathlib import Path

from textual.containers import Vertical

from engine.config.data import DataSpec
from engine.config.sweep import Sweep
from engine.formatting import format_duration
from engine.prompt.parser import Prompt
from engine.protocol import events as e
from engine.protocol.events import Event
from engine.protocol.requests import SweepRequest
from engine.protocol.sweep_events import CellDone, CellFailed, CellProgress, SweepDone
from engine.runs.prompts import conditions_of, read_for, told_to
from engine.runs.weights_names import data_of
from engine.storage.sheet import save_sheet
from tui.render import captions
from tui.render.sweep_rows import describe_missed, sheet_title
from tui.studio.studio import Studio
from tui.terminal.capabilities import frame_rate
from tui.widgets.image_view import ImageView
from tui.widgets.job_bar import JobBar

MOST_WITH_FRAMES = 128
"""Images of a sweep up to which the frames of their denoising are kept: those of one digit take 50 KB."""


class ComparePane(Vertical):
    """Has a JobBar `#progress`. A subclass says what to draw and shows the cells."""

    def __init__(self, studio: Studio, *, id: str) -> None:
        super().__init__(id=id)
        self.studio = studio
        self.job: int | None = None
        self.plan: Sweep | None = None
        """The last sweep that was started."""
        self.cells: list[e.DrawDone | None] = []
        """Its finished drawings."""
        self.prompt = ""
        """What was drawn."""
        self._enlarged = -1

    @property
    def bar(self) -> JobBar:
        return self.query_one("#progress", JobBar)

    @property
    def has_drawings(self) -> bool:
        return any(self.cells)

    def read(self, prompt: str) -> Prompt:
        """What a prompt asks for. Raises PromptError."""
        return read_for(self.weights(), prompt, self.studio.settings.sample.seed)

    def start(self, prompt: str, plan: Sweep, side_by_side: bool = False) -> None:
        """Draw a sweep, and stop the one before. Raises DigittyError where the prompt can't be read."""
        asked, told = self.read(prompt), told_to(self.weights())
        conditions = conditions_of(asked, told, self.studio.settings.sample.seed)
        self.stop()
        labels = asked.labels
        indices = (0,) * len(labels) if asked.shared_noise else None
        keep_frames = len(labels) * len(plan.cells) <= MOST_WITH_FRAMES
        fps = frame_rate(self.studio.terminal)
        request = SweepRequest(labels, plan.cells, indices, side_by_side, keep_going=True, keep_frames=keep_frames, fps=fps, conditions=conditions)
        self.plan, self.cells, self.prompt, self._enlarged = plan, [None] * len(plan.cells), prompt, -1
        self.bar.fraction, self.bar.words = None, "waiting for the engine…"
        number = 0

        def listener(event: Event) -> None:
            if number == self.job and self.is_mounted:  # not a late event of a sweep that this one replaced
                self.on_job_event(event)

        # not as a drawing, which would keep every other drawing and a run that trains waiting
        self.job = number = self.studio.router.submit("evaluate", lambda: self.studio.jobs.sweep(request), listener, "comparing")
        self.on_state_changed()

    def stop(self) -> None:
        if self.job is not None:
            self.studio.worker.stop(self.job)

    def on_job_event(self, event: Event) -> None:
        match event:
            case e.Preparing(what):
                self.bar.words = what + "…"
            case CellProgress(cell, _, _, fraction, left):
                self.show_progress(cell, event)
                self._show_bar(fraction, left)
            case CellDone(cell, done, fraction, left):
                self.cells[cell] = done
                self.show_done(cell, done)
                self._show_bar(fraction, left)
                self.on_state_changed()
            case CellFailed(cell, message):
                self.show_failure(cell, message)
            case SweepDone(cells, seconds):
                count = sum(done is not None for done in cells)
                words = [f"{count} drawing{'' if count == 1 else 's'} in {seconds:.2f} s"]
                words += [missed] if self.plan and (missed := describe_missed(self.plan, cells)) else []
                self.bar.fraction, self.bar.words = 1.0, " · ".join(words)
            case e.Ended(outcome, message):
                self.job = None
                if outcome != "finished":
                    self.bar.fraction, self.bar.words = None, "stopped" if outcome == "stopped" else message
                self.on_state_changed()

    def _show_bar(self, fraction: float, left: float | None) -> None:
        done = sum(cell is not None for cell in self.cells)
        words = [f"{done} of {len(self.cells)} drawn"]
        if left is not None and fraction < 1:
            words.append(f"left {format_duration(left)}")
        self.bar.fraction, self.bar.words = fraction, " · ".join(words)

    def save_sheet(self, path: Path) -> None:
        """Write the drawings as a sheet. Raises OutputError."""
        assert self.plan is not None, "nothing is drawn"
        save_sheet(path, sheet_title(self.prompt, self.cells), self.plan, self.cells, replace=False)

    def on_state_changed(self) -> None:
        """Other keys may be useful than before."""
        self.screen.refresh_bindings()

    def turn_page(self, by: int) -> None:
        """Show more (1) or earlier (-1) of what does not fit."""

    def drawing_at(self, view: ImageView, index: int) -> tuple[e.DrawDone, int] | None:
        """The finished drawing that this tile shows, and the image in it; None if it is not finished."""
        return None

    def next_drawing(self) -> e.DrawDone | None:
        """One finished drawing after the other, to be enlarged by a key."""
        finished = [done for done in self.cells if done]
        self._enlarged = (self._enlarged + 1) % max(1, len(finished))
        return finished[self._enlarged] if finished else None

    # --- for subclasses -----------------------------------------------------------------------------------------------

    def weights(self) -> str:
        """The weights by which the prompt is read."""
        return self.studio.settings.weights

    def data(self) -> DataSpec:
        """What is drawn: it names the classes of the prompt."""
        return data_of(self.weights())

    def default_prompt(self) -> str:
        """What is drawn unless the user writes another prompt."""
        return captions.example(self.data())

    def draw(self, prompt: str) -> None:
        """Start the sweep. Raises DigittyError if the prompt or a setting can't be read."""
        raise NotImplementedError

    def show_progress(self, cell: int, event: CellProgress) -> None:
        """Show a drawing in progress."""

    def show_done(self, cell: int, done: e.DrawDone) -> None:
        """Show a finished drawing."""

    def show_failure(self, cell: int, message: str) -> None:
        """Say why a cell can't be drawn."""
        self.app.notify(message, severity="error")
