"""What a terminal shows outside its screen: the window's title, progress in its tab or task bar, and alerts. Knows no application.

Titles are OSC 2, and XTWINOPS 22 and 23 save and restore them. Progress is OSC 9;4, as ConEmu defined it. An alert is the bell, or a notice on the
desktop by OSC 9, OSC 777 or kitty's OSC 99. A terminal that does not know OSC 9;4 may show it as a notice, so only those get it that do.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.formatting import printable

MAX_TEXT = 120
"""Characters of a title or an alert."""
UPDATE_EVERY = 5.0
"""Seconds between two updates while only numbers change."""
BELL = "\x07"
"""Also ends an OSC: every terminal with titles knows that end."""
SAVE_TITLE = "\x1b[22;2t"
RESTORE_TITLE = f"\x1b]2;{BELL}\x1b[23;2t"
"""Where the old title can't be restored, the empty one stays. Most terminals then show their own."""
NO_PROGRESS = f"\x1b]9;4;0;{BELL}"

_TITLED = "alacritty|contour|foot|ghostty|gnome|iterm|kitty|konsole|mintty|putty|rio|rxvt|screen|st(-|$)|tmux|vte|wezterm|xterm"
"""The beginnings of TERM for terminals with titles. Others, as the Linux console, could print them."""


class Alert(StrEnum):
    """How the end of a run is announced. The values are those of `notify` in config.toml."""

    AUTO = "auto"
    OFF = "off"
    BELL = "bell"
    DESKTOP = "desktop"


@dataclass(frozen=True, slots=True)
class Window:
    """What a terminal's window can show, and the sequences for it."""

    titled: bool = False
    progress: bool = False
    notice: int = 0
    """The number of the OSC that shows a notice on the desktop: 9, 777 or 99; 0 if none is known."""
    multiplexer: str = ""
    """tmux or screen if one is in between. It keeps sequences to itself that it does not know."""

    @property
    def entry(self) -> str:
        """The sequence to send before all others."""
        return SAVE_TITLE * self.titled

    @property
    def reset(self) -> str:
        """The sequence that removes what the others have shown."""
        return NO_PROGRESS * self.progress + RESTORE_TITLE * self.titled

    def set_title(self, text: str) -> str:
        return f"\x1b]2;{printable(text, MAX_TEXT)}{BELL}" if self.titled else ""

    def set_progress(self, percent: int | None, paused: bool = False) -> str:
        """The sequence for this progress; None removes the progress."""
        if not self.progress:
            return ""
        return NO_PROGRESS if percent is None else f"\x1b]9;4;{4 if paused else 1};{percent}{BELL}"

    def alert(self, text: str, how: Alert) -> str:
        """The sequence that alerts a person who looks elsewhere."""
        if how is Alert.OFF:
            return ""
        if how is Alert.BELL or (how is Alert.AUTO and (self.multiplexer or not self.notice)):
            return BELL
        return _pass_through(_desktop_notice(self.notice or 9, printable(text, MAX_TEXT)), self.multiplexer)


PLAIN = Window()
"""A window without a title, progress or alerts."""


def detect_window(env: Mapping[str, str]) -> Window:
    """The window of the terminal that `env` describes."""
    term, program = env.get("TERM", "").lower(), (env.get("LC_TERMINAL") or env.get("TERM_PROGRAM", "")).lower()
    in_tmux, in_screen = env.get("TMUX") or term.startswith("tmux"), env.get("STY") or term.startswith("screen")
    multiplexer = "tmux" if in_tmux else "screen" if in_screen else ""
    return Window(
        titled=bool(re.match(_TITLED, term)) and "INSIDE_EMACS" not in env,
        progress=not multiplexer and _shows_progress(env, term, program),
        notice=_notice_number(term, program),
        multiplexer=multiplexer,
    )


def _shows_progress(env: Mapping[str, str], term: str, program: str) -> bool:
    version = tuple(int(part) for part in re.findall(r"\d{1,6}", env.get("LC_TERMINAL_VERSION") or env.get("TERM_PROGRAM_VERSION", ""))[:3])
    if program in ("iterm2", "iterm.app"):
        return version >= (3, 6, 6)
    if program == "ghostty" or "ghostty" in term:
        return not version or version >= (1, 2)  # SSH passes the name on, but no version
    if (vte := env.get("VTE_VERSION", "")).isdecimal():
        return int(vte[:9]) >= 8000
    return bool(env.get("WT_SESSION")) or env.get("ConEmuANSI") == "ON" or program in ("wezterm", "mintty") or term.startswith(("wezterm", "mintty"))


def _notice_number(term: str, program: str) -> int:
    if "kitty" in term:
        return 99
    if term.startswith(("rxvt-unicode", "foot", "contour")):
        return 777
    return 9 if program in ("iterm2", "iterm.app", "wezterm", "ghostty") or "ghostty" in term or term.startswith("wezterm") else 0


def _desktop_notice(number: int, text: str) -> str:
    match number:
        case 99:
            return f"\x1b]99;i=digitty:d=0;digitty{BELL}\x1b]99;i=digitty:d=1:p=body;{text}{BELL}"
        case 777:
            return f"\x1b]777;notify;digitty;{text.replace(';', ',')}{BELL}"
        case _:
            return f"\x1b]9;digitty: {text}{BELL}"


def _pass_through(sequence: str, multiplexer: str) -> str:
    """tmux passes it on where its option allow-passthrough is on, and drops it elsewhere."""
    if multiplexer == "tmux":
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return f"\x1bP{sequence}\x1b\\" if multiplexer == "screen" else sequence


class WindowState:
    """What the window shows now, so that only changes are sent, and not too often."""

    def __init__(self, window: Window, clock: Callable[[], float] = time.monotonic) -> None:
        self.window, self._clock = window, clock
        self._shown: tuple[str, int | None, bool] = ("", None, False)
        self._sent_at = -UPDATE_EVERY

    def enter(self) -> str:
        """The terminal was entered, for the first time or again after ctrl+z: what to send. Nothing of ours is shown there."""
        self._shown, self._sent_at = ("", None, False), -UPDATE_EVERY
        return self.window.entry

    def shows(self, title: str, percent: int | None, paused: bool) -> bool:
        """Whether the window shows this already."""
        return (title, percent, paused) == self._shown

    def change(self, title: str, percent: int | None, paused: bool = False) -> str:
        """What to send, so that the window shows this; empty where it does, or where numbers changed a moment ago. Call it again then."""
        shown_title, shown_percent, was_paused = self._shown
        begins_or_ends = (percent is None) != (shown_percent is None) or paused != was_paused
        if (title, percent, paused) == self._shown or (not begins_or_ends and self._clock() - self._sent_at < UPDATE_EVERY):
            return ""
        self._shown, self._sent_at = (title, percent, paused), self._clock()
        progress = self.window.set_progress(percent, paused) if (percent, paused) != (shown_percent, was_paused) else ""
        return progress + (self.window.set_title(title) if title != shown_title else "")
