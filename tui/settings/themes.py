"""The themes on offer, each made readable. Importing the names does not import Textual."""

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
MIN_CONTRAST = 4.5
"""The contrast of text with its background that WCAG 2.1 requires (1.4.3, level AA)."""
HIGH_CONTRAST = 7.0
"""The contrast for level AAA, which the themes of high contrast have."""
TEXTS = (
    *("foreground", "text-muted", "text-disabled", "accent", "warning", "error"),
    *("text-primary", "text-secondary", "text-accent", "text-warning", "text-error", "text-success"),
    *("footer-foreground", "footer-key-foreground", "footer-description-foreground"),
)
BACKGROUNDS = ("background", "surface", "panel")
"""The backgrounds of these texts."""


def digitty_themes() -> list[Theme]:
    """The themes that Textual does not have."""
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
    """Let the palette offer only these themes, and select the one of this name."""
    for theme in digitty_themes():
        app.register_theme(theme)
    app.theme = name if name in NAMES else DEFAULT
    for other in set(app.available_themes) - set(NAMES):
        app.unregister_theme(other)


def make_readable(variables: Mapping[str, str], theme: Theme) -> dict[str, str]:
    """The theme's variables with every text colour moved towards black or white until it is readable on all backgrounds.

    Some of Textual's own themes have orange text on light grey, a contrast of 1.4.
    """
    from textual.color import Color

    if theme.ansi:
        return dict(variables)  # the terminal's own colours, which are not known here
    min_contrast = HIGH_CONTRAST if theme.name.startswith("contrast-") else MIN_CONTRAST
    backgrounds = [Color.parse(variables[name]) for name in BACKGROUNDS]
    texts = {name: _with_contrast(variables[name], backgrounds, theme.dark, min_contrast).hex for name in TEXTS}
    # In some themes neither black nor white is readable on the footer's own background.
    return {**variables, **texts, "footer-background": variables["panel"]}


def _with_contrast(color: str, backgrounds: Sequence[Color], dark: bool, min_contrast: float) -> Color:
    """The first of 20 blends of the colour with white (black on a light theme) that has the contrast; else white (black)."""
    from textual.color import BLACK, WHITE, Color

    pole = WHITE if dark else BLACK
    opacity = re.fullmatch(r"auto (\d+)%", color)  # this percentage of black or white
    start = backgrounds[0].blend(pole, int(opacity[1]) / 100, 1) if opacity else Color.parse(color)
    blends = (start.blend(pole, part / 20, 1) for part in range(20))
    return next((blend for blend in blends if min(contrast(blend, background) for background in backgrounds) >= min_contrast), pole)


def contrast(one: Color, other: Color) -> float:
    """The contrast ratio of WCAG 2.1, from 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: Color) -> float:
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in color.normalized]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
