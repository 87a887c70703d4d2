"""The `digitty` command: the screen by default; generate and doctor, which draw; the engine's commands beside them.

Neither torch nor textual is imported before it is known which of them is needed: `--help` is instant.
"""

from __future__ import annotations

import logging
import os
import platform
import random
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import click

from engine import cli as engine_cli
from engine import config as c
from engine import events as e
from engine import images, paths
from engine.cli import device_options, sample_config, sampling_options
from engine.errors import InputError, SettingError, StorageError
from engine.jobs import DrawRequest, Jobs
from engine.leaving import DEADLINE, stoppable
from engine.prompt import parse
from engine.telling import ProgressLine
from tui import terminal as term
from tui.display import Display
from tui.leaving import NOT_SAVED, Leaving

SHOWN = 64
"""Digits that `generate` draws in the terminal; more are only written."""


color_option = click.option("--color", type=click.Choice(term.CHOICES), default=None, help="What the terminal can show.  [default: auto]")


@click.group(invoke_without_command=True, epilog=engine_cli.EXIT_CODES)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True, help="For the screen.")
@click.option("--precision", type=click.Choice(["auto", "fp32", "tf32", "bf16"]), default="auto", show_default=True, help="For the screen.")
@color_option
@click.version_option(engine_cli.VERSION_TEXT, prog_name="digitty")
@click.pass_context
def digitty(context: click.Context, device: c.Device, precision: c.Precision, color: str | None) -> None:
    """Train a diffusion model on MNIST and watch it draw digits, in a terminal.

    Without a command, the screen opens: type seven.
    """
    context.obj = color
    if context.invoked_subcommand is None:
        sys.exit(open_screen(device, precision, color or "auto"))  # click would swallow the code of context.exit


for _command in engine_cli.commands.commands.values():
    digitty.add_command(_command)


# --- the screen -------------------------------------------------------------------------------------------------------


def open_screen(device: c.Device, precision: c.Precision, color: str) -> int:
    """Runs the application; afterwards waits for the engine to save. Returns the exit code."""
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise InputError("the screen needs a terminal for input, output and error (ssh -t gives one); without one use: digitty generate seven")
    if os.environ.get("TERM") == "dumb":
        raise InputError("TERM=dumb can't show the screen; use: digitty generate seven")
    terminal = term.detect(os.environ, color)
    term.apply(terminal, os.environ)
    with _log_instead_of_screen() as display, Leaving(display) as leaving:
        from tui.app import DigittyApp

        app = DigittyApp(Jobs(device, precision), terminal)
        leaving.work = app
        code = app.run() or app.return_code or 0
        if not app.finish(0.5):
            display.say(app.saving())
            if not app.finish(DEADLINE + app.patience()):
                display.say(NOT_SAVED)
                code = 1
        for word in app.last_words:
            display.say(word)
    if not app.worker.close(0):
        os._exit(code)  # amid an import, or a step that leaves nothing to save: that can't be taken down in order
    return code


@contextmanager
def _log_instead_of_screen() -> Iterator[Display]:
    """What libraries write to standard error goes to the log; Textual, which draws on it, keeps the terminal, which is given."""
    screen = os.dup(2)
    display = Display(screen)
    try:
        log = os.open(paths.made(paths.log_dir()) / "digitty.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except (OSError, StorageError):
        log = os.open(os.devnull, os.O_WRONLY)
    sys.stderr.flush()
    os.dup2(log, 2)
    os.close(log)
    before = sys.__stderr__
    setattr(sys, "__stderr__", display)  # noqa: B010  (typed as final)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(process)d %(name)s %(message)s")
    try:
        yield display
    finally:
        display.flush()
        display.close()
        os.dup2(screen, 2)
        os.close(screen)
        setattr(sys, "__stderr__", before)  # noqa: B010


# --- generate ---------------------------------------------------------------------------------------------------------


@digitty.command()
@click.argument("prompt")
@click.option("--count", type=int, default=1, show_default=True, help="Draw the whole prompt so many times.")
@sampling_options()
@click.option("--out", type=click.Path(path_type=Path), help="Also write a .png, a .gif of the denoising, or an .npz.")
@device_options
@color_option
@click.pass_obj
def generate(
    shared_color: str | None,
    /,
    color: str | None,
    prompt: str,
    count: int,
    weights: str,
    out: Path | None,
    device: c.Device,
    precision: c.Precision,
    **given: Any,
) -> None:
    """Draw PROMPT in the terminal: seven · "3 1 4" · "three sevens" · 0-9 · random · grid."""
    sample = sample_config(given)
    if not 1 <= count <= c.MAX_COUNT:
        raise SettingError(f"count {count} is outside 1 to {c.MAX_COUNT:,}")
    labels, shared_noise = _labels(prompt, count, random.Random(sample.seed))
    if out is not None:
        images.checked(out)
        if out.suffix.lower() == ".gif" and len(labels) > SHOWN:
            raise SettingError(f"a GIF holds at most {SHOWN} digits, not {len(labels):,}; use .npz")
    indices = tuple(i // 10 for i in range(len(labels))) if shared_noise else None  # each grid has one noise
    done = _drawn(DrawRequest(labels, sample, indices, weights, fps=10), device, precision)
    if out is not None:
        images.save(out, done.recipe, done.images, done.frames)
    _show(done, color or shared_color or "auto")
    if out is not None:
        click.echo(f"saved {out}", err=True)


def _labels(prompt: str, count: int, rng: random.Random) -> tuple[tuple[int, ...], bool]:
    """The labels of `count` readings of the prompt, and whether it is a grid. What is random is drawn anew each time."""
    before = rng.getstate()
    asked = parse(prompt, rng)
    if len(asked.labels) * count > c.MAX_COUNT:
        raise SettingError(f"{len(asked.labels) * count:,} digits are more than {c.MAX_COUNT:,}; use a smaller --count")
    if rng.getstate() == before:
        return asked.labels * count, asked.shared_noise
    readings = [asked.labels, *(parse(prompt, rng).labels for _ in range(count - 1))]
    return tuple(label for labels in readings for label in labels), False


def _drawn(request: DrawRequest, device: c.Device, precision: c.Precision) -> e.DrawDone:
    """The finished drawing, with progress on standard error."""
    bar = ProgressLine()
    done: e.DrawDone | None = None
    with stoppable() as leave, closing(Jobs(device, precision).draw(request)) as job:
        for event in job:
            if leave.number:
                bar.clear()
            leave.check()
            if isinstance(event, e.Preparing):
                bar.show(event.what)
                continue
            leave.begin()
            if isinstance(event, e.Frame):
                bar.show(f"step {event.step}/{event.steps}  {event.steps_per_s:.0f} steps/s", event.step / event.steps)
            elif isinstance(event, e.DrawDone):
                done = event
    bar.clear()
    assert done is not None
    return done


def _show(done: e.DrawDone, color: str) -> None:
    """The digits as terminal pixels on standard output, and a line about them on standard error."""
    if len(done.images) <= SHOWN:
        draw_in_terminal(done.images, color)
    from tui.widgets import caption

    digits = "digit" if len(done.images) == 1 else "digits"
    click.echo(f"{len(done.images):,} {digits} · {caption.how(done.recipe.sample)} · {done.recipe.weights} · {caption.pace(done)}", err=True)


def draw_in_terminal(pictures: e.Images, color: str) -> None:
    """rich-pixels where there are colours; characters where there are none, or no terminal."""
    env = dict(os.environ) if sys.stdout.isatty() or color != "auto" else {**os.environ, "TERM": "dumb"}
    terminal = term.detect(env, color)
    if not (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf"):
        terminal = term.Terminal(terminal.color, unicode=False)
    columns = max(1, min((shutil.get_terminal_size().columns + 1) // (pictures.width + 1), images.columns_for(len(pictures))))
    if terminal.color in (term.ColorDepth.TRUECOLOR, term.ColorDepth.COLORS_256) and terminal.unicode:
        from rich.console import Console
        from rich_pixels import Pixels

        system: Literal["truecolor", "256"] = "truecolor" if terminal.color is term.ColorDepth.TRUECOLOR else "256"
        sheet = images.picture(pictures, columns, gap=1)
        padded = sheet.crop((0, 0, sheet.width, sheet.height + sheet.height % 2)).convert("RGB")
        Console(color_system=system, force_terminal=True, width=max(80, padded.width), highlight=False).print(Pixels.from_image(padded), end="")
        return
    from tui.cells import tile_rows

    tiles = [tile_rows(data, pictures.width, term.ColorDepth.NONE, terminal.unicode) for data in pictures]
    for first in range(0, len(tiles), columns):
        row = tiles[first : first + columns]
        for y in range(len(row[0])):
            click.echo(" ".join("".join(run.text for run in tile[y]) for tile in row).rstrip())


# --- doctor -----------------------------------------------------------------------------------------------------------


@digitty.command()
@device_options
@color_option
@click.pass_obj
def doctor(shared_color: str | None, /, color: str | None, device: c.Device, precision: c.Precision) -> None:
    """Print versions, folders, device, precision and terminal, and draw a test digit: ready to paste in a bug report."""
    color = color or shared_color or "auto"
    packages = ("torch", "torchvision", "textual", "rich-pixels", "pillow", "safetensors", "numpy")
    facts: dict[str, object] = {
        "digitty": engine_cli.VERSION_TEXT,
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "packages": " ".join(f"{name} {_version(name)}" for name in packages),
        "runs": paths.runs_dir(),
        "cache": paths.cache_dir(),
        "settings": paths.config_dir(),
        "log": paths.log_dir() / "digitty.log",
        "terminal": _terminal_words(os.environ, color),
    }
    for name, value in facts.items():
        click.echo(f"{name:<10} {value}")
    done = _drawn(DrawRequest((7,), weights="shipped", fps=10), device, precision)
    engine = done.recipe.engine
    click.echo(f"{'engine':<10} {engine.device} {engine.precision} {engine.layout}, {os.cpu_count()} CPUs")
    click.echo(f"{'test digit':<10} a seven by {done.recipe.weights}, {done.recipe.sample.steps} steps in {done.seconds:.2f} s")
    draw_in_terminal(done.images, color)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"


def _terminal_words(env: Mapping[str, str], color: str) -> str:
    found = term.detect(env, color)
    size = shutil.get_terminal_size()
    words = [f"TERM={env.get('TERM', '')}", f"COLORTERM={env.get('COLORTERM', '')}", f"color {found.color}", "unicode" if found.unicode else "ascii"]
    return " ".join([*words, f"{size.columns}x{size.lines}", *(["over SSH"] if found.remote else []), *(["in tmux"] if env.get("TMUX") else [])])


def main() -> None:
    """The entry point of the `digitty` command."""
    engine_cli.leave(engine_cli.run(digitty))


if __name__ == "__main__":
    main()
