"""The bytes that rows of styled cells become."""

from __future__ import annotations

import hashlib
import random
from itertools import pairwise

from tui.terminal.sgr import ANY_FG, Cell, CellStyle, write_changes

TEXTS = ("a", " ", "▀", "漢", "", "e\N{COMBINING ACUTE ACCENT}")
FOREGROUNDS, BACKGROUNDS = ("39", "31", "38;5;240", ANY_FG), ("49", "48;5;17")


def random_rows(seed: int, count: int) -> list[list[Cell]]:
    """Rows of 60 cells in few styles, so that neighbours often share theirs."""
    draw = random.Random(seed).random  # Python promises these numbers in all versions
    styles = [CellStyle(attributes, fg, bg) for attributes in ("", "1", "7") for fg in FOREGROUNDS for bg in BACKGROUNDS]

    def cell() -> Cell:
        return styles[int(draw() ** 2 * len(styles))].cells[TEXTS[int(draw() ** 2 * len(TEXTS))]]

    return [[cell() for _ in range(60)] for _ in range(count)]


def test_rows_become_the_same_bytes_as_ever() -> None:
    rows = random_rows(1, 200)
    digest = hashlib.sha256()
    for y, (old, new) in enumerate(pairwise(rows)):
        digest.update(write_changes(y, new, old).encode())
        digest.update(write_changes(y, new, [None] * len(new)).encode())
        digest.update(write_changes(y, new, [*new[:20], *old[20:25], *new[25:40], *old[40:]]).encode())
    assert digest.hexdigest() == "5c1aa29020c2d3fddc4c427cbf79b90dbdb7c3c2ef5bc56112cc683ff1fa2aec"


def test_short_gap_is_written_again_only_in_the_current_style() -> None:
    plain, bold = CellStyle("", "39", "49"), CellStyle("1", "39", "49")
    row = [plain.cells[char] for char in "abcdef"]
    assert write_changes(0, row, [None, *row[1:4], None, row[5]]) == "\x1b[1;1H\x1b[0mabcde"
    row[2] = bold.cells["c"]
    assert write_changes(0, row, [None, *row[1:4], None, row[5]]) == "\x1b[1;1H\x1b[0ma\x1b[5Ge"
