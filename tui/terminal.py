"""What this terminal can do, judged by its environment. Plain Python: it runs before textual is imported, which reads what `apply` sets."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from enum import StrEnum


class ColorDepth(StrEnum):
    """How many colours there are; the values are those of `--color`."""

    TRUECOLOR = "truecolor"
    COLORS_256 = "256"
    COLORS_16 = "16"
    NONE = "none"


AUTO = "auto"
CHOICES = (AUTO, *(depth.value for depth in ColorDepth))
"""What `--color` may be."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """What drawing needs to know."""

    color: ColorDepth = ColorDepth.TRUECOLOR
    unicode: bool = True
    """Half blocks and shades can be drawn; ASCII else."""
    remote: bool = False
    """The other end of an SSH connection: bytes are dear."""
    braille: bool = True
    """The font has braille (the Linux console's has not)."""


# OpenSSH forwards TERM but not COLORTERM, so the name alone has to do. Each of these draws 24 bits in every version still about.
_TRUECOLOR_TERMS = ("alacritty", "contour", "foot", "ghostty", "iterm2", "mintty", "rio", "st", "wezterm", "xterm-ghostty", "xterm-kitty")
# Plain names that stand for 256 colours in every version still about, whatever the terminfo entry says.
_256_TERMS = ("gnome", "konsole", "putty", "screen", "tmux", "vte", "xterm")
_COLORLESS_TERMS = ("", "dumb", "unknown", "vt52", "vt100", "vt102", "vt220", "vt320", "xterm-mono")
# Textual's own names, for TEXTUAL_COLOR_SYSTEM. It knows no colourless system: NO_COLOR is added for that.
_TEXTUAL_NAMES = {
    ColorDepth.TRUECOLOR: "truecolor",
    ColorDepth.COLORS_256: "256",
    ColorDepth.COLORS_16: "standard",
    ColorDepth.NONE: "standard",
}
_FROM_TEXTUAL = {"truecolor": ColorDepth.TRUECOLOR, "256": ColorDepth.COLORS_256, "standard": ColorDepth.COLORS_16}


def detect(env: Mapping[str, str], choice: str = AUTO) -> Terminal:
    """The terminal that `env` describes; `choice` is one of CHOICES. Raises ValueError for any other choice."""
    if choice not in CHOICES:
        raise ValueError(f"color {choice!r} is not one of {', '.join(CHOICES)}")
    term = env.get("TERM", "").strip().lower()
    unicode = _unicode(env, term)
    return Terminal(
        color=_color(env, term) if choice == AUTO else ColorDepth(choice),
        unicode=unicode,
        remote=any(env.get(name) for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY")),
        braille=unicode and term != "linux",
    )


def apply(terminal: Terminal, env: MutableMapping[str, str]) -> None:
    """Set what Textual reads when it is imported, so that it sends what `terminal` can show."""
    env["TEXTUAL_COLOR_SYSTEM"] = _TEXTUAL_NAMES[terminal.color]
    if terminal.color is ColorDepth.NONE:
        env["NO_COLOR"] = "1"
    else:
        env.pop("NO_COLOR", None)  # Textual obeys an empty one too, and `--color` overrides any
    if terminal.remote:
        env.setdefault("TEXTUAL_ANIMATIONS", "none")


def frame_rate(terminal: Terminal) -> float:
    """Frames a second that a live view may send: noise costs up to 16 KB a frame for one full-size digit, 36 KB for sixteen small ones."""
    return 6.0 if terminal.remote else 15.0


def _color(env: Mapping[str, str], term: str) -> ColorDepth:
    """The most that can be relied on: too few colours look coarse, too many look broken."""
    if env.get("NO_COLOR"):
        return ColorDepth.NONE
    if forced := _FROM_TEXTUAL.get(env.get("TEXTUAL_COLOR_SYSTEM", "").lower()):
        return forced
    if term in _COLORLESS_TERMS:
        return ColorDepth.NONE
    if env.get("STY") and not env.get("TMUX") and not term.startswith("tmux"):
        return ColorDepth.COLORS_256  # GNU screen before 5 garbles 24 bits, even where COLORTERM was inherited
    if env.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit") or _truecolor_host(env):
        return ColorDepth.TRUECOLOR
    return _color_of_name(term)


def _truecolor_host(env: Mapping[str, str]) -> bool:
    """Terminals that name themselves elsewhere: Windows Terminal, and iTerm2, whose LC_TERMINAL passes through SSH."""
    return bool(env.get("WT_SESSION")) or env.get("LC_TERMINAL") == "iTerm2"


def _color_of_name(term: str) -> ColorDepth:
    base, _, suffix = term.rpartition("-")
    if suffix == "direct" or term in _TRUECOLOR_TERMS or base in _TRUECOLOR_TERMS:
        return ColorDepth.TRUECOLOR
    if suffix == "256color" or term in _256_TERMS or term.startswith(("screen.", "tmux-", "screen-bce")):
        return ColorDepth.COLORS_256
    return ColorDepth.COLORS_16


def _unicode(env: Mapping[str, str], term: str) -> bool:
    """False only where something says so: a locale that names another charset. An unset one is common in containers and says nothing."""
    if term in _COLORLESS_TERMS and term:
        return False
    locale = next((value for name in ("LC_ALL", "LC_CTYPE", "LANG") if (value := env.get(name))), "C")
    if locale in ("C", "POSIX"):
        return True  # Python writes UTF-8 here too (PEP 538)
    return "utf-8" in locale.lower().replace("utf8", "utf-8")
