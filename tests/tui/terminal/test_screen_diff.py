"""What the terminal is made to show, checked on a terminal emulator (pyte)."""

from __future__ import annotations

import random

import pyte
import pytest
from rich._palettes import EIGHT_BIT_PALETTE
from rich.color import Color, ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from tui.terminal.screen_diff import ScreenDiff, is_heavy

WIDTH, HEIGHT = 40, 12
TEXTS = ("seven", "▀▄ ", "   ", " " * 20, "❯ ", "三", "e\N{COMBINING ACUTE ACCENT}", "⣀⣤", "0123456789")


def random_style(rng: random.Random) -> Style:
    color, bgcolor = (Color.from_rgb(*[grey] * 3) if (grey := rng.choice((-1, 0, 8, 17, 128, 238, 255))) >= 0 else None for _ in range(2))
    if rng.random() < 0.2:
        color = Color.from_rgb(200, 30, 40)
    return Style(
        color=color, bgcolor=bgcolor, bold=rng.random() < 0.2 or None, underline=rng.random() < 0.1 or None, reverse=rng.random() < 0.1 or None
    )


def random_strip(rng: random.Random, width: int) -> Strip:
    segments: list[Segment] = []
    while (length := sum(segment.cell_length for segment in segments)) < width:
        segments.append(Segment(rng.choice(TEXTS), random_style(rng)))
    return Strip(segments, length).adjust_cell_length(width, Style.null())


class Emulator:
    """A terminal that shows what it is sent."""

    def __init__(self, width: int = WIDTH, height: int = HEIGHT) -> None:
        self.screen = pyte.Screen(width, height)
        self._stream = pyte.Stream(self.screen)

    def feed(self, text: str) -> None:
        self._stream.feed(text)

    @property
    def cells(self) -> list[list[tuple[object, ...]]]:
        """Each cell as it looks. The foreground and the weight of a blank are invisible."""
        rows = ([self.screen.buffer[y][x] for x in range(self.screen.columns)] for y in range(self.screen.lines))
        return [[(c.data, c.bg, c.reverse, c.underscore) + (() if c.data == " " and not c.reverse else (c.fg, c.bold)) for c in row] for row in rows]


def console() -> object:
    from rich.console import Console

    return Console(color_system="truecolor", force_terminal=True)


def draw_with_textual(lines: list[Strip]) -> Emulator:
    """A terminal on which Textual itself has drawn these lines."""
    terminal = Emulator()
    terminal.feed(LayoutUpdate([[line] for line in lines], Region(0, 0, WIDTH, HEIGHT)).render_segments(console()))  # type: ignore[arg-type]
    return terminal


def send(diff: ScreenDiff, terminal: Emulator, rows: int = 1_000) -> int:
    """Send at most so many rows. Returns the number of bytes."""
    sent = 0
    for y, sequence in diff.due_rows()[:rows]:
        terminal.feed(sequence)
        diff.mark_sent(y)
        sent += len(sequence.encode())
    return sent


@pytest.mark.parametrize("seed", range(8))
def test_the_terminal_ends_up_as_textual_would_have_drawn_it(seed: int) -> None:
    """After random updates of parts and of the whole screen, of which not all was sent at once."""
    rng = random.Random(seed)
    diff, terminal = ScreenDiff(erases=seed % 2 == 0), Emulator()
    lines = [random_strip(rng, WIDTH) for _ in range(HEIGHT)]
    diff.set_wanted(LayoutUpdate([[line] for line in lines], Region(0, 0, WIDTH, HEIGHT)))
    for _ in range(30):
        send(diff, terminal, rng.randrange(HEIGHT))
        if rng.random() < 0.1:
            lines = [random_strip(rng, WIDTH) for _ in range(HEIGHT)]
            diff.set_wanted(LayoutUpdate([[line] for line in lines], Region(0, 0, WIDTH, HEIGHT)))
        y, x1 = rng.randrange(HEIGHT), rng.randrange(1, WIDTH - 2)
        x2 = rng.randrange(x1 + 1, WIDTH)
        before, _, after = lines[y].divide([x1, x2, WIDTH])
        part = random_strip(rng, x2 - x1)
        lines[y] = Strip.join([before, part, after])
        chops = [{0: before, x1: part, x2: None} if row == y else {0: None} for row in range(HEIGHT)]
        diff.set_wanted(ChopsUpdate(chops, [(y, x1, x2)], [[x1, x2, WIDTH] if row == y else [WIDTH] for row in range(HEIGHT)]))
    send(diff, terminal)
    assert terminal.cells == draw_with_textual(lines).cells
    assert not diff.due_rows()


def grey_strip(greys: list[int]) -> Strip:
    return Strip([Segment("▀", Style(color=Color.from_rgb(g, g, g), bgcolor=Color.from_rgb(0, 0, 0))) for g in greys])


def diff_after(lines: list[Strip], width: int = WIDTH) -> ScreenDiff:
    diff, terminal = ScreenDiff(), Emulator()
    diff.set_wanted(LayoutUpdate([[line] for line in lines], Region(0, 0, width, len(lines))))
    send(diff, terminal)
    return diff


def test_only_cells_that_differ_are_sent() -> None:
    greys = [8 + 10 * (x % 20) for x in range(WIDTH)]
    diff = diff_after([grey_strip(greys)])
    diff.set_wanted(LayoutUpdate([[grey_strip(greys)]], Region(0, 0, WIDTH, 1)))
    assert diff.due_rows() == []
    greys[5] = 128
    diff.set_wanted(LayoutUpdate([[grey_strip(greys)]], Region(0, 0, WIDTH, 1)))
    assert diff.due_rows() == [(0, "\x1b[1;6H\x1b[0;38;5;244;48;2;0;0;0m▀")]


def test_neighbours_share_colours() -> None:
    """An unchanged colour is not repeated, a blank needs no foreground, and a short gap is written again rather than skipped."""
    diff = diff_after([Strip([Segment("a" * 12)])], 12)
    red, blue = Style(color="#ff0000", bgcolor="#000000"), Style(color="#0000ff", bgcolor="#000000")
    diff.set_wanted(
        LayoutUpdate(
            [[Strip([Segment("bb", red), Segment("cc", blue), Segment("  ", red), Segment("dd", blue), Segment("aaa"), Segment("e")])]],
            Region(0, 0, 12, 1),
        )
    )
    assert diff.due_rows() == [
        (0, "\x1b[1;1H\x1b[0;38;2;255;0;0;48;2;0;0;0mbb\x1b[38;2;0;0;255mcc  dd\x1b[12G\x1b[39;49me"),
    ]


def test_blanks_at_the_end_are_erased_where_that_leaves_the_right_colour() -> None:
    def sequence(erases: bool, style: Style) -> str:
        diff = ScreenDiff(erases=erases)
        diff.set_wanted(LayoutUpdate([[Strip([Segment("seven", style), Segment(" " * 9, style)])]], Region(0, 0, 14, 1)))
        ((_, sequence),) = diff.due_rows()
        return sequence

    paper = Style(bgcolor="#112233")
    assert sequence(True, paper) == "\x1b[1;1H\x1b[0;48;2;17;34;51mseven\x1b[K"
    assert sequence(False, paper) == "\x1b[1;1H\x1b[0;48;2;17;34;51mseven         "
    assert sequence(False, Style()) == "\x1b[1;1H\x1b[0mseven\x1b[K"
    assert sequence(True, paper + Style(underline=True)).endswith("seven         ")


def test_text_goes_before_noise_and_rows_of_noise_take_turns() -> None:
    rng = random.Random(0)
    diff = diff_after([Strip([Segment(" " * WIDTH)])] * 4)

    def note() -> None:
        noise = [grey_strip([8 + 10 * rng.randrange(24) for _ in range(WIDTH)]) for _ in range(3)]
        diff.set_wanted(
            LayoutUpdate([[line] for line in (*noise, Strip([Segment("step 3".ljust(WIDTH - 1) + str(rng.random())[-1])]))], Region(0, 0, WIDTH, 4))
        )

    order = []
    for _ in range(4):
        note()
        (text, light), (noise, dear), *_ = diff.due_rows()
        assert text == 3
        assert is_heavy(dear)
        assert not is_heavy(light)
        diff.mark_sent(text)
        diff.mark_sent(noise)
        order.append(noise)
    assert order == [0, 1, 2, 0]


def test_all_rows_are_due_after_invalidate_and_after_a_new_size() -> None:
    diff = diff_after([Strip([Segment("seven")])] * 3, 5)
    diff.invalidate()
    assert [y for y, _ in diff.due_rows()] == [0, 1, 2]
    diff = diff_after([Strip([Segment("seven")])] * 3, 5)
    diff.set_wanted(LayoutUpdate([[Strip([Segment("seven")])]] * 2, Region(0, 0, 5, 2)))
    assert [y for y, _ in diff.due_rows()] == [0, 1]


@pytest.mark.parametrize(("system", "color"), [(ColorSystem.EIGHT_BIT, "#333333"), (ColorSystem.STANDARD, "#112233")])
def test_greys_and_16_colours_are_sent_as_textual_would(system: ColorSystem, color: str) -> None:
    diff = ScreenDiff(system)
    style = Style(color=color, bgcolor="#808080")
    diff.set_wanted(LayoutUpdate([[Strip([Segment("x", style)])]], Region(0, 0, 1, 1)))
    assert diff.due_rows() == [(0, f"\x1b[1;1H\x1b[0;{Strip.render_ansi(style, system)}mx")]


def test_of_256_colours_the_nearest_is_sent() -> None:
    rng = random.Random(1)
    for _ in range(50):
        rgb = [rng.randrange(60 if rng.random() < 0.5 else 256) for _ in range(3)]  # many dark ones, as backgrounds are
        distances = [sum((a - b) ** 2 for a, b in zip(EIGHT_BIT_PALETTE[i], rgb, strict=True)) for i in range(16, 256)]
        diff = ScreenDiff(ColorSystem.EIGHT_BIT)
        diff.set_wanted(LayoutUpdate([[Strip([Segment("x", Style(color=Color.from_rgb(*rgb)))])]], Region(0, 0, 1, 1)))
        ((_, sequence),) = diff.due_rows()
        number = int(sequence.partition("38;5;")[2].partition("m")[0])
        assert distances[number - 16] == min(distances), rgb
