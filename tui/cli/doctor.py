"""`digitty doctor`: everything that a bug report needs, and whether the parts work. A part that fails does not keep the others from being checked.

Names neither the user nor the host.
"""

from __future__ import annotations

import locale
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata

import click

from engine.cli.options import device_options, plain_option
from engine.cli.output import print_line
from engine.cli.progress import ProgressLine
from engine.config.compute import Device, Precision
from engine.config.version import VERSION
from engine.errors import DigittyError
from engine.formatting import format_size, printable
from engine.jobs.jobs import Jobs
from engine.process.foreign_errors import explain
from engine.process.processors import LIMITED as THREAD_LIMITS
from engine.process.processors import processors
from engine.process.signals import Stopped
from engine.protocol.recipe import Images
from engine.protocol.requests import DrawRequest
from engine.runs.run import all_runs
from engine.storage import paths
from tui.cli.generate import draw_with_progress
from tui.cli.options import chosen_graphics, color_option, graphics_option
from tui.settings import config_file
from tui.terminal import capabilities as term
from tui.terminal import graphics
from tui.terminal.ask import ask_terminal

PACKAGES = ("torch", "torchvision", "numpy", "textual", "rich", "rich-pixels", "pillow", "safetensors", "click")
JUDGED_BY = ("TERM", "COLORTERM", "TERM_PROGRAM", "NO_COLOR", "FORCE_COLOR", "COLORFGBG", "TMUX", "STY", "WT_SESSION", "LC_TERMINAL")
"""Environment variables that describe the terminal."""
_PRIVATE = ("TMUX", "STY", "WT_SESSION")
"""Those of them whose value stays secret."""
INSTALL_TORCH = "https://pytorch.org/get-started/locally/"
"""PyTorch's page on how to install each of its builds."""
SEVEN = DrawRequest((7,), weights="shipped", fps=10)


@click.command(help="Print what a bug report needs: versions, folders, devices and terminal. Also check data and weights, and draw a test digit.")
@device_options
@color_option
@graphics_option
@plain_option
@click.pass_obj
def doctor(shared_color: str | None, /, color: str | None, device: Device, precision: Precision, threads: int | None) -> None:
    color = color or shared_color or "auto"
    code = 0
    for title, facts in CHECKS.items():
        code = _print_section(title, facts) or code
    code = _print_section("terminal", lambda: _terminal(color, chosen_graphics())) or code
    pictures: list[Images] = []
    code = _print_section("test digit", lambda: _test_digit(Jobs(device, precision, threads), pictures)) or code
    if pictures and not ProgressLine.plain:
        from tui.render.stdout import print_images

        print_images(pictures[0], color, graphics=chosen_graphics())
    if code:
        click.get_current_context().exit(code)


def _print_section(title: str, facts: Callable[[], Iterator[str]]) -> int:
    """Prints each fact on a line. Returns 0, or the exit code of the error that a fact raised."""
    code = 0
    lines: list[str] = []
    try:
        lines.extend(facts())
    except Stopped:
        raise
    except Exception as error:  # any error belongs in the report
        reason = error if isinstance(error, DigittyError) else explain(error)
        lines.append(f"PROBLEM: {reason or f'{type(error).__name__}: {error}'}")
        code = reason.exit_code if reason else 1
    home = os.path.expanduser("~")
    for line in lines:
        print_line(f"{title:<10}  {line.replace(home, '~') if os.path.isabs(home) and len(home) > 1 else line}")
        title = ""
    return code


# --- the facts ---------------------------------------------------------------------------------------------------------


def _versions() -> Iterator[str]:
    yield VERSION
    yield f"Python {platform.python_version()} on {platform.system()} {platform.release()} {platform.machine()}, {_processors()}"
    yield ", ".join(f"{name} {_version(name)}" for name in PACKAGES)


def _processors() -> str:
    """2 processors, or 2 of 8 processors if affinity or a cgroup takes some away; and the variables that limit threads."""
    usable, total = processors(), os.cpu_count() or 1
    count = f"{usable} of {total}" if usable < total else f"{usable}"
    return f"{count} processor{'' if total == 1 else 's'}{_variables(THREAD_LIMITS)}"


def _variables(names: Iterable[str]) -> str:
    """Those of the environment variables that are set: , OMP_NUM_THREADS=1"""
    return "".join(f", {name}={printable(os.environ[name], 20)}" for name in names if name in os.environ)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"


def _folders() -> Iterator[str]:
    if home := os.environ.get("DIGITTY_HOME"):
        yield f"DIGITTY_HOME={home}"
    for name, folder in (("runs", paths.runs_dir()), ("cache", paths.cache_dir()), ("settings", paths.config_dir()), ("log", paths.log_dir())):
        existing = next(part for part in (folder, *folder.parents) if part.exists())
        missing = "" if folder.exists() else ", not created yet"
        locked = "" if os.access(existing, os.W_OK) else ", NOT WRITABLE"
        yield f"{name}: {folder}{missing}, {format_size(shutil.disk_usage(existing).free)} free{locked}"


def _config() -> Iterator[str]:
    config = config_file.load()
    yield f"{config_file.location()}" if config.text or config.problems else "none; create it with: digitty config --init"
    yield from (f"PROBLEM: {problem}" for problem in config.problems)


def _runs() -> Iterator[str]:
    runs = all_runs()
    yield ", ".join(f"{run.name} {run.state()}" for run in runs[:8]) + (f" and {len(runs) - 8} more" if len(runs) > 8 else "") or "none"


def _locale() -> Iterator[str]:
    names = ("LC_ALL", "LC_CTYPE", "LANG", "PYTHONUTF8", "PYTHONIOENCODING")
    variables = " ".join(f"{name}={value}" for name in names if (value := os.environ.get(name))) or "LANG is not set"
    yield f"{variables}: files {sys.getfilesystemencoding()}, text {locale.getpreferredencoding(False)}, output {sys.stdout.encoding}"


def _data() -> Iterator[str]:
    from engine.data import mnist as data

    for name in data.MD5:
        data.unpack(name)
    yield f"MNIST: {len(data.MD5)} files, as published (md5)"


def _weights() -> Iterator[str]:
    from engine.checkpoints.lookup import find_weights

    loaded = find_weights("shipped")
    yield f"shipped: step {loaded.step}, {sum(tensor.numel() for tensor in loaded.tensors.values()):,} parameters, checksum correct"


def _terminal(color: str, graphics_choice: str) -> Iterator[str]:
    terminal = term.detect(os.environ, color, graphics_choice)
    columns, lines = shutil.get_terminal_size()
    forced = "" if color == "auto" else " (--color)"
    streams = {"input": sys.stdin, "output": sys.stdout, "error": sys.stderr}
    connected = ", ".join(f"{name}: {'terminal' if stream and stream.isatty() else 'no terminal'}" for name, stream in streams.items())
    yield f"{terminal.color} colours{forced}, {'unicode' if terminal.unicode else 'ascii'}, {columns}x{lines}; {connected}"
    clues = [f"{name}={'yes' if name in _PRIVATE else os.environ[name]}" for name in JUDGED_BY if name in os.environ]
    clues += ["over SSH"] if terminal.remote else []
    yield f"pictures: {_graphics(terminal)}"
    yield "detected from " + (" ".join(clues) or "nothing: no environment variable describes it")


def _graphics(terminal: term.Terminal) -> str:
    """kitty; or blocks, and what the terminal says of itself"""
    if terminal.graphics:
        return f"{terminal.graphics} (--graphics)"
    answers, tmux = ask_terminal(os.environ, terminal.remote), graphics.ask_tmux(os.environ)
    said = f"the terminal says it is {printable(answers.name, 40)}" if answers.name else "the terminal does not say what it is"
    around = f", in tmux{' with' if tmux.passthrough else ' without'} allow-passthrough" if tmux else ""
    return f"{graphics.choose(answers, tmux) if terminal.greys else graphics.Graphics.BLOCKS}; {said}{around}"


def _test_digit(jobs: Jobs, pictures: list[Images]) -> Iterator[str]:
    """Adds the picture to `pictures`."""
    done = draw_with_progress(SEVEN, jobs)
    engine = done.recipe.engine
    devices = _devices()
    yield f"devices: {', '.join(devices)}"
    yield from _cuda_without_gpu(devices)
    threads = f", {engine.threads} thread{'' if engine.threads == 1 else 's'}" if engine.threads else ""
    yield f"engine: {engine.device} {engine.precision} {engine.layout}{threads}"
    recipe = done.recipe
    yield f"a seven from {recipe.weights}: {recipe.sample.steps} steps in {done.seconds:.2f} s; the classifier reads {_classify(done.images)}"
    pictures.append(done.images)


def _devices() -> list[str]:
    """The devices that --device may name, and which low precision the CPU is fast at."""
    import torch

    from engine.compute.candidates import LIMITS, cpu_bf16
    from engine.compute.device import cuda_devices

    mps = ["mps"] if torch.backends.mps.is_available() else []
    return [f"cpu ({torch.backends.cpu.get_cpu_capability()}, bf16 {cpu_bf16()}{_variables(LIMITS)})", *cuda_devices(), *mps]


def _cuda_without_gpu(devices: list[str]) -> Iterator[str]:
    """What to do where torch is built for CUDA and finds no GPU."""
    if any(device.startswith("cuda") for device in devices):
        return
    import torch

    if torch.version.cuda:
        yield (
            f"torch is built for CUDA {torch.version.cuda}, but finds no NVIDIA GPU. If there is one, install or update its driver. "
            f"Otherwise torch's CPU build takes less space: about 1 GB instead of 5.6 for the whole environment. See {INSTALL_TORCH}"
        )


def _classify(images: Images) -> str:
    import torch

    from engine.checkpoints.classifier import load_classifier

    classifier = load_classifier()
    picture = torch.frombuffer(bytearray(images[0]), dtype=torch.uint8).view(1, *classifier.data.pixel_shape)
    _, logits = classifier.features_and_logits(picture)
    return str(int(logits.argmax()))


CHECKS: dict[str, Callable[[], Iterator[str]]] = {
    "digitty": _versions,
    "folders": _folders,
    "config": _config,
    "runs": _runs,
    "locale": _locale,
    "data": _data,
    "weights": _weights,
}
