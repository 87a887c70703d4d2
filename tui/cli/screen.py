"""`digitty` without a command: open the screen, and close it in order whatever happens."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from engine.errors import InputError, StorageError
from engine.jobs.jobs import Jobs
from engine.process.quick_imports import quick_imports
from engine.process.signals import DEADLINE
from engine.storage import log
from tui.settings import config_file
from tui.terminal import capabilities as term
from tui.terminal.shutdown import NOT_SAVED, ShutdownWatcher
from tui.terminal.tty import RestorableTty


def open_screen(
    jobs: Jobs, color: str, config: config_file.Config, first: str = "prompt", pictures: Sequence[Path] = (), graphics: str = term.AUTO
) -> int:
    """Run the application, then wait until the engine has saved; the exit code. Raises InputError without a usable terminal.

    It opens with the screen `first`. `pictures` are files and folders that Gallery shows instead of the folder of saved pictures.
    """
    in_browser = "TEXTUAL_DRIVER" in os.environ
    if not in_browser and not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise InputError("the screen needs a terminal for input, output and error (ssh -t gives one); without a terminal use: digitty generate seven")
    if not in_browser and (why := term.why_unusable(os.environ)):
        raise InputError(f"{why}; use: digitty generate seven")
    terminal = term.detect(os.environ, color, graphics)
    if not config.values.get("title", True):
        terminal = replace(terminal, window=replace(terminal.window, titled=False, progress=False))
    term.apply_to_textual(terminal, os.environ)
    with redirect_stderr_to_log(terminal) as (display, log_path), ShutdownWatcher(display, file=log_path) as watcher:
        with quick_imports():
            from tui.app import DigittyApp
            from tui.screens.registry import SCREENS

            _ = SCREENS[first]  # imports it, while others wait until they are opened

        app = DigittyApp(jobs, terminal, config, first, pictures)
        watcher.work, app.report_fault = app.studio, watcher.fail
        try:
            code = app.run() or app.return_code or 0
        except BaseException as error:
            watcher.fail(error)
            watcher.wait()
        watcher.rearm()
        if not app.studio.finish(0.5):
            display.print_line(app.studio.saving())
            if not app.studio.finish(DEADLINE + app.studio.patience()):
                display.print_line(NOT_SAVED)
                code = 1
        for word in app.studio.last_words:
            display.print_line(word)
    if not app.studio.worker.close(0):
        os._exit(code)  # in an import, or in a step with nothing to save: Python can't shut down in order there
    return code


@contextmanager
def redirect_stderr_to_log(terminal: term.Terminal) -> Iterator[tuple[RestorableTty, Path | None]]:
    """Send to the log what libraries write to standard error. Gives the terminal, on which Textual draws, and the path of the log."""
    screen = os.dup(2)
    display = RestorableTty(screen, terminal.unicode, terminal.window)
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
