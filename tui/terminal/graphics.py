"""Which way of showing pictures the terminal has: real pixels by one of three protocols, half blocks, or ASCII. Plain Python.

The terminal is asked for its name and its attributes, and no more: an answer to either comes from nearly every terminal and disturbs none.
(A query of kitty's own protocol would be printed by terminals that do not know it.)
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Graphics(StrEnum):
    """The values are those of `--graphics`."""

    KITTY = "kitty"
    ITERM2 = "iterm2"
    SIXEL = "sixel"
    BLOCKS = "blocks"
    ASCII = "ascii"

    @property
    def has_pixels(self) -> bool:
        return self in (Graphics.KITTY, Graphics.ITERM2, Graphics.SIXEL)


AUTO = "auto"
CHOICES = (AUTO, *(kind.value for kind in Graphics))
"""The values of `--graphics`."""
NAME_QUERY, ATTRIBUTES_QUERY, CELL_QUERY = "\x1b[>q", "\x1b[c", "\x1b[16t"
"""The queries XTVERSION, DA1 and the size of a cell in pixels."""
QUERIES = NAME_QUERY + CELL_QUERY + ATTRIBUTES_QUERY
"""The attributes come last, since every terminal answers that query. After its answer no other one is to be expected."""
SIXEL_ATTRIBUTE = 4
USUAL_CELL = (10, 20)
"""Width and height in pixels where the terminal does not say."""
_UNASKED = ("linux", "dumb", "unknown", "vt52", "vt100", "vt102", "vt220", "vt320")
_NAME = r"\x1bP>\|([^\x1b\x07]*)"
_ATTRIBUTES = r"\x1b\[\?([\d;]*)c"
_CELL = r"\x1b\[6;(\d{1,4});(\d{1,4})t"


@dataclass(frozen=True, slots=True)
class Answers:
    """What the terminal reports about itself."""

    name: str = ""
    """kitty(0.35.2), WezTerm 20240203, XTerm(379)"""
    attributes: frozenset[int] = frozenset()
    cell: tuple[int, int] | None = None
    """Width and height in pixels."""


@dataclass(frozen=True, slots=True)
class Tmux:
    """What tmux reports about the terminal around it."""

    client: str = ""
    """The terminal's name."""
    features: frozenset[str] = frozenset()
    passthrough: bool = False
    """Whether tmux passes escape sequences through to that terminal."""


def is_worth_asking(env: Mapping[str, str]) -> bool:
    """Whether the terminal may have pixels, and takes the queries without printing them."""
    term = env.get("TERM", "").strip().lower()
    is_screen = bool(env.get("STY")) and not env.get("TMUX")
    return bool(term) and term not in _UNASKED and not is_screen and env.get("TERM_PROGRAM") != "Apple_Terminal"


def read_answers(text: str) -> Answers:
    """The answers in what a terminal sent."""
    name, attributes, cell = re.search(_NAME, text), re.search(_ATTRIBUTES, text), re.search(_CELL, text)
    numbers = frozenset(int(number) for number in attributes[1].split(";") if number) if attributes else frozenset()
    height, width = (int(cell[1]), int(cell[2])) if cell else (0, 0)
    return Answers(name[1].strip() if name else "", numbers, (width, height) if 2 <= width <= 200 and 2 <= height <= 400 else None)


def ends_answers(text: str) -> bool:
    """Whether the last answer has come."""
    return re.search(_ATTRIBUTES, text) is not None


def choose(answers: Answers, tmux: Tmux | None = None) -> Graphics:
    """The best way that surely works in the screen. `tmux` is None outside of it.

    kitty's pictures are drawn by text, the placeholders, which makes them robust in any program; only kitty and Ghostty know these. Through tmux
    they work where it passes the pictures on. Sixel works where tmux itself has it.
    """
    if tmux is not None:
        if tmux.passthrough and _has_placeholders(tmux.client):
            return Graphics.KITTY
        return Graphics.SIXEL if "sixel" in tmux.features and SIXEL_ATTRIBUTE in answers.attributes else Graphics.BLOCKS
    if _has_placeholders(answers.name):
        return Graphics.KITTY
    if answers.name.lower().startswith(("wezterm", "iterm2")):
        return Graphics.ITERM2
    return Graphics.SIXEL if SIXEL_ATTRIBUTE in answers.attributes else Graphics.BLOCKS


def _has_placeholders(name: str) -> bool:
    return name.lower().removeprefix("xterm-").startswith(("kitty", "ghostty"))


def ask_tmux(env: Mapping[str, str]) -> Tmux | None:
    """What tmux reports; None outside of tmux. Takes a few milliseconds."""
    if not env.get("TMUX"):
        return None
    command = ["tmux", "display-message", "-p", "#{client_termtype}\t#{client_termname}\t#{client_termfeatures}\t#{allow-passthrough}"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=0.3, stdin=subprocess.DEVNULL).stdout
    except (OSError, subprocess.SubprocessError):
        return Tmux()
    kind, name, features, passthrough = (*answer.rstrip("\n").split("\t"), "", "", "", "")[:4]
    return Tmux(kind or name, frozenset(features.split(",")), passthrough in ("1", "on", "all"))


def through_tmux(sequence: str) -> str:
    """Wraps a sequence so that tmux passes it on to the terminal around it."""
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
