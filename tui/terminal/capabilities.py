"""What this terminal can do, judging by its environment. Plain Python: it runs before Textual is imported, which reads what this sets."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from enum import StrEnum

from engine.process.streams import locale_has_unicode
from tui.terminal.graphics import Graphics
from tui.terminal.window import PLAIN, Window, detect_window


class ColorDepth(StrEnum):
    """How many colours the terminal has. The values are those of `--color`."""

    TRUECOLOR = "truecolor"
    COLORS_256 = "256"
    COLORS_16 = "16"
    NONE = "none"


AUTO = "auto"
CHOICES = (AUTO, *(depth.value for depth in ColorDepth))
"""The values of `--color`."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """What the widgets need to know of the terminal."""

    color: ColorDepth = ColorDepth.TRUECOLOR
    unicode: bool = True
    """It can draw half blocks and shades; otherwise only ASCII."""
    remote: bool = False
    """It is at the other end of an SSH connection, so bytes are expensive."""
    braille: bool = True
    """Its font has braille, unlike that of the Linux console."""
    window: Window = PLAIN
    """What it can show outside its screen."""
    light: bool = False
    """Its own background is light. This matters only with 16 colours or none, where the terminal's own colours are used."""
    graphics: Graphics | None = None
    """How pictures are shown; None asks the terminal."""

    @property
    def blocks(self) -> bool:
        """Whether pictures may use half blocks and shades."""
        return self.unicode and self.graphics is not Graphics.ASCII

    @property
    def greys(self) -> bool:
        """Whether there are enough greys for a small image."""
        return self.blocks and self.color in (ColorDepth.TRUECOLOR, ColorDepth.COLORS_256)


# OpenSSH forwards TERM but not COLORTERM, so the name must do. All versions of these that are still in use draw 24 bits.
_TRUECOLOR_TERMS = ("alacritty", "contour", "foot", "ghostty", "iterm2", "mintty", "rio", "st", "wezterm", "xterm-ghostty", "xterm-kitty")
# All versions of these that are still in use draw 256 colours, whatever the terminfo entry says.
_256_TERMS = ("gnome", "konsole", "putty", "screen", "tmux", "vte", "xterm")
_ASCII_TERMS = ("dumb", "unknown", "vt52", "vt100", "vt102", "vt220", "vt320")
_COLORLESS_TERMS = ("", *_ASCII_TERMS, "xterm-mono")
# The values of TEXTUAL_COLOR_SYSTEM. There is none for a terminal without colours, which also gets NO_COLOR.
_TEXTUAL_NAMES = {
    ColorDepth.TRUECOLOR: "truecolor",
    ColorDepth.COLORS_256: "256",
    ColorDepth.COLORS_16: "standard",
    ColorDepth.NONE: "standard",
}
_FROM_TEXTUAL = {"truecolor": ColorDepth.TRUECOLOR, "256": ColorDepth.COLORS_256, "standard": ColorDepth.COLORS_16}


def detect(env: Mapping[str, str], choice: str = AUTO, graphics: str = AUTO) -> Terminal:
    """The terminal that `env` describes, with these colours and graphics. Raises ValueError if `choice` is not one of CHOICES."""
    if choice not in CHOICES:
        raise ValueError(f"color {choice!r} is not one of {', '.join(CHOICES)}")
    term = env.get("TERM", "").strip().lower()
    unicode = _unicode(env, term)
    return Terminal(
        color=_color(env, term) if choice == AUTO else ColorDepth(choice),
        unicode=unicode,
        remote=any(env.get(name) for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY")),
        braille=unicode and term != "linux",
        window=detect_window(env),
        light=env.get("COLORFGBG", "").rpartition(";")[2] in ("7", "9", "10", "11", "12", "13", "14", "15"),
        graphics=None if graphics == AUTO else Graphics(graphics),
    )


def why_unusable(env: Mapping[str, str]) -> str:
    """Why the terminal that `env` describes can't show the screen; empty if it can."""
    term = env.get("TERM", "").strip().lower()
    if term in ("dumb", "unknown"):
        return f"TERM={term} can't show the screen"
    return "" if term else "TERM is not set, so digitty does not know what the terminal can show (most terminals understand TERM=xterm-256color)"


def wants_color(env: Mapping[str, str]) -> bool:
    """Whether the environment asks for colours even where output is not a terminal (force-color.org, bixense.com/clicolors)."""
    forced = any(env.get(name, "0").lower() not in ("", "0", "false") for name in ("FORCE_COLOR", "CLICOLOR_FORCE"))
    return forced and not env.get("NO_COLOR")


def apply_to_textual(terminal: Terminal, env: MutableMapping[str, str]) -> None:
    """Set the variables that Textual reads on import, so that it sends what `terminal` can show."""
    env["TEXTUAL_COLOR_SYSTEM"] = _TEXTUAL_NAMES[terminal.color]
    if terminal.color is ColorDepth.NONE:
        env["NO_COLOR"] = "1"
    else:
        env.pop("NO_COLOR", None)  # Textual obeys an empty one too, and `--color` overrides any
    if terminal.remote:
        env.setdefault("TEXTUAL_ANIMATIONS", "none")


def frame_rate(terminal: Terminal) -> float:
    """Frames a second that a live view may send. A frame of noise takes up to 16 KB for one full-size digit, 36 KB for sixteen small ones."""
    return 6.0 if terminal.remote else 10.0


def _color(env: Mapping[str, str], term: str) -> ColorDepth:
    """The most colours that are certain: too few look coarse, but too many look broken."""
    if env.get("NO_COLOR"):
        return ColorDepth.NONE
    if forced := _FROM_TEXTUAL.get(env.get("TEXTUAL_COLOR_SYSTEM", "").lower()):
        return forced
    if term in _COLORLESS_TERMS:
        return ColorDepth.NONE
    host = _color_of_tmux_client() if env.get("TMUX") else None
    if host is not None and host is not ColorDepth.COLORS_256:
        return host
    if env.get("STY") and not env.get("TMUX") and not term.startswith("tmux"):
        return ColorDepth.COLORS_256  # GNU screen before 5 garbles 24 bits, even where COLORTERM was inherited
    if env.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit") or _truecolor_host(env):
        return ColorDepth.TRUECOLOR
    return _color_of_name(term)


def _truecolor_host(env: Mapping[str, str]) -> bool:
    """Whether another variable names the terminal: Windows Terminal, or iTerm2, whose LC_TERMINAL passes through SSH."""
    return bool(env.get("WT_SESSION")) or env.get("LC_TERMINAL") == "iTerm2"


def _color_of_name(term: str) -> ColorDepth:
    base, _, suffix = term.rpartition("-")
    if suffix == "direct" or term in _TRUECOLOR_TERMS or base in _TRUECOLOR_TERMS:
        return ColorDepth.TRUECOLOR
    if suffix == "256color" or term in _256_TERMS or term.startswith(("screen.", "tmux-", "screen-bce")):
        return ColorDepth.COLORS_256
    return ColorDepth.COLORS_16


def _color_of_tmux_client() -> ColorDepth | None:
    """What the terminal around tmux can show; None if tmux does not say. Inside, TERM is tmux's own, and COLORTERM that of its first client.

    tmux reduces 24 bits to what its client has, but badly for greys on a Linux console.
    """
    import subprocess

    command = ["tmux", "display-message", "-p", "#{client_termfeatures} #{client_termname}"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=0.3, stdin=subprocess.DEVNULL).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    features, _, name = answer.strip().lower().rpartition(" ")
    if not name:
        return None
    if "rgb" in features.split(","):
        return ColorDepth.TRUECOLOR
    if "256" in features.split(",") or name.endswith("-256color"):
        return ColorDepth.COLORS_256
    if name in _COLORLESS_TERMS:
        return ColorDepth.NONE
    return ColorDepth.COLORS_256 if _color_of_name(name) is ColorDepth.TRUECOLOR else ColorDepth.COLORS_16


def _unicode(env: Mapping[str, str], term: str) -> bool:
    """Whether half blocks and shades work. They don't on old terminals or in a locale without them."""
    return term not in _ASCII_TERMS and locale_has_unicode(env)
