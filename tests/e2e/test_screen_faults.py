"""The screen never dies silently: whatever fails, wherever, the terminal is given back, one line says so, and what trains is saved."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from terminal import Terminal, environment, faked

from engine.runs.run import find_run

FAULTS = {
    "a timer": "self.set_timer(0.01, fail)",
    "a worker": "self.run_worker(lambda: fail(), thread=True)",
    "a thread": "threading.Thread(target=fail).start()",
    "the loop": "asyncio.get_running_loop().call_soon(fail)",
    "drawing": "self._diff.due_rows = fail; self.action_repaint()",
    "the writer": "self._driver._writer_thread._queue.put(7)",
    "a handler that waits for ever after": "self.screen.call_later(fail); await asyncio.Event().wait()",
}
"""By where it fails: what F9 does."""
PATCH = """
import asyncio, threading
import tui.app
from textual.binding import Binding
def fail(*_):
    raise KeyError("on [/purpose]\\x1b[31m")
async def failing():
    fail()
async def action_fail(self):
    {fault}
tui.app.DigittyApp.action_fail = action_fail
tui.app.DigittyApp._merged_bindings.bind("f9", "fail", priority=True)
"""
WORDS = r"digitty: the screen failed \(KeyError: 'on \[/purpose\]\\x1b\[31m'\); the details are in (\S+)"


def said(terminal: Terminal) -> list[str]:
    """What is left on the terminal, without its width's breaks and without what takes its title back."""
    text = re.sub(r"\x1b\]2;\x07|\x1b\[23;2t", "", terminal.sent.rpartition(b"\x1b[?25h")[2].decode())
    return [line for line in text.split("\r\n") if line]


@pytest.mark.parametrize("where", FAULTS)
def test_whatever_fails_ends_in_one_line(warm_home: Path, tmp_path: Path, where: str) -> None:
    patch = faked(more=PATCH.format(fault=FAULTS[where]))
    with Terminal([], environment(warm_home), tmp_path, patch=patch) as terminal:
        terminal.sees("Type a digit", "cpu fp32")
        terminal.type("\x1b[20~")
        assert terminal.left(60) == 1
        assert terminal.restored()
        assert b"Traceback" not in terminal.sent
        (line,) = said(terminal)
    if where == "the writer":
        words = re.fullmatch(r"digitty: the screen failed \(TypeError: .*\); the details are in (\S+)", line)
    else:
        words = re.fullmatch(WORDS, line)
    assert words, line
    assert Path(words[1]) == warm_home / "log" / "digitty.log"
    assert "Traceback (most recent call last)" in Path(words[1]).read_text()


def test_what_trains_is_saved(warm_home: Path, tmp_path: Path) -> None:
    patch = faked("train_holds_at=6", PATCH.format(fault="fail()"))
    with Terminal([], environment(warm_home), tmp_path, patch=patch) as terminal:
        terminal.sees("Type a digit", "cpu fp32")
        terminal.start_training()
        terminal.sees("seed-1", "step 6/")
        terminal.type("\x1b[20~")
        assert terminal.left(60) == 1
        assert terminal.restored()
        failed, saving = said(terminal)
        assert re.fullmatch(WORDS, failed)
        assert saving == "digitty: finishing the step and saving seed-1…"
    run = find_run("seed-1")
    assert (run.state(), run.states()[-1][0]) == ("stopped", 6)


def test_an_exception_of_the_screens_own_plumbing_saves_too(warm_home: Path, tmp_path: Path) -> None:
    """As one that `App.run` raises."""
    patch = faked(
        "train_holds_at=6", PATCH.format(fault="self._driver.stop_application_mode = fail; self._exit = True; self._message_queue.put_nowait(None)")
    )
    with Terminal([], environment(warm_home), tmp_path, patch=patch) as terminal:
        terminal.sees("Type a digit", "cpu fp32")
        terminal.start_training()
        terminal.sees("seed-1", "step 6/")
        terminal.type("\x1b[20~")
        assert terminal.left(60) == 1
        assert terminal.restored()
    run = find_run("seed-1")
    assert (run.state(), run.states()[-1][0]) == ("stopped", 6)


def test_without_a_log_the_line_says_so(home: Path, tmp_path: Path) -> None:
    home.mkdir()
    (home / "log").write_text("in the way")
    with Terminal([], environment(home), tmp_path, patch=faked(more=PATCH.format(fault="fail()"))) as terminal:
        terminal.sees("Type a digit", "cpu fp32")
        terminal.type("\x1b[20~")
        assert terminal.left(60) == 1
        (line,) = said(terminal)
        assert line.endswith("; no log could be written")


# --- ctrl+z -------------------------------------------------------------------------------------------------------------

SHELL = """
import os, signal, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
pid = os.fork()
if not pid:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
else:
    while True:
        _, status = os.waitpid(pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            sys.exit(os.waitstatus_to_exitcode(status))
        os.tcsetpgrp(0, os.getpgrp())
        print("shell: stopped by", os.WSTOPSIG(status), flush=True)
        if sys.stdin.readline() == "bg\\n":
            os.killpg(pid, signal.SIGCONT)
            continue
        os.tcsetpgrp(0, pid)
        os.killpg(pid, signal.SIGCONT)
"""
"""A shell with job control, before the command: an empty line is its fg."""


def test_ctrl_z_stops_as_in_other_programs_and_fg_goes_on(warm_home: Path, tmp_path: Path) -> None:
    with Terminal([], environment(warm_home), tmp_path, patch=SHELL + faked()) as job:
        job.sees("Type a digit", "cpu fp32")
        job.type("seven\r")
        job.sees("7 · seven", "200 steps/s")
        job.type("thr")
        job.sees(" thr")
        shown = job.rested(0.5)
        for answer in ("fg", "bg"):
            job.type("\x1a")
            job.sees(f"shell: stopped by {signal.SIGTSTP:d}")
            assert job.restored()
            if answer == "bg":
                job.type("bg\n")
                job.until(lambda: job.text.count("shell: stopped by") == 2)
                assert job.restored()
            job.type("\n")
            job.until(lambda: job.cells() == shown)
        job.type("ee\r")
        job.sees("❯ three")
        job.press("esc", "q")
        assert job.left() == 0
        assert job.restored()


def test_where_no_shell_could_continue_it(warm_home: Path, tmp_path: Path) -> None:
    """As in `ssh -t host digitty`, or a window of its own. An unexpected SIGCONT, as of systemd after SIGTERM, starts no second thread."""
    with Terminal([], environment(warm_home), tmp_path, patch=faked()) as terminal:
        terminal.sees("Type a digit", "cpu fp32")
        terminal.type("\x1a")
        terminal.sees("ctrl+z does nothing")
        for _ in range(3):
            terminal.process.send_signal(signal.SIGCONT)
            terminal.until(lambda: not pending(terminal.process.pid))
        terminal.rested()  # what is typed while it gives the terminal back and takes it again is the terminal's
        terminal.type("se")
        terminal.sees(" se")
        terminal.type("ven\r")
        terminal.sees("7 · seven")
        terminal.process.send_signal(signal.SIGTERM)
        terminal.process.send_signal(signal.SIGCONT)
        assert terminal.left() == 128 + signal.SIGTERM
        assert terminal.restored()


def pending(pid: int) -> bool:
    """Whether a signal has not been delivered yet."""
    return any(int(line.split()[1], 16) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(("SigPnd", "ShdPnd")))
