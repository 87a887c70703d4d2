"""Every theme on offer is readable: its texts on its backgrounds, and digits as ink on paper where it is light."""

from __future__ import annotations

import pytest
from textual.color import Color
from user import User, opened

from tui.render.cells import BLACK, RGB, WHITE
from tui.settings import themes


def unreadable(person: User, wanted: float) -> dict[str, float]:
    """The texts with less contrast than wanted, by the theme's variables and by the colours of some widgets."""
    variables = person.app.theme_variables
    pairs = {
        f"{text} on {paper}": (variables[text], variables[paper]) for text in themes.TEXTS for paper in (*themes.BACKGROUNDS, "footer-background")
    }
    ratios = {words: themes.contrast(Color.parse(text), Color.parse(paper)) for words, (text, paper) in pairs.items()}
    for query in ("TopLine", "#hello", "KeyFooter"):
        _, _, paper, text = person.app.screen.query_one(query).colors
        ratios[query] = themes.contrast(text, paper)
    return {words: ratio for words, ratio in ratios.items() if ratio < wanted}


@pytest.mark.parametrize("name", themes.NAMES)
async def test_texts_have_the_contrast_that_wcag_asks_for(name: str) -> None:
    async with opened() as person:
        person.app.theme = name
        await person.pilot.pause(0.1)
        await person.until(
            lambda: (
                person.app.screen.query_one("#hello").colors[2] == Color.parse(person.app.current_theme.to_color_system().generate()["background"])
            )
        )
        assert not unreadable(person, themes.HIGH_CONTRAST if name.startswith("contrast-") else themes.MIN_CONTRAST)


def test_contrast_is_wcags() -> None:
    assert themes.contrast(Color.parse("#000"), Color.parse("#fff")) == pytest.approx(21)
    assert themes.contrast(Color.parse("#777"), Color.parse("#fff")) == pytest.approx(4.48, abs=0.005)  # the well-known grey that just fails
    assert themes.contrast(Color.parse("#767676"), Color.parse("#fff")) == pytest.approx(4.54, abs=0.005)


async def test_the_palette_offers_these_themes_alone() -> None:
    async with opened() as person:
        assert set(person.app.available_themes) == set(themes.NAMES)


def ink_and_paper(person: User) -> tuple[RGB, RGB]:
    """The colours of the digits on the screen."""
    style = person.view.tile_style()
    return style.ink, style.paper


@pytest.mark.slow
async def test_a_theme_is_chosen_by_key_kept_and_turns_the_digits() -> None:
    async with opened() as person:
        await person.press("f4")
        await person.sees("0 zero")
        assert ink_and_paper(person) == (WHITE, BLACK)
        await person.press("T")
        await person.sees("Search for themes")
        person.burst(*"contrast-light")
        await person.sees_no_more("dracula")
        await person.pilot.pause(0.3)
        await person.press("enter")
        await person.until(lambda: person.app.theme == "contrast-light")
        await person.sees("0 zero")
        assert ink_and_paper(person) == (BLACK, WHITE)
        paper = Color(255, 255, 255).rich_color
        await person.until(lambda: paper in {s.style.bgcolor for strip in person.app.screen._compositor.render_strips() for s in strip if s.style})
    async with opened() as person:
        assert person.app.theme == "contrast-light"
