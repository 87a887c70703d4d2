"""How a command begins and ends: whatever happens becomes one line and an exit code."""

from __future__ import annotations

import logging
import logging.handlers
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import click

from engine import paths
from engine.errors import DigittyError
from engine.foreign import explained
from engine.group import is_rank
from engine.leaving import Stopped
from engine.streams import make_writable
from engine.telling import say


def run(group: click.Group, arguments: list[str] | None = None) -> int:
    """Runs a command and turns whatever happens into one line and an exit code."""
    make_writable()
    try:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        code = group.main(arguments, prog_name="digitty", standalone_mode=False)  # what context.exit was given, or None
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except DigittyError as error:
        say(f"digitty: {error}")
        return error.exit_code
    except Stopped as stop:
        return stop.exit_code
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        say(f"digitty: {' '.join(error.format_message().split())}")
        return 2
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the last flush has somewhere to go
        return 141
    except Exception as error:
        if reason := explained(error):
            click.echo(f"digitty: {reason}", err=True)
            return reason.exit_code
        log = log_unexpected()
        say(f"digitty: a fault of its own, sorry; the details are in {log}")
        return 1


def log_unexpected() -> Path | None:
    """Writes the exception at hand to the log; returns where. None where there is no writing it, and it is printed instead."""
    try:
        path = paths.made(paths.log_dir()) / "digitty.log"
        handler = logging.handlers.RotatingFileHandler(path, maxBytes=1 << 20, backupCount=2, encoding="utf-8")
    except (OSError, DigittyError):
        logging.getLogger("digitty").exception("unexpected")
        return None
    logger = logging.getLogger("digitty.file")
    logger.propagate = False
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(message)s"))
    logger.addHandler(handler)
    logger.exception("unexpected")
    logger.removeHandler(handler)
    handler.close()
    return path


def leave(code: int) -> NoReturn:
    """Ends the process; at once after a signal, since what is half imported can't be taken down in order."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if code > 128:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    if is_rank():  # gloo's threads outlive their group, and some abort the process when Python is taken down under them
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)
