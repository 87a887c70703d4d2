"""The `digitty` command: the screen by default; generate, which draws; doctor, config, serve and the engine's commands beside them.

Neither torch nor textual is imported before it is known which of them is needed: `--help` is instant.
"""

from __future__ import annotations

import logging
import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click

from engine.cli import entry
from engine.cli import main as engine_cli
from engine.cli.options import device_options, force_option, plain_option, sample_config, sampling_options
from engine.cli.reporters import ProgressLine, say, show
from engine.config import training as c
from engine.errors import InputError, SettingError, StorageError
from engine.jobs.jobs import DrawRequest, Jobs
from engine.process.processors import processors
from engine.process.signals import DEADLINE, breakable, stoppable
from engine.prompt.parser import parse
from engine.protocol import events as e
from engine.storage import images, log, paths
from tui.cli.config import config
from tui.cli.doctor import doctor
from tui.cli.serve import serve
from tui.render import captions as caption
from tui.render.stdout import draw_in_terminal
from tui.settings import config_file
from tui.terminal import capabilities as term
from tui.terminal.shutdown import NOT_SAVED, Leaving
from tui.terminal.tty import Display

SHOWN = 64
"""Digits that `generate` draws in the terminal; more are only written."""
CONFIG = "digitty.config"
"""Where the context keeps what config.toml says."""
CONFIGURED = ("generate", "train", "evaluate")
"""Commands that refuse a config.toml with a fault in it: what they do would not be what was meant."""

color_option = click.option("--color", type=click.Choice(term.CHOICES), default=None, help="What the terminal can show.  [default: auto]")


class Digitty(entry.Commands):
    """Takes its defaults from the person's config.toml."""

    unchecked = ("doctor",)

    def make_context(self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any) -> click.Context:
        config = config_file.load()
        context = super().make_context(info_name, args, parent, default_map=_defaults(config), **extra)
        context.meta[CONFIG] = config
        return context


def _defaults(config: config_file.Config) -> dict[str, Any]:
    """As click takes them. What a run recorded can't change: where one is resumed, the file has no say in it."""
    values = config.values
    engine = {name: values[name] for name in ("device", "precision") if name in values}
    if values.get("threads", "auto") != "auto":
        engine["threads"] = min(values["threads"], processors())  # one file may serve several machines
    speech = {"plain": values["plain"]} if "plain" in values else {}
    recorded = {name: _unless_resumed(values[name], other) for name, other in (("preset", None), ("precision", "auto")) if name in values}
    drawing = {**config.sample, **({"weights": values["weights"]} if "weights" in values else {})}
    color = {"color": values["color"]} if "color" in values else {}
    return {
        **engine,
        **color,
        "generate": {**drawing, **engine, **speech},
        "train": {**engine, **recorded, **speech},
        "evaluate": {**engine, **speech},
        "doctor": {**engine, **speech},
    }


def _unless_resumed(value: str, other: str | None) -> Callable[[], str | None]:
    """Called once the command's own options are known."""
    return lambda: other if isinstance(click.get_current_context().params.get("resume"), str) else value


@click.group(
    cls=Digitty,
    invoke_without_command=True,
    epilog=engine_cli.EXIT_CODES,
    help="Train a diffusion model on MNIST and watch it draw digits, in a terminal.\n\nWithout a command, the screen opens: type seven.",
)
@device_options
@color_option
@click.version_option(engine_cli.VERSION_TEXT, prog_name="digitty")
@click.pass_context
def digitty(context: click.Context, device: c.Device, precision: c.Precision, threads: int | None, color: str | None) -> None:
    context.obj = color
    found: config_file.Config = context.meta[CONFIG]
    if context.invoked_subcommand is None:
        paths.check()
        sys.exit(open_screen(Jobs(device, precision, threads), color or "auto", found))  # click would swallow the code of context.exit
    for name in ("device", "precision", "threads"):
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE and context.default_map:
            context.default_map.setdefault(context.invoked_subcommand, {})[name] = context.params[name]
    if context.invoked_subcommand in CONFIGURED and found.problems and not context.meta[entry.HELP]:
        if found.unreadable:
            raise StorageError(found.problems[0])
        raise SettingError(f"{found.problems[0]}; digitty config shows what is in force")


for _command in engine_cli.commands.commands.values():
    digitty.add_command(_command)


# --- the screen -------------------------------------------------------------------------------------------------------


def open_screen(jobs: Jobs, color: str, config: config_file.Config) -> int:
    """Runs the application; afterwards waits for the engine to save. Returns the exit code."""
    in_browser = "TEXTUAL_DRIVER" in os.environ
    if not in_browser and not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise InputError("the screen needs a terminal for input, output and error (ssh -t gives one); without one use: digitty generate seven")
    if not in_browser and (why := term.unable(os.environ)):
        raise InputError(f"{why}; use: digitty generate seven")
    terminal = term.detect(os.environ, color)
    term.apply(terminal, os.environ)
    with _log_instead_of_screen(terminal.unicode) as (display, log_path), Leaving(display, file=log_path) as leaving:
        from tui.app import DigittyApp

        app = DigittyApp(jobs, terminal, config)
        leaving.work, app.report_fault = app, leaving.fail
        try:
            code = app.run() or app.return_code or 0
        except BaseException as error:
            leaving.fail(error)
            leaving.wait()
        leaving.hear()
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
def _log_instead_of_screen(unicode: bool) -> Iterator[tuple[Display, Path | None]]:
    """What libraries write to standard error goes to the log; Textual, which draws on it, keeps the terminal. Gives both."""
    screen = os.dup(2)
    display = Display(screen, unicode)
    path = None
    try:
        handle, path = log.open_log(), log.log_path()
    except (OSError, StorageError):
        handle = os.open(os.devnull, os.O_WRONLY)
    sys.stderr.flush()
    os.dup2(handle, 2)
    os.close(handle)
    before = sys.__stderr__
    setattr(sys, "__stderr__", display)  # noqa: B010  (typed as final)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(process)d %(name)s %(message)s")
    try:
        yield display, path
    finally:
        display.flush()
        display.close()
        os.dup2(screen, 2)
        os.close(screen)
        setattr(sys, "__stderr__", before)  # noqa: B010


# --- generate ---------------------------------------------------------------------------------------------------------


@digitty.command(help='Draw PROMPT in the terminal: seven · "3 1 4" · "three sevens" · 0-9 · random · grid.')
@click.argument("prompt")
@click.option("--count", type=int, default=1, show_default=True, help="Draw the whole prompt so many times.")
@sampling_options()
@click.option("--out", type=click.Path(path_type=Path), help="Also write a .png, a .gif of the denoising, or an .npz.")
@force_option
@device_options
@color_option
@plain_option
@click.pass_obj
def generate(
    shared_color: str | None,
    /,
    color: str | None,
    prompt: str,
    count: int,
    weights: str,
    out: Path | None,
    force: bool,
    device: c.Device,
    precision: c.Precision,
    threads: int | None,
    **given: Any,
) -> None:
    sample = sample_config(given, weights)
    if not 1 <= count <= c.MAX_COUNT:
        raise SettingError(f"count {count} is outside 1 to {c.MAX_COUNT:,}")
    labels, shared_noise = _labels(prompt, count, random.Random(sample.seed))
    if out is not None:
        images.checked(out, replace=force)
        if out.suffix.lower() == ".gif" and len(labels) > SHOWN:
            raise SettingError(f"a GIF holds at most {SHOWN} digits, not {len(labels):,}; use .npz")
    indices = tuple(i // 10 for i in range(len(labels))) if shared_noise else None  # each grid has one noise
    done = _drawn(DrawRequest(labels, sample, indices, weights, fps=10), Jobs(device, precision, threads))
    if out is not None:
        with breakable():
            images.save(out, done.recipe, done.images, done.frames)
    _show(done, color or shared_color or "auto")
    if out is not None:
        say(f"saved {out}")


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


def _drawn(request: DrawRequest, jobs: Jobs) -> e.DrawDone:
    """The finished drawing, with progress on standard error."""
    bar = ProgressLine()
    done: e.DrawDone | None = None
    with stoppable() as leave, closing(jobs.draw(request)) as job:
        for event in job:
            if leave.number:
                bar.clear()
            leave.check()
            if isinstance(event, e.Preparing):
                bar.show(event.what)
                continue
            leave.begin()
            if isinstance(event, e.Frame):
                bar.show(caption.progress(event), event.step / event.steps)
            elif isinstance(event, e.DrawDone):
                done = event
    bar.clear()
    assert done is not None
    return done


def _show(done: e.DrawDone, color: str) -> None:
    """The digits as terminal pixels on standard output, and a line about them on standard error; one line of words for who wants it plain."""
    if ProgressLine.plain:
        show(caption.spoken(done))
        return
    if len(done.images) <= SHOWN:
        draw_in_terminal(done.images, color)
    digits = "digit" if len(done.images) == 1 else "digits"
    say(f"{len(done.images):,} {digits} · {caption.how(done.recipe.sample)} · {done.recipe.weights} · {caption.pace(done)}")


for _command in (doctor, config, serve):
    digitty.add_command(_command)


def main() -> None:
    """The entry point of the `digitty` command."""
    entry.leave(entry.run(digitty))
