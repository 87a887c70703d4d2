"""The commands with a standard output that is full, gone, closed or slow: for processes that the server forks."""

from __future__ import annotations

import os
import resource
import select
import sys
from pathlib import Path
from typing import Any

from tui.cli import main as cli

for name in cli.digitty.commands:
    cli.digitty.load(name)  # imports its module once, instead of in each process


def light(arguments: list[str], outlet: str, target: str, errors: str) -> None:
    """`digitty ARGUMENTS`, where that needs no engine; what it says on standard error goes to the file `errors`."""
    _open(outlet, target, errors)
    sys.argv = ["digitty", *arguments]
    cli.main()


def heavy(arguments: list[str], outlet: str, target: str, errors: str) -> None:
    """The same with the tiny engine of slow_commands.py."""
    import slow_commands

    from engine.config.sampling import SampleConfig
    from engine.protocol.requests import DrawRequest
    from tui.cli import doctor

    _open(outlet, target, errors)
    doctor.SEVEN = DrawRequest((7,), SampleConfig(steps=1, redraw_below=0), fps=10)
    slow_commands.command(arguments)


def everything_full(arguments: list[str], errors: str) -> None:
    """No file can grow by a byte, the log and temporary files among them; a pipe can."""
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        with open(errors, "wb") as file:
            while data := os.read(reader, 4096):
                file.write(data)
        os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(writer, 2)
    os.close(writer)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    import slow_commands

    slow_commands.command(arguments)


# --- kinds of standard output -----------------------------------------------------------------------------------------


def _roomy(target: str) -> None:
    os.dup2(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)


def _full(target: str) -> None:
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)


def _gone(target: str) -> None:
    reader, writer = os.pipe()
    os.dup2(writer, 1)
    os.close(reader)


def _closed(target: str) -> None:
    """As Python finds it after >&-."""
    os.close(1)
    sys.stdout = sys.__stdout__ = None  # type: ignore[assignment, misc]


def _slow(target: str) -> None:
    """A FIFO that is full, and does not block; the file TARGET.waits appears once the command waits for its reader."""
    os.dup2(os.open(target, os.O_WRONLY | os.O_NONBLOCK), 1)
    wait = select.select

    def noted(*arguments: Any) -> Any:
        ready = wait(*arguments[:3], 0)
        if ready == ([], [], []):
            Path(target + ".waits").touch()
            ready = wait(*arguments)
        return ready

    select.select = noted


def _open(outlet: str, target: str, errors: str) -> None:
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    OUTLETS[outlet](target)


OUTLETS = {"roomy": _roomy, "full": _full, "gone": _gone, "closed": _closed, "slow": _slow}
