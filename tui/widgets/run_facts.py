"""A run's numbers, losses and epochs as short texts. Pure functions of its history."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rich.text import Text

from engine.config.data import MNIST
from engine.config.model import NetworkKind
from engine.config.training import TrainConfig
from engine.formatting import format_duration
from engine.process.machine import MachineLoad
from engine.protocol.validated import COPYING
from tui.runs.history import EpochRow, RunHistory
from tui.widgets.fact_line import Fact

ROUNDED = 300.0
"""Seconds to which the time of the end is rounded."""
HALF_A_DAY, WEEK = 43_200.0, 7 * 86_400.0
NONE_HELD_OUT = "no images held out"
WHAT_PREVIEWS_SHOW: Mapping[NetworkKind, str] = {
    "writer": "below each digit: the hand most like its own",
    "text": "below each caption: what is read in it",
    "tower": "beside each caption: the images that fit it best",
}
MAX_ROWS = 200
"""Epochs in the table, the latest ones."""


@dataclass(frozen=True, slots=True)
class Status:
    """The facts of a run that its metrics do not hold."""

    state: str = ""
    running: bool = False
    own: bool = False
    """This process trains the run, so the top line says so too."""
    memory: int = 0
    """In bytes; 0 where it is not known."""
    warning: str = ""
    load: MachineLoad | None = None
    """Of the machine that trains it, where that is this one."""


def numbers_of(history: RunHistory, status: Status) -> list[Fact]:
    """seed-2  training  epoch 4/10  step 1612/4690  8.13 steps/s  1037 img/s  lr 9.1e-04  left 6:12  ends about 23:40  300 MB"""
    config = history.config
    facts = [
        Fact(history.run.name, 0, "name"),
        *data_facts(config),
        Fact(status.state, 6 if status.own and status.state == "training" else 0, "state"),
        Fact(f"epoch {history.epoch}/{config.epochs}", 1),
        Fact(f"step {history.now.step}/{config.total_steps}"),
    ]
    if status.running and not history.now.paused:
        rate = history.now.rate
        facts += [
            Fact(f"{rate:.2f} steps/s" if rate < 10 else f"{rate:.0f} steps/s", 2),
            Fact(f"{rate * config.images / config.steps_per_epoch:.0f} img/s", 4),
            Fact(f"lr {history.now.lr:.1e}", 5),
        ]
        if history.seconds_left is not None:
            facts += [Fact(f"left {format_duration(history.seconds_left)}", 1), Fact(f"ends about {end_text(history.seconds_left)}", 3)]
    if status.running and status.memory:
        facts.append(Fact(f"{status.memory / 2**20:.0f} MB", 7))
    return facts


def end_text(seconds_left: float, now: float | None = None) -> str:
    """The time of day that many seconds from now: 23:40, Sat 23:40 after half a day, Dec 03 after a week. Rounded to five minutes."""
    now = time.time() if now is None else now
    at = time.localtime(round((now + seconds_left) / ROUNDED) * ROUNDED)
    if seconds_left > WEEK:
        return time.strftime("%b %d", at)
    return time.strftime("%a %H:%M" if seconds_left > HALF_A_DAY else "%H:%M", at)


def load_facts(load: MachineLoad | None) -> list[str]:
    """CPU 98%, memory 5.1/7.8 GB, GPU 93%, 12.0/80.0 GB, 61 C: as far as they are known."""
    if load is None:
        return []
    texts = []
    if load.cpu is not None:
        texts.append(f"CPU {load.cpu:.0%}")
    if load.memory_used is not None and load.memory_total is not None:
        texts.append(f"memory {_gigabytes(load.memory_used, load.memory_total)}")
    if gpu := load.gpu:
        texts += [f"GPU {gpu.busy:.0%}", _gigabytes(gpu.memory_used, gpu.memory_total)]
        if gpu.temperature is not None:
            texts.append(f"{gpu.temperature} C")
    return texts


def _gigabytes(used: int, total: int) -> str:
    return f"{used / 1e9:.1f}/{total / 1e9:.1f} GB"


def losses_of(history: RunHistory, status: Status) -> list[Fact]:
    """loss 0.0241  epoch 0.0252  best 0.0251  seed · batch 128 · adam 0.001 cosine  cpu bf16 channels_last  saved 1600"""
    losses = (("loss", history.now.loss), ("epoch", history.epoch_average), ("best", history.best))
    facts = [Fact(f"{name} {value:.4f}") for name, value in losses if value is not None]
    if status.warning:
        return [*facts[:1], Fact(status.warning, 0, "warning")]
    facts = with_held_out(facts, history)
    config, engine = history.config, history.engine
    if config.model.network in WHAT_PREVIEWS_SHOW:
        facts.append(Fact(WHAT_PREVIEWS_SHOW[config.model.network], 1))
    facts += [Fact(text, 2) for text in load_facts(status.load)]
    if history.behind:
        facts.append(Fact("reading its history…", 1, "state"))
    facts += [
        Fact(f"{config.preset} · batch {config.batch_size} · {config.optimizer} {config.lr:g} {config.lr_schedule}", 3),
        Fact(f"{engine.device} {engine.precision} {engine.layout}", 4),
    ]
    if history.now.saved_step:
        facts.append(Fact(f"saved at step {history.now.saved_step}", 5))
    return facts


def with_held_out(losses: Sequence[Fact], history: RunHistory) -> list[Fact]:
    """loss 0.0241  epoch 0.0252  best 0.0251  held out 0.0255  lowest 0.0249 at 1200

    Where the run copies its training images, the warning comes before all but the first loss.
    """
    best = history.best_validation
    if best is None:
        return [*losses, Fact(NONE_HELD_OUT, 4)] if history.config.lacks_held_out else [*losses]
    held_out = [Fact(f"held out {history.validations[-1].loss:.4f}", 0, "held-out")]
    lowest = [Fact(f"lowest {best.loss:.4f} at {best.step}", 2)] if best is not history.validations[-1] else []
    if history.copying:
        return [*losses[:1], Fact(COPYING, 0, "warning"), *held_out, *lowest, *(replace(fact, rank=1) for fact in losses[1:])]
    return [*losses, *held_out, *lowest]


def data_facts(config: TrainConfig) -> list[Fact]:
    """Fashion-MNIST  60,000 images, 10 classes; nothing for MNIST"""
    data, count = config.data, f"{config.images:,} image{'s' * (config.images != 1)}"
    if data.digest == MNIST.digest:
        return []
    classes = f", {data.classes:,} class{'es' * (data.classes != 1)}" if data.classes else ""
    return [Fact(data.name, 3), Fact(count + classes, 5)]


def table_of(epochs: Sequence[EpochRow], preview: str) -> Text:
    """The table of epochs, the latest first."""
    table = Text(f"previews: {preview}\n" if preview else "", "dim", no_wrap=True, overflow="ellipsis")
    table.append("epoch  average  time\n", "bold")
    for row in reversed(epochs[-MAX_ROWS:]):
        table.append(f"{row.epoch:5}  {row.average:.4f} {format_duration(row.seconds):>7}{' *' if row.best else ''}\n")
    if len(epochs) > MAX_ROWS:
        table.append(f"and {len(epochs) - MAX_ROWS} earlier epochs\n", "dim")
    return table


def readings_of(texts: Sequence[str]) -> Text:
    """Captions, and below each what was read in it."""
    shown = Text(no_wrap=True, overflow="ellipsis")
    for caption, reading in zip(texts[::2], texts[1::2], strict=False):
        shown.append(f"{caption}\n", "dim").append(f"  {reading}\n")
    return shown
