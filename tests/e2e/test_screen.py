"""The real command in a real terminal with the real engine."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path

import pytest
from terminal import Terminal, environment

from engine import runs

pytestmark = pytest.mark.slow


def answer_row(terminal: Terminal, text: str) -> int:
    """The row below the last `❯ text` of the conversation."""
    return 1 + max(y for y, line in enumerate(terminal.lines) if line.strip() == f"❯ {text}")


def train(terminal: Terminal, steps: str) -> None:
    """F5, n, preset quick, so many steps, enter."""
    terminal.press("f5")
    terminal.sees("No run yet")
    terminal.sees("idle")  # keys are slow while torch is imported
    terminal.press("n")
    terminal.sees("preset", "Start")
    terminal.press("shift+tab", "enter")
    terminal.sees("quick ")
    terminal.press("down")
    time.sleep(0.3)
    terminal.press("enter")
    terminal.sees("minutes on a CPU")
    terminal.press("tab", "tab")
    terminal.type(steps)
    terminal.press("enter")


def test_seven_with_the_weights_that_ship(warm_home: Path, tmp_path: Path) -> None:
    import torch

    from engine.classifier import load_classifier

    with Terminal(["--precision", "fp32"], environment(warm_home), tmp_path) as terminal:
        terminal.sees("digitty", "Prompt", "Generate", "Grid", "Train", "Type a digit", seconds=30)
        terminal.type("seven\r")  # at once: the engine is still loading
        terminal.sees("❯ seven")
        assert "7 · seven" not in terminal.text
        terminal.sees("7 · seven", "steps/s", "seed 0 · dpmpp · 10 steps · guidance 1.5", "shipped")
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


def test_a_run_is_trained_stopped_and_draws(tiny_home: Path, tmp_path: Path) -> None:
    with Terminal(["--precision", "fp32"], environment(tiny_home), tmp_path) as terminal:
        train(terminal, "400")
        terminal.sees("quick-1", "training", "/400", "loss", "lr ")
        terminal.until(lambda: (step := re.search(r"step (\d+)/400", terminal.text)) and int(step[1]) >= 2)
        terminal.press("x")
        terminal.sees("stopped", "idle")
        run = runs.find("quick-1")
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
        terminal.press("esc", "q")
        assert terminal.left() == 0
        assert terminal.restored()


def test_sigterm_while_training_saves_the_run(tiny_home: Path, tmp_path: Path) -> None:
    with Terminal(["--precision", "fp32"], environment(tiny_home), tmp_path) as terminal:
        train(terminal, "400")
        terminal.until(lambda: re.search(r"step [1-9]\d*/400", terminal.text))
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.left() == 128 + signal.SIGTERM
        assert terminal.restored()
    run = runs.find("quick-1")
    assert run.state() == "stopped"
    assert run.states()[-1][0] == run.step() > 0


def test_a_hang_up_while_drawing_ends_the_process(tiny_home: Path, tiny_weights: Path, tmp_path: Path) -> None:
    long = {"weights": str(tiny_weights), "sample": {"sampler": "ddpm", "steps": 1000}}
    (tiny_home / "config" / "settings.json").write_text(json.dumps(long))
    with Terminal(["--precision", "fp32"], environment(tiny_home), tmp_path) as terminal:
        terminal.sees("Type a digit")
        terminal.type("64 sevens\r")
        terminal.until(lambda: re.search(r"step [1-9]\d*/1000", terminal.text))
        terminal.process.send_signal(signal.SIGHUP)
        assert terminal.left() == 128 + signal.SIGHUP


def test_a_dumb_terminal_gets_a_line(home: Path, tmp_path: Path) -> None:
    with Terminal([], environment(home, TERM="dumb"), tmp_path) as terminal:
        assert terminal.left() == 2
        assert terminal.text.strip().count("\n") <= 1, "one line, broken by the terminal's width at most"
        assert "TERM=dumb can't show the screen; use: digitty generate seven" in terminal.text.replace("\n", "")
        assert b"\x1b" not in terminal.sent
