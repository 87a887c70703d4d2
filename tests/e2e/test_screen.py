"""The real command in a real terminal with the real engine."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest
from terminal import Terminal, environment, faked

from engine.config.sampling import SampleConfig
from engine.process.signals import TOGETHER
from engine.runs.control import Command, send_command
from engine.runs.run import find_run


def answer_row(terminal: Terminal, text: str) -> int:
    """The row below the last `❯ text` of the conversation."""
    return 1 + max(y for y, line in enumerate(terminal.lines) if line.strip().partition(" · answer ")[0] == f"❯ {text}")


def train(terminal: Terminal, steps: str) -> None:
    """F5, n, which offers the preset quick; so many steps, enter."""
    terminal.press("f5")
    terminal.sees("No run yet")
    terminal.sees("idle")  # keys are slow while torch is imported
    terminal.press("n")
    terminal.sees("preset", "Start")
    terminal.press(*["tab"] * 5)  # run, data, size, preset, epochs, steps
    terminal.type(steps)
    terminal.press("enter")


def test_seven_with_the_weights_that_ship(warm_home: Path, tmp_path: Path) -> None:
    import torch

    from engine.checkpoints.classifier import load_classifier

    with Terminal(["--precision", "fp32"], environment(warm_home), tmp_path) as terminal:
        terminal.sees("digitty", "Prompt", "Type a digit", seconds=30)
        terminal.type("seven\r")  # at once: the engine is still loading
        terminal.sees("❯ seven")
        assert "7 · seven" not in terminal.text
        terminal.sees("7 · seven", "steps/s", "seed 1 · dpmpp · 14 steps · guidance 1.4", "shipped")
        terminal.sees(" s · ", "idle")
        top = answer_row(terminal, "seven")
        picture = torch.frombuffer(bytearray(terminal.greys(top, 2)), dtype=torch.uint8).view(1, 28, 28)
        _, logits = load_classifier().features_and_logits(picture)
        assert int(logits.argmax()) == 7, terminal.text

        terminal.type("sevn\r")
        terminal.sees("did you mean 'seven'?")
        terminal.type("\x7f" * 4 + "grid\r")
        terminal.sees("❯ grid")
        terminal.sees("0 1 2 3 4 5 6 7 8 9", "idle")
        terminal.type("quit\r")
        assert terminal.left() == 0
        assert terminal.restored()
        assert b"Traceback" not in terminal.sent


def test_a_run_is_trained_stopped_draws_and_goes_on_in_the_background(tiny_home: Path, tmp_path: Path) -> None:
    """Continued here, handed over on quitting, seen again in another terminal, and stopped from there."""
    with Terminal(["--precision", "fp32"], environment(tiny_home), tmp_path) as terminal:
        train(terminal, "400")
        terminal.sees("quick-1", "training", "/400", "loss", "lr ")
        terminal.until(lambda: (step := re.search(r"step (\d+)/400", terminal.text)) and int(step[1]) >= 2)
        terminal.press("x")
        terminal.sees("stopped", "idle")
        run = find_run("quick-1")
        assert run.state() == "stopped"
        (step, _), *_ = run.states()

        terminal.press("w")
        terminal.sees("Draw with", f"latest, step {step}")
        terminal.press("down", "enter")
        terminal.sees("· idle")
        terminal.press("f2")
        terminal.sees("Type a digit")
        terminal.type("seven\r")
        terminal.sees("7 · seven", f"quick-1 · step {step} · average", "steps/s")
        terminal.press("esc", "f5")
        terminal.sees("c continue")
        terminal.press("c")
        terminal.until(lambda: (now := re.search(r"step (\d+)/400", terminal.text)) and int(now[1]) > step)
        terminal.press("q")
        terminal.sees("Quit?", "in the background")
        terminal.press("d")
        assert terminal.left(120) == 0
        assert terminal.restored()
        assert "quick-1 keeps training in the background" in terminal.text
    try:
        saved = run.states()[-1][0]
        assert saved > step
        with Terminal(["--precision", "fp32"], environment(tiny_home), tmp_path) as terminal:
            terminal.sees("quick-1 is training on")
            terminal.press("f5")
            terminal.sees("quick-1", f"(pid {run.owner()['pid']})", "/400")
            terminal.until(lambda: (now := re.search(r"step (\d+)/400", terminal.text)) and int(now[1]) > saved)
            terminal.press("x")
            terminal.sees("quick-1  stopped", "c continue")
            terminal.press("q")
            assert terminal.left() == 0
        assert run.state() == "stopped"
        assert run.states()[-1][0] == run.step() > saved
    finally:
        send_command(run.control_path, Command.STOP)


# --- death by signals and hang-ups: the screen is real, the engine is not -----------------------------------------------

HOWS = {
    "SIGTERM": signal.SIGTERM,
    "SIGINT": signal.SIGINT,
    "SIGHUP": signal.SIGHUP,
    "closed": signal.SIGHUP,
    "closed, SIGHUP ignored": signal.SIGHUP,
}
MOUNTING = """
import time
from textual.drivers.linux_driver import LinuxDriver
start = LinuxDriver.start_application_mode
LinuxDriver.start_application_mode = lambda driver: (start(driver), time.sleep(60))
"""
"""The terminal is Textual's already, and nothing of the application is mounted yet."""
HANGING = """
import fake_training, time, tui.terminal.shutdown
from tui.studio.local_training import LocalTraining
fake_training.write_state = lambda path: time.sleep(3600)
tui.terminal.shutdown.DEADLINE, LocalTraining.patience = 0.5, lambda training: 0.0
"""


def begin(terminal: Terminal, phase: str) -> None:
    """Until what `phase` says is under way."""
    if phase == "mounting":
        terminal.until(lambda: b"\x1b[?2004h" in terminal.sent)
        return
    terminal.sees("Type a digit")
    if phase == "loading":
        terminal.sees("loading torch")
        return
    terminal.sees("cpu fp32")
    if phase == "drawing":
        terminal.type("seven\r")
        terminal.sees(f"step 2/{SampleConfig.steps}")
    else:
        terminal.start_training()
        terminal.sees("seed-1", "step 6/")


def pending(pid: int) -> bool:
    """Whether a signal has not been delivered yet."""
    return any(int(line.split()[1], 16) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(("SigPnd", "ShdPnd")))


def end(terminal: Terminal, how: str) -> int:
    """The exit code. Where there still is a terminal, it must be as it was."""
    if how.startswith("closed"):
        terminal.hang_up()
        return terminal.left(20)
    terminal.process.send_signal(HOWS[how])
    code = terminal.left(20)
    assert terminal.restored()
    assert b"Traceback" not in terminal.sent
    return code


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("phase", ["mounting", "loading", "drawing", "training"])
def test_it_leaves_in_order_however_it_is_asked_to(warm_home: Path, tmp_path: Path, phase: str, how: str) -> None:
    more = "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n" if "ignored" in how else ""
    more += {"mounting": MOUNTING, "loading": "import fakes, threading\nfakes.ready = threading.Event\n"}.get(phase, "")
    with Terminal([], environment(warm_home), tmp_path, patch=faked("draw_holds_at=2, train_holds_at=6", more)) as terminal:
        begin(terminal, phase)
        assert end(terminal, how) == 128 + HOWS[how]
    if phase == "training":
        run = find_run("seed-1")
        assert (run.state(), run.states()[-1][0]) == ("stopped", 6)


def test_quitting_does_not_wait_for_an_import(warm_home: Path, tmp_path: Path) -> None:
    more = "import time\nFakeJobs.warm_up = lambda jobs: time.sleep(3600)\n"
    with Terminal([], environment(warm_home), tmp_path, patch=faked(more=more)) as terminal:
        terminal.sees("Type a digit")
        terminal.type("quit\r")
        assert terminal.left(20) == 0
        assert terminal.restored()


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT"])
def test_what_could_not_be_saved_is_said(warm_home: Path, tmp_path: Path, how: str) -> None:
    more = (
        "import fake_training\nfrom engine.errors import StorageError\n"
        'def full(path): raise StorageError("can\'t write state.pt: No space left on device")\nfake_training.write_state = full\n'
    )
    with Terminal([], environment(warm_home), tmp_path, patch=faked("train_holds_at=6, steps_per_epoch=8", more)) as terminal:
        begin(terminal, "training")
        assert end(terminal, how) == 128 + HOWS[how]
        terminal.sees("saving seed-1", "can't write state.pt: No space left on device")


@pytest.mark.parametrize("how", ["SIGTERM", "closed"])
def test_a_save_that_hangs_is_not_waited_for_beyond_the_deadline(warm_home: Path, tmp_path: Path, how: str) -> None:
    with Terminal([], environment(warm_home), tmp_path, patch=faked("train_holds_at=6, steps_per_epoch=8", HANGING)) as terminal:
        begin(terminal, "training")
        assert end(terminal, how) == 128 + HOWS[how]
        if how == "SIGTERM":
            terminal.sees("saving seed-1", "the disk does not respond, so digitty exits without saving")


def test_a_second_ctrl_c_does_not_wait_for_the_save(warm_home: Path, tmp_path: Path) -> None:
    more = HANGING.replace("0.5", "3600.0")
    with Terminal([], environment(warm_home), tmp_path, patch=faked("train_holds_at=6, steps_per_epoch=8", more)) as terminal:
        begin(terminal, "training")
        terminal.process.send_signal(signal.SIGINT)
        terminal.sees("saving seed-1")
        terminal.process.send_signal(signal.SIGHUP)  # the shell and the kernel both hang up when a window is closed: that is not impatience
        terminal.until(lambda: not pending(terminal.process.pid))
        terminal.process.send_signal(signal.SIGINT)  # nor is a ctrl+c pressed twice at once
        time.sleep(TOGETHER + 0.3)
        assert terminal.process.poll() is None
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.left(20) == 128 + signal.SIGINT
        assert terminal.restored()


def test_a_terminal_that_takes_nothing_does_not_keep_it(warm_home: Path, tmp_path: Path) -> None:
    """As over a connection that hangs: the screen waits to be drawn, the run is saved all the same."""
    more = "FakeJobs._frame = lambda jobs, recipe, share: __import__('fakes').Images(__import__('os').urandom(784 * 64), 64)\n"
    with Terminal([], environment(warm_home), tmp_path, 200, 60, patch=faked("train_holds_at=6, pace=0.01", more)) as terminal:
        begin(terminal, "training")
        terminal.look_away()
        terminal.press("f2")
        terminal.type("64 sevens\r")
        terminal.until(lambda: not terminal.takes())
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.left(20) == 128 + signal.SIGTERM
        assert b"\x1b[?1049l" in terminal.look_back()
    run = find_run("seed-1")
    assert (run.state(), run.states()[-1][0]) == ("stopped", 6)


def test_a_dumb_terminal_gets_a_line(home: Path, tmp_path: Path) -> None:
    with Terminal([], environment(home, TERM="dumb"), tmp_path) as terminal:
        assert terminal.left() == 2
        assert terminal.text.strip().count("\n") <= 1, "one line, broken by the terminal's width at most"
        assert "TERM=dumb can't show the screen; use: digitty generate seven" in terminal.text.replace("\n", "")
        assert b"\x1b" not in terminal.sent
