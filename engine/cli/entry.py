"""How a command starts and ends: every error becomes one line on standard error, and an exit code."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import traceback
from contextlib import suppress
from typing import NoReturn

import click

from engine.cli.deferred import DeferredGroup
from engine.cli.output import print_status
from engine.errors import DigittyError
from engine.process import torch_libraries
from engine.process.distributed import is_rank
from engine.process.foreign_errors import explain
from engine.process.signals import SignalGuard, Stopped, quiet_races
from engine.process.streams import fix_std_streams
from engine.storage import log, paths

HELP = "digitty.help"
"""The key under which the context records that only help was requested."""


class Commands(DeferredGroup):
    """A group that checks digitty's folders before a command starts, unless only help was requested."""

    unchecked: tuple[str, ...] = ()
    """Commands that check the folders themselves."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        ctx.meta[HELP] = "--help" in rest
        if not ctx.meta[HELP] and name not in self.unchecked and not ctx.resilient_parsing:
            paths.check()
        return name, command, rest


def run(group: click.Group, arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code. Main thread only."""
    fix_std_streams()
    before = signal.getsignal(signal.SIGINT)
    with quiet_races():
        try:
            if before is signal.SIG_DFL:
                signal.signal(signal.SIGINT, signal.default_int_handler)
            code = _invoke(group, arguments)
            sys.stdout.flush()
            return code
        except BaseException as error:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            return _report(error)
        finally:
            signal.signal(signal.SIGINT, before)


def _invoke(group: click.Group, arguments: list[str] | None) -> int:
    """Replaces click's own `main`, which turns any broken pipe silently into exit code 1."""
    if "_DIGITTY_COMPLETE" in os.environ:  # a shell wants completions
        group.main(prog_name="digitty")
    with group.make_context("digitty", sys.argv[1:] if arguments is None else list(arguments)) as context:
        group.invoke(context)
    return 0


def _report(error: BaseException) -> int:
    """Print one line about the error, unless it is silent; the exit code."""
    match error:
        case Stopped() | click.exceptions.Exit():
            return error.exit_code
        case KeyboardInterrupt() | click.Abort():
            return 128 + signal.SIGINT
        case SystemExit():
            return error.code if isinstance(error.code, int) else int(error.code is not None)
        case click.ClickException():
            text, code = error.format_message(), 2
        case DigittyError():
            text, code = str(error), error.exit_code
        case _:
            reason = explain(error)
            text, code = (str(reason), reason.exit_code) if reason else (internal_error(error), 1)
    print_status(f"digitty: {' '.join(text.split())}")
    return code


def internal_error(error: BaseException) -> str:
    """The line about an unexpected error. Its traceback is logged; if the log can't be written, the line has the place of the error."""
    what = traceback.format_exception_only(error)[-1].strip()
    try:
        return f"internal error: {what}; please report it with the details in {log.write_traceback(error)}"
    except (DigittyError, OSError) as unwritten:
        frames = traceback.extract_tb(error.__traceback__)
        at = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        return f"internal error: {what}{at}; please report this line, since the log can't be written ({unwritten})"


def exit_process(code: int) -> NoReturn:
    """End the process. Python shuts down in order only where that is quick and safe."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if code > 128:  # after a signal, perhaps in the middle of an import
        SignalGuard.leaving = True  # output that its reader has not taken by now is dropped
    elif is_rank():  # threads of gloo outlive their group, and some abort the process while Python shuts down
        pass
    elif "torch" in sys.modules or torch_libraries.are_loading():  # which Python would take apart, or wait for, for seconds on a busy machine
        atexit._run_exitfuncs()
    else:
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
