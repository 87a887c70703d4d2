"""Themes for 16 colours or none. They use the terminal's own foreground and background, so that a light background works, too."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import BUILTIN_THEMES, Theme

from tui.terminal.capabilities import ColorDepth, Terminal

NAMES = ("terminal-dark", "terminal-light")
_TRACK = dict.fromkeys(("scrollbar-background", "scrollbar-background-hover", "scrollbar-background-active"), "ansi_default")
"""Keeps the scroll bar visible in reverse video."""


def install_ansi_themes(app: App[Any], terminal: Terminal) -> bool:
    """Let the palette offer only these two themes and select one of them. False, and nothing done, if there are enough colours for any theme."""
    if terminal.color not in (ColorDepth.COLORS_16, ColorDepth.NONE):
        return False
    for theme in themes():
        app.register_theme(theme)
    app.theme = NAMES[terminal.light]
    for other in set(app.available_themes) - set(NAMES):
        app.unregister_theme(other)
    if terminal.color is ColorDepth.NONE:
        app._filters[:] = [ReverseVideo()]
    return True


def themes() -> list[Theme]:
    """Textual's ANSI themes under other names, with a visible scroll bar."""
    bases = (BUILTIN_THEMES["ansi-dark"], BUILTIN_THEMES["ansi-light"])
    return [replace(base, name=name, variables={**base.variables, **_TRACK}) for base, name in zip(bases, NAMES, strict=True)]


class ReverseVideo(LineFilter):
    """Removes all colours, and reverses text that has its own background."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(text, style and _without_color(style), control) for text, style, control in segments]


@lru_cache(1024)
def _without_color(style: Style) -> Style:
    stands_out = style.bgcolor is not None and not style.bgcolor.is_default
    return style.without_color + Style(reverse=True) if stands_out else style.without_color
