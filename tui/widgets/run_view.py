"""A run as one sees it: numbers, two bars, losses, the chart, previews, and the table of epochs. Shows a RunHistory; knows no worker."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Static

from engine.formatting import format_duration
from tui.runs.history import EpochRow, RunHistory, load_sample
from tui.terminal.capabilities import Terminal
from tui.widgets.fact_line import Fact, FactLine
from tui.widgets.image_view import ImageView
from tui.widgets.job_bar import JobBar
from tui.widgets.loss_chart import LossChart

EPOCHS = 200
"""Rows that the table shows at most: the latest."""
DRAW_EVERY = 0.5
"""Seconds between drawings of chart and table while the history is being read."""
SETTLED = 1_000_000_000
"""Nanoseconds after which a folder's time tells of every file in it."""


@dataclass(frozen=True, slots=True)
class Status:
    """What of a run is not in its metrics."""

    state: str = ""
    running: bool = False
    own: bool = False
    """Trained by this process: the top line says so too."""
    memory: int = 0
    """Bytes; 0 where it is not known."""
    warning: str = ""


class RunView(Vertical):
    """`show` another run, `tell` what is new of it."""

    DEFAULT_CSS = """
    RunView {
        height: 1fr;
        & > #losses { color: $text-muted; }
        & > #bars { height: 1; }
        & > #bars JobBar { width: 1fr; padding: 0 1; }
        & > #chart { height: 1fr; }
        & > #below { height: 11; }
        & #previews { width: 55; height: 1fr; padding-left: 1; }
        & #epochs { width: 1fr; height: 1fr; scrollbar-size-vertical: 1; padding-left: 1; }
    }
    """

    def __init__(self, terminal: Terminal) -> None:
        super().__init__()
        self._terminal = terminal
        self.history: RunHistory | None = None
        self.status = Status()
        self._drawn = 0.0
        self._samples: list[tuple[int, Path]] = []
        self._listed = (0, 0)
        self._at: int | None = None
        """The preview shown; None follows the latest."""
        self._shown: Path | None = None
        self._table: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        yield FactLine(id="numbers")
        with Horizontal(id="bars"):
            yield JobBar(label="epoch", id="epoch", ascii=not self._terminal.unicode)
            yield JobBar(label="run", id="run", ascii=not self._terminal.unicode)
        yield FactLine(id="losses")
        yield LossChart(self._terminal, log_scale=True, id="chart")
        with Horizontal(id="below"):
            yield ImageView(self._terminal, columns=5, id="previews")
            with VerticalScroll(id="epochs", can_focus=False):
                yield Static(id="table")

    def on_resize(self, event: events.Resize) -> None:
        """The previews take the largest tiles that leave the chart its room."""
        width, height = event.size
        below = 29 if height >= 54 and width >= 175 else 15 if height >= 32 and width >= 105 else 11 if height >= 20 else 0
        self.query_one("#below").styles.height = below
        self.query_one("#below").display = below > 0
        self.query_one("#previews").styles.width = {29: 145, 15: 75}.get(below, 55) if width >= 78 else "1fr"
        self.query_one("#epochs").display = width >= 78

    @property
    def chart(self) -> LossChart:
        return self.query_one("#chart", LossChart)

    def show(self, history: RunHistory | None) -> None:
        """Another run, or none."""
        self.history, self._at, self._listed, self._table = history, None, (0, 0), ()
        self._samples = []
        if history is None:
            self.chart.set_data((), ())
            for name in ("#epoch", "#run"):
                self.query_one(name, JobBar).fraction = None
        else:
            self.chart.series = history.series

    def tell(self, status: Status, numbers: Sequence[Fact] | None = None) -> None:
        """What is new; `numbers` stand in for the run's own where something else is to be said."""
        history, self.status = self.history, status
        if history is None:
            self._line("#numbers", numbers or ())
            self._line("#losses", ())
        else:
            self._line("#numbers", numbers_of(history, status) if numbers is None else numbers)
            self._line("#losses", losses_of(history, status))
            self.query_one("#epoch", JobBar).fraction = history.epoch_fraction
            self.query_one("#run", JobBar).fraction = history.fraction
        now = time.monotonic()
        if history is None or not history.behind or now - self._drawn >= DRAW_EVERY:
            self._drawn = now
            self.call_later(self._draw)  # keys may be heard in between

    def _draw(self) -> None:
        """What takes longest."""
        self.chart.update()
        self._tell_preview()
        self._tell_epochs()

    def _line(self, name: str, facts: Sequence[Fact]) -> None:
        self.query_one(name, FactLine).facts = tuple(facts)

    # --- previews -----------------------------------------------------------------------------------------------------

    def scrub(self, by: int) -> None:
        """To earlier or later previews."""
        if self._samples:
            last = len(self._samples) - 1
            at = max(0, min(last, (last if self._at is None else self._at) + by))
            self._at = None if at == last else at
            self._tell_preview()
            self._tell_epochs()

    @property
    def has_previews(self) -> bool:
        return len(self._samples) > 1

    def _look_for_samples(self) -> None:
        """A long run has thousands: looked through only where their folder has changed."""
        if self.history is None:
            return
        try:
            changed = (self.history.run.path / "samples").stat().st_mtime_ns
        except OSError:
            changed = 0
        stamp, listed = self._listed
        if stamp != changed or listed - changed < SETTLED:
            self._listed = changed, time.time_ns()
            self._samples = self.history.samples()

    def _tell_preview(self) -> None:
        self._look_for_samples()
        view = self.query_one("#previews", ImageView)
        if not self._samples:
            if view.images is not None:
                view.clear()
            self._shown = None
            return
        _, path = self._samples[-1 if self._at is None else min(self._at, len(self._samples) - 1)]
        if self.story and self._shown != path and (images := load_sample(path, self.story.config.data)) is not None:
            self._shown = path
            view.show(images)

    def _preview_words(self) -> str:
        if self._shown is None or not self._samples:
            return ""
        at = len(self._samples) - 1 if self._at is None else min(self._at, len(self._samples) - 1)
        return f"step {self._samples[at][0]}" + ("" if self._at is None else f" {at + 1}/{len(self._samples)}")

    def _tell_epochs(self) -> None:
        epochs = self.history.epochs if self.history else []
        shown = (self._preview_words(), len(epochs), epochs[-1] if epochs else None)
        if shown != self._table:
            self._table = shown
            self.query_one("#table", Static).update(table_of(epochs, shown[0]))


# --- what it comes to -------------------------------------------------------------------------------------------------


def numbers_of(history: RunHistory, status: Status) -> list[Fact]:
    """seed-2  training  epoch 4/10  step 1612/4690  8.13 it/s  1037 img/s  lr 9.1e-04  left 6:12  300 MB"""
    config = history.config
    facts = [
        Fact(history.run.name, 0, "name"),
        Fact(status.state, 5 if status.own and status.state == "training" else 0, "state"),
        Fact(f"epoch {history.epoch}/{config.epochs}", 1),
        Fact(f"step {history.now.step}/{config.total_steps}"),
    ]
    if status.running:
        rate = history.now.rate
        facts += [
            Fact(f"{rate:.2f} it/s" if rate < 10 else f"{rate:.0f} it/s", 2),
            Fact(f"{rate * config.images / config.steps_per_epoch:.0f} img/s", 3),
            Fact(f"lr {history.now.lr:.1e}", 4),
        ]
        if history.seconds_left is not None:
            facts.append(Fact(f"left {format_duration(history.seconds_left)}", 1))
        if status.memory:
            facts.append(Fact(f"{status.memory / 2**20:.0f} MB", 6))
    return facts


def losses_of(history: RunHistory, status: Status) -> list[Fact]:
    """loss 0.0241  epoch 0.0252  best 0.0251  seed · batch 128 · adam 0.001 cosine  cpu bf16 channels_last  saved 1600"""
    named = (("loss", history.now.loss), ("epoch", history.epoch_average), ("best", history.best))
    facts = [Fact(f"{name} {value:.4f}") for name, value in named if value is not None]
    if status.warning:
        return [*facts[:1], Fact(status.warning, 0, "warning")]
    config, engine = history.config, history.engine
    if history.behind:
        facts.append(Fact("reading its history…", 1, "state"))
    facts += [
        Fact(f"{config.preset} · batch {config.batch_size} · {config.optimizer} {config.lr:g} {config.lr_schedule}", 2),
        Fact(f"{engine.device} {engine.precision} {engine.layout}", 3),
    ]
    if history.now.saved_step:
        facts.append(Fact(f"saved at step {history.now.saved_step}", 4))
    return facts


def table_of(epochs: Sequence[EpochRow], preview: str) -> Text:
    """The latest first."""
    table = Text(f"previews: {preview}\n" if preview else "", "dim")
    table.append("epoch  average  time\n", "bold")
    for row in reversed(epochs[-EPOCHS:]):
        table.append(f"{row.epoch:5}  {row.average:.4f} {format_duration(row.seconds):>7}{' *' if row.best else ''}\n")
    if len(epochs) > EPOCHS:
        table.append(f"and {len(epochs) - EPOCHS} before\n", "dim")
    return table
