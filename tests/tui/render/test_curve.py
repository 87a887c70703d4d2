"""A curve as characters: it ends where its points end, its mark stands at its x, and a click finds the x again."""

from __future__ import annotations

import pytest

from tui.render.braille import count_label
from tui.render.curve import Curve, draw_curve, gutter_of, x_at

LINE = Curve(tuple((float(x), x / 100) for x in range(0, 101, 5)), 100, mark=50)


def rows(curve: Curve, width: int, height: int, braille: bool = True) -> list[str]:
    return ["".join(text for text, _ in line) for line in draw_curve(curve, width, height, braille)]


@pytest.mark.parametrize("size", [(12, 3), (20, 5), (37, 11), (200, 60)])
@pytest.mark.parametrize("braille", [True, False])
def test_it_has_the_size_that_was_asked_for(size: tuple[int, int], braille: bool) -> None:
    for curve in (LINE, Curve(((0.0, 1.0),), 1000, 0), Curve(((0.0, 2.0), (5.0, 2.0)), 5), Curve(((0.0, 1e-9), (9.0, 1.0)), 9, 9, log=True)):
        drawn = rows(curve, *size, braille)
        assert [len(row) for row in drawn] == [size[0]] * size[1]
        assert braille or all(row.isascii() for row in drawn)


@pytest.mark.parametrize("size", [(11, 9), (40, 2), (0, 0)])
def test_where_there_is_no_room_nothing_is_drawn(size: tuple[int, int]) -> None:
    assert rows(LINE, *size) == [" " * size[0]] * size[1]
    assert rows(Curve((), 10), 30, 6) == [" " * 30] * 6


def test_a_rising_line_goes_from_corner_to_corner() -> None:
    drawn = draw_curve(LINE, 40, 12)
    gutter = gutter_of(LINE, 12)
    text = ["".join(part for part, _ in line) for line in drawn]
    assert text[10][gutter] not in " │┊"
    assert text[0][-1] not in " │┊"
    assert text[0][gutter : gutter + 20].strip("┊ ") == text[10][-20:].strip("┊ ") == ""
    assert text[-1].split() == ["0", "20", "40", "60", "80", "100"] or text[-1].split()[0] == "0"


def test_the_mark_stands_at_its_x_on_every_line() -> None:
    for mark in (0, 33, 100):
        drawn = draw_curve(Curve(LINE.points, 100, mark), 60, 10)
        columns = []
        for line in drawn[:-1]:
            x = 0
            for text, role in line:
                if role == "mark":
                    columns.append(x)
                x += len(text)
        assert len(columns) == 9
        assert len(set(columns)) == 1
        gutter = gutter_of(LINE, 10)
        assert columns[0] == pytest.approx(gutter + mark / 100 * (60 - gutter - 1), abs=0.51)


@pytest.mark.parametrize("x", [0, 10, 50, 99, 100])
def test_a_click_finds_the_x_of_a_column(x: int) -> None:
    gutter = gutter_of(LINE, 10)
    column = round(gutter + x / 100 * (60 - gutter - 1))
    assert x_at(LINE, column, 60, 10) == pytest.approx(x, abs=1)


def test_clicks_beside_the_axes_are_its_ends() -> None:
    assert x_at(LINE, 0, 60, 10) == 0
    assert x_at(LINE, 999, 60, 10) == 100


@pytest.mark.parametrize("width", [12, 20, 37, 80, 200])
@pytest.mark.parametrize("last", [1, 9, 100, 999, 1000, 50_000])
def test_the_axis_names_both_ends(width: int, last: int) -> None:
    names = rows(Curve(((0.0, 0.0), (float(last), 1.0)), last), width, 8)[-1].split()
    assert (names[0], names[-1]) == ("0", count_label(last))
    assert len(set(names)) == len(names)
