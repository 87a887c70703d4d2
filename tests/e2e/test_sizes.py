"""A window that is dragged about while the program works: it never crashes, hangs, or leaves a torn picture."""

from __future__ import annotations

import random
import time
from pathlib import Path

from terminal import SPOILT, Terminal, environment, faked

RESIZES = 80
Picture = list[list[tuple[object, ...]]]
SMALL, LARGE = (40, 12), (300, 100)


def storm(terminal: Terminal, rng: random.Random, key: str) -> None:
    """Resizes, now and then too small for anything, and a key now and then; nothing of it is looked at but the end."""
    terminal.watched = False
    for i in range(RESIZES - 1):
        low, high = ((5, 3), SMALL) if i % 20 == 0 else (SMALL, LARGE)
        terminal.resize(rng.randint(low[0], high[0]), rng.randint(low[1], high[1]))
        time.sleep(rng.choice((0.0, 0.003, 0.02, 0.05)))
        if i % 25 == 0:
            terminal.press(key)
    terminal.watched = True
    terminal.resize(100, 32)


def not_torn(terminal: Terminal) -> None:
    """What is shown is what is shown when all of it is drawn afresh, and after another size, too."""
    terminal.until(lambda: SPOILT not in terminal.text)
    shown = terminal.rested()
    same(shown, terminal.repainted(), "drawn afresh")
    terminal.resize(130, 45)
    terminal.rested()
    terminal.resize(100, 32)
    same(shown, terminal.rested(), "after another size")


def same(one: Picture, other: Picture, when: str) -> None:
    cells = ((x, y, a, b) for y, rows in enumerate(zip(one, other, strict=True)) for x, (a, b) in enumerate(zip(*rows, strict=True)) if a != b)
    torn = [f"column {x}, line {y}: {a[:3]}, {when} {b[:3]}" for x, y, a, b in cells]
    assert not torn, f"{len(torn)} cells\n" + "\n".join([*torn[:20], *("".join(str(cell[0]) for cell in row) for row in other)])


def test_a_storm_of_resizes_while_a_run_trains(warm_home: Path, tmp_path: Path) -> None:
    jobs = "pace=0.01, steps_per_epoch=60"
    with Terminal([], environment(warm_home), tmp_path, patch=faked(jobs)) as terminal:
        terminal.sees("cpu fp32")
        terminal.start_training()
        terminal.sees("seed-1", "training")
        storm(terminal, random.Random(4), "l")
        terminal.sees("seed-1  finished", "step 600/600")
        terminal.rested()
        terminal.until(lambda: "finished training" not in terminal.text)  # the notice has come and gone
        not_torn(terminal)
        left_in_order(terminal)


def test_a_storm_of_resizes_while_samples_are_drawn(warm_home: Path, tmp_path: Path) -> None:
    with Terminal([], environment(warm_home), tmp_path, patch=faked("pace=0.05")) as terminal:
        terminal.sees("cpu fp32")
        terminal.press("f3")
        terminal.sees("enter draws")
        terminal.press("enter")
        terminal.sees("step ")
        storm(terminal, random.Random(5), "r")
        terminal.sees("100%", "enter enlarges")
        not_torn(terminal)
        left_in_order(terminal)


def left_in_order(terminal: Terminal) -> None:
    """It still hears keys."""
    terminal.press("f2")
    terminal.sees("Type a digit")
    terminal.type("quit\r")
    assert terminal.left() == 0
    assert terminal.restored()
    assert b"Traceback" not in terminal.sent


def test_what_is_typed_goes_on_after_the_window_was_too_small(warm_home: Path, tmp_path: Path) -> None:
    with Terminal([], environment(warm_home), tmp_path, patch=faked()) as terminal:
        terminal.sees("Type a digit", "idle")
        terminal.type("se")
        terminal.resize(30, 8)
        terminal.sees("too small")
        terminal.resize(80, 24)
        terminal.sees("Prompt", "Type a digit")
        terminal.type("ven\r")
        terminal.sees("❯ seven", "7 · seven", "steps/s")
        terminal.type("quit\r")
        assert terminal.left() == 0
