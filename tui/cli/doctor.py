"""`digitty doctor`: all that a bug report needs, and whether the parts work. What fails is said, and the rest goes on.

It names no person and no host.
"""

from __future__ import annotations

import locale
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib import metadata

import click

from engine.cli import main as engine_cli
from engine.cli.options import device_options, plain_option
from engine.cli.output import print_line
from engine.cli.progress import ProgressLine
from engine.config.compute import Device, Precision
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
from tui.cli.options import color_option
from tui.settings import config_file
from tui.terminal import capabilities as term

PACKAGES = ("torch", "torchvision", "numpy", "textual", "rich", "rich-pixels", "pillow", "safetensors", "click")
JUDGED_BY = ("TERM", "COLORTERM", "TERM_PROGRAM", "NO_COLOR", "FORCE_COLOR", "COLORFGBG", "TMUX", "STY", "WT_SESSION", "LC_TERMINAL")
"""What the environment says of a terminal."""
SEVEN = DrawRequest((7,), weights="shipped", fps=10)


@click.command(help="Print versions, folders, device, precision and terminal, check data and weights, draw a test digit: to paste in a bug report.")
@device_options
@color_option
@plain_option
@click.pass_obj
def doctor(shared_color: str | None, /, color: str | None, device: Device, precision: Precision, threads: int | None) -> None:
    color = color or shared_color or "auto"
    wrong = 0
    for title, facts in CHECKS.items():
        wrong = _told(title, facts) or wrong
    wrong = _told("terminal", lambda: _terminal(color)) or wrong
    pictures: list[Images] = []
    wrong = _told("test digit", lambda: _test_digit(Jobs(device, precision, threads), pictures)) or wrong
    if pictures and not ProgressLine.plain:
        from tui.render.stdout import print_images

        print_images(pictures[0], color)
    if wrong:
        click.get_current_context().exit(wrong)


def _told(name: str, facts: Callable[[], Iterator[str]]) -> int:
    """Says the facts, a line each. Returns 0, or the exit code of what kept it from one."""
    failed = 0
    said: list[str] = []
    try:
        said.extend(facts())
    except Stopped:
        raise
    except Exception as error:  # whatever it is, it is what is to be reported
        reason = error if isinstance(error, DigittyError) else explain(error)
        said.append(f"PROBLEM: {reason or f'{type(error).__name__}: {error}'}")
        failed = reason.exit_code if reason else 1
    for fact in said:
        home = os.path.expanduser("~")
        print_line(f"{name:<10}  {fact.replace(home, '~') if os.path.isabs(home) and len(home) > 1 else fact}")
        name = ""
    return failed


# --- what is told -----------------------------------------------------------------------------------------------------


def _versions() -> Iterator[str]:
    yield engine_cli.VERSION_TEXT
    yield f"Python {platform.python_version()} on {platform.system()} {platform.release()} {platform.machine()}, {_processors()}"
    yield ", ".join(f"{name} {_version(name)}" for name in PACKAGES)


def _processors() -> str:
    """2 processors, or 2 of 8 processors where affinity or a cgroup takes some away; and what else limits threads."""
    usable, all_of_them = processors(), os.cpu_count() or 1
    count = f"{usable} of {all_of_them}" if usable < all_of_them else f"{usable}"
    limits = "".join(f", {name}={printable(os.environ[name], 20)}" for name in THREAD_LIMITS if name in os.environ)
    return f"{count} processor{'' if all_of_them == 1 else 's'}{limits}"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"


def _folders() -> Iterator[str]:
    if home := os.environ.get("DIGITTY_HOME"):
        yield f"DIGITTY_HOME={home}"
    for name, folder in (("runs", paths.runs_dir()), ("cache", paths.cache_dir()), ("settings", paths.config_dir()), ("log", paths.log_dir())):
        there = next(part for part in (folder, *folder.parents) if part.exists())
        state = "" if folder.exists() else ", not there yet"
        yield f"{name}: {folder}{state}, {format_size(shutil.disk_usage(there).free)} free" + ("" if os.access(there, os.W_OK) else ", NOT WRITABLE")


def _config() -> Iterator[str]:
    config = config_file.load()
    yield f"{config_file.location()}" if config.text or config.problems else "none; digitty config --init makes one"
    yield from (f"PROBLEM: {problem}" for problem in config.problems)


def _runs() -> Iterator[str]:
    found = all_runs()
    yield ", ".join(f"{run.name} {run.state()}" for run in found[:8]) + (f" and {len(found) - 8} more" if len(found) > 8 else "") or "none"


def _locale() -> Iterator[str]:
    said = " ".join(f"{name}={value}" for name in ("LC_ALL", "LC_CTYPE", "LANG", "PYTHONUTF8", "PYTHONIOENCODING") if (value := os.environ.get(name)))
    yield f"{said or 'no LANG'}: files {sys.getfilesystemencoding()}, text {locale.getpreferredencoding(False)}, output {sys.stdout.encoding}"


def _data() -> Iterator[str]:
    from engine.data import mnist as data

    for name in data.MD5:
        data.unpack(name)
    yield f"MNIST: {len(data.MD5)} files, as published (md5)"


def _weights() -> Iterator[str]:
    from engine.checkpoints.lookup import find_weights

    loaded = find_weights("shipped")
    yield f"shipped: step {loaded.step}, {sum(tensor.numel() for tensor in loaded.tensors.values()):,} parameters, digest right"


def _terminal(color: str) -> Iterator[str]:
    found = term.detect(os.environ, color)
    columns, lines = shutil.get_terminal_size()
    streams = {"input": sys.stdin, "output": sys.stdout, "error": sys.stderr}
    standard = ", ".join(f"{name} {'a terminal' if stream and stream.isatty() else 'none'}" for name, stream in streams.items())
    yield f"{found.color} colours{'' if color == 'auto' else ' (--color)'}, {'unicode' if found.unicode else 'ascii'}, {columns}x{lines}; {standard}"
    told = [f"{name}={'yes' if name in ('TMUX', 'STY', 'WT_SESSION') else os.environ[name]}" for name in JUDGED_BY if name in os.environ]
    yield "judged by " + " ".join([*told, *(["over SSH"] if found.remote else [])] or ["nothing: the environment says nothing of it"])


def _test_digit(jobs: Jobs, pictures: list[Images]) -> Iterator[str]:
    """The picture is put into `pictures`."""
    done = draw_with_progress(SEVEN, jobs)
    engine = done.recipe.engine
    yield f"devices: {', '.join(_devices())}"
    threads = f", {engine.threads} thread{'' if engine.threads == 1 else 's'}" if engine.threads else ""
    yield f"engine: {engine.device} {engine.precision} {engine.layout}{threads}"
    yield f"a seven by {done.recipe.weights}: {done.recipe.sample.steps} steps in {done.seconds:.2f} s; the classifier reads {_read(done.images)}"
    pictures.append(done.images)


def _devices() -> list[str]:
    """What --device may name, and what the CPU does fast."""
    import torch

    from engine.compute.autotune import LIMITS, cpu_bf16
    from engine.compute.device import cuda_devices

    limits = "".join(f", {name}={printable(os.environ[name], 20)}" for name in LIMITS if name in os.environ)
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return [f"cpu ({torch.backends.cpu.get_cpu_capability()}, bf16 {cpu_bf16()}{limits})", *cuda_devices(), *mps]


def _read(pictures: Images) -> str:
    import torch

    from engine.checkpoints.classifier import load_classifier

    classifier = load_classifier()
    picture = torch.frombuffer(bytearray(pictures[0]), dtype=torch.uint8).view(1, *classifier.data.pixel_shape)
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
