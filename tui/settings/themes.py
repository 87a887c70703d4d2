"""The themes one may choose, and what makes each of them readable. The names load no textual."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App
    from textual.color import Color
    from textual.theme import Theme

DEFAULT = "textual-dark"
NAMES = (
    DEFAULT,
    "textual-light",
    "contrast-dark",
    "contrast-light",
    "atom-one-dark",
    "atom-one-light",
    "catppuccin-latte",
    "catppuccin-mocha",
    "dracula",
    "flexoki",
    "gruvbox",
    "monokai",
    "nord",
    "rose-pine",
    "solarized-dark",
    "solarized-light",
    "tokyo-night",
)
READABLE = 4.5
"""Contrast of text with its background that WCAG 2.1 asks for (1.4.3, level AA)."""
HIGH = 7.0
"""What it asks for at level AAA, and what the themes of high contrast have."""
TEXTS = (
    *("foreground", "text-muted", "text-disabled", "accent", "warning", "error"),
    *("text-primary", "text-secondary", "text-accent", "text-warning", "text-error", "text-success"),
    *("footer-foreground", "footer-key-foreground", "footer-description-foreground"),
)
PAPERS = ("background", "surface", "panel")
"""What they are written on."""


def digitty_themes() -> list[Theme]:
    """Those that Textual does not bring."""
    from textual.theme import Theme

    dark = Theme(
        "contrast-dark",
        primary="#00bfff",
        secondary="#00bfff",
        accent="#ffff00",
        warning="#ffb000",
        error="#ff8080",
        success="#00ff7f",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#1c1c1c",
        boost="#1c1c1c",
        variables={"text-muted": "#d0d0d0", "block-cursor-background": "#ffff00", "block-cursor-foreground": "#000000", "border": "#ffffff"},
    )
    light = Theme(
        "contrast-light",
        primary="#0000c0",
        secondary="#0000c0",
        accent="#0000c0",
        warning="#7a3e00",
        error="#a00000",
        success="#005f00",
        foreground="#000000",
        background="#ffffff",
        surface="#ffffff",
        panel="#e8e8e8",
        boost="#e8e8e8",
        dark=False,
        variables={"text-muted": "#303030", "block-cursor-background": "#0000c0", "block-cursor-foreground": "#ffffff", "border": "#000000"},
    )
    return [dark, light]


def install(app: App[Any], name: str) -> None:
    """Lets the palette offer these themes alone, and shows the one of this name."""
    for theme in digitty_themes():
        app.register_theme(theme)
    app.theme = name if name in NAMES else DEFAULT
    for other in set(app.available_themes) - set(NAMES):
        app.unregister_theme(other)


def readable(variables: Mapping[str, str], theme: Theme) -> dict[str, str]:
    """The theme's variables with every colour of text moved towards black or white until it reads on each of the theme's papers.

    Textual's own themes have orange on light grey at 1.4 to 1.
    """
    from textual.color import Color

    if theme.ansi:
        return dict(variables)  # the terminal's own colours
    wanted = HIGH if theme.name.startswith("contrast-") else READABLE
    if theme.ansi:
        return dict(variables)  # the terminal's own colours, which nobody here knows
    papers = [Color.parse(variables[name]) for name in PAPERS]
    texts = {name: _with_contrast(variables[name], papers, theme.dark, wanted).hex for name in TEXTS}
    return {**variables, **texts, "footer-background": variables["panel"]}  # some themes have a footer on which neither black nor white reads


def _with_contrast(color: str, papers: Sequence[Color], dark: bool, wanted: float) -> Color:
    from textual.color import BLACK, WHITE, Color

    pole = WHITE if dark else BLACK
    opacity = re.fullmatch(r"auto (\d+)%", color)  # black or white, so much of it
    start = papers[0].blend(pole, int(opacity[1]) / 100, 1) if opacity else Color.parse(color)
    steps = (start.blend(pole, part / 20, 1) for part in range(20))
    return next((moved for moved in steps if min(contrast(moved, paper) for paper in papers) >= wanted), pole)


def contrast(one: Color, other: Color) -> float:
    """WCAG 2.1's ratio, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: Color) -> float:
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in color.normalized]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
