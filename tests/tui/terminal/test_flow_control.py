"""What the terminal is made to show, and how much of it is sent at once: against a terminal (pyte), and a line with a rate and a length."""

from __future__ import annotations

import random
from collections import deque

import pyte
import pytest
from rich.color import Color, ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from tui.terminal.flow_control import LATE, LEAST, PATIENCE, RATE, SAVED_UP, SILENCE, FlowControl
from tui.terminal.screen_diff import ScreenDiff, heavy

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


class Seen:
    """A terminal that shows what it is sent, beside one that Textual has drawn everything on."""

    def __init__(self, width: int = WIDTH, height: int = HEIGHT) -> None:
        self.screen = pyte.Screen(width, height)
        self._stream = pyte.Stream(self.screen)

    def feed(self, text: str) -> None:
        self._stream.feed(text)

    @property
    def cells(self) -> list[list[tuple[object, ...]]]:
        """Each as it looks: a blank's colour of ink and weight are nothing to see."""
        rows = ([self.screen.buffer[y][x] for x in range(self.screen.columns)] for y in range(self.screen.lines))
        return [[(c.data, c.bg, c.reverse, c.underscore) + (() if c.data == " " and not c.reverse else (c.fg, c.bold)) for c in row] for row in rows]


def console() -> object:
    from rich.console import Console

    return Console(color_system="truecolor", force_terminal=True)


def drawn_afresh(lines: list[Strip]) -> Seen:
    """By Textual itself."""
    seen = Seen()
    seen.feed(LayoutUpdate([[line] for line in lines], Region(0, 0, WIDTH, HEIGHT)).render_segments(console()))  # type: ignore[arg-type]
    return seen


def send(mirror: ScreenDiff, seen: Seen, rows: int = 1_000) -> int:
    """The bytes of at most so many rows."""
    sent = 0
    for y, mends in mirror.rows()[:rows]:
        seen.feed(mends)
        mirror.sent(y)
        sent += len(mends.encode())
    return sent


@pytest.mark.parametrize("seed", range(8))
def test_whatever_changes_the_terminal_comes_to_show_what_textual_would_have_drawn(seed: int) -> None:
    """Pictures, parts of them, whole screens, and now and then less sent than is due."""
    rng = random.Random(seed)
    mirror, seen = ScreenDiff(erases=seed % 2 == 0), Seen()
    lines = [random_strip(rng, WIDTH) for _ in range(HEIGHT)]
    mirror.note(LayoutUpdate([[line] for line in lines], Region(0, 0, WIDTH, HEIGHT)))
    for _ in range(30):
        send(mirror, seen, rng.randrange(HEIGHT))
        if rng.random() < 0.1:
            lines = [random_strip(rng, WIDTH) for _ in range(HEIGHT)]
            mirror.note(LayoutUpdate([[line] for line in lines], Region(0, 0, WIDTH, HEIGHT)))
        y, x1 = rng.randrange(HEIGHT), rng.randrange(1, WIDTH - 2)
        x2 = rng.randrange(x1 + 1, WIDTH)
        before, _, after = lines[y].divide([x1, x2, WIDTH])
        part = random_strip(rng, x2 - x1)
        lines[y] = Strip.join([before, part, after])
        chops = [{0: before, x1: part, x2: None} if row == y else {0: None} for row in range(HEIGHT)]
        mirror.note(ChopsUpdate(chops, [(y, x1, x2)], [[x1, x2, WIDTH] if row == y else [WIDTH] for row in range(HEIGHT)]))
    send(mirror, seen)
    assert seen.cells == drawn_afresh(lines).cells
    assert not mirror.rows()


def grey_strip(greys: list[int]) -> Strip:
    return Strip([Segment("▀", Style(color=Color.from_rgb(g, g, g), bgcolor=Color.from_rgb(0, 0, 0))) for g in greys])


def shown(lines: list[Strip], width: int = WIDTH) -> ScreenDiff:
    mirror, seen = ScreenDiff(), Seen()
    mirror.note(LayoutUpdate([[line] for line in lines], Region(0, 0, width, len(lines))))
    send(mirror, seen)
    return mirror


def test_only_cells_that_differ_are_sent_and_nothing_for_what_looks_the_same() -> None:
    greys = [8 + 10 * (x % 20) for x in range(WIDTH)]
    mirror = shown([grey_strip(greys)])
    mirror.note(LayoutUpdate([[grey_strip(greys)]], Region(0, 0, WIDTH, 1)))
    assert mirror.rows() == []
    greys[5] = 128
    mirror.note(LayoutUpdate([[grey_strip(greys)]], Region(0, 0, WIDTH, 1)))
    assert mirror.rows() == [(0, "\x1b[1;6H\x1b[0;38;5;244;48;2;0;0;0m▀")]


def test_neighbours_share_what_they_have_in_common() -> None:
    """A colour that stays is not named again, nor a blank's ink, and a short gap is not leapt over."""
    mirror = shown([Strip([Segment("a" * 12)])], 12)
    red, blue = Style(color="#ff0000", bgcolor="#000000"), Style(color="#0000ff", bgcolor="#000000")
    mirror.note(
        LayoutUpdate(
            [[Strip([Segment("bb", red), Segment("cc", blue), Segment("  ", red), Segment("dd", blue), Segment("aaa"), Segment("e")])]],
            Region(0, 0, 12, 1),
        )
    )
    assert mirror.rows() == [
        (0, "\x1b[1;1H\x1b[0;38;2;255;0;0;48;2;0;0;0mbb\x1b[38;2;0;0;255mcc  dd\x1b[12G\x1b[39;49me"),
    ]


def test_blanks_at_the_end_are_erased_where_that_leaves_the_right_colour() -> None:
    def mends(erases: bool, style: Style) -> str:
        mirror = ScreenDiff(erases=erases)
        mirror.note(LayoutUpdate([[Strip([Segment("seven", style), Segment(" " * 9, style)])]], Region(0, 0, 14, 1)))
        ((_, mends),) = mirror.rows()
        return mends

    paper = Style(bgcolor="#112233")
    assert mends(True, paper) == "\x1b[1;1H\x1b[0;48;2;17;34;51mseven\x1b[K"
    assert mends(False, paper) == "\x1b[1;1H\x1b[0;48;2;17;34;51mseven         "
    assert mends(False, Style()) == "\x1b[1;1H\x1b[0mseven\x1b[K"
    assert mends(True, paper + Style(underline=True)).endswith("seven         ")


def test_text_goes_before_noise_and_noise_goes_round() -> None:
    rng = random.Random(0)
    mirror = shown([Strip([Segment(" " * WIDTH)])] * 4)

    def note() -> None:
        noise = [grey_strip([8 + 10 * rng.randrange(24) for _ in range(WIDTH)]) for _ in range(3)]
        mirror.note(
            LayoutUpdate([[line] for line in (*noise, Strip([Segment("step 3".ljust(WIDTH - 1) + str(rng.random())[-1])]))], Region(0, 0, WIDTH, 4))
        )

    order = []
    for _ in range(4):
        note()
        (text, light), (noise, dear), *_ = mirror.rows()
        assert text == 3
        assert heavy(dear)
        assert not heavy(light)
        mirror.sent(text)
        mirror.sent(noise)
        order.append(noise)
    assert order == [0, 1, 2, 0]


def test_what_was_shown_is_forgotten_with_the_size_and_on_a_wish() -> None:
    mirror = shown([Strip([Segment("seven")])] * 3, 5)
    mirror.forget()
    assert [y for y, _ in mirror.rows()] == [0, 1, 2]
    mirror = shown([Strip([Segment("seven")])] * 3, 5)
    mirror.note(LayoutUpdate([[Strip([Segment("seven")])]] * 2, Region(0, 0, 5, 2)))
    assert [y for y, _ in mirror.rows()] == [0, 1]


@pytest.mark.parametrize("system", [ColorSystem.EIGHT_BIT, ColorSystem.STANDARD])
def test_fewer_colours_are_sent_as_textual_would(system: ColorSystem) -> None:
    mirror = ScreenDiff(system)
    style = Style(color="#112233", bgcolor="#808080")
    mirror.note(LayoutUpdate([[Strip([Segment("x", style)])]], Region(0, 0, 1, 1)))
    assert mirror.rows() == [(0, f"\x1b[1;1H\x1b[0;{Strip.render_ansi(style, system)}mx")]


# --- the link ---------------------------------------------------------------------------------------------------------


class Line:
    """To a terminal `length` seconds away there and back, at `rate` bytes a second, behind a buffer without end; the time is its own."""

    def __init__(self, rate: float, length: float = 0.0, remote: bool = False, answers: bool = True) -> None:
        self.now = 0.0
        self.rate, self.length, self.answers = rate, length, answers
        self.link = FlowControl(remote, lambda: self.now)
        self.free = 0.0
        """When it will have passed on what it has."""
        self.coming: deque[float] = deque()
        self.total = 0
        self.worst = 0.0
        self.send(0)  # to see how long the way is

    def send(self, size: int) -> None:
        self.free = max(self.free, self.now) + size / self.rate
        self.worst = max(self.worst, self.free - self.now)
        self.total += size
        if self.link.asks and self.answers:
            self.coming.append(self.free + self.length)
        self.link.sent(size)

    def pass_time(self, seconds: float, heavy: bool = True, piece: int = 700) -> None:
        """There is always more to send."""
        end = self.now + seconds
        while self.now < end:
            while self.coming and self.coming[0] <= self.now:
                self.link.answered(self.coming.popleft())
            room = min(self.link.room(), self.link.allowance()) if heavy else self.link.room()
            size = 0
            while size < room and self.now - end:
                size += piece
                if size > 200_000:
                    break
            if size:
                self.send(size)
            self.now += 0.01


@pytest.mark.parametrize("length", [0.0, 0.02, 0.3])
@pytest.mark.parametrize("rate", [4_000.0, 16_000.0, 100_000.0, 2e6])
def test_what_is_under_way_stays_short_on_any_line_and_the_line_is_used(rate: float, length: float) -> None:
    line = Line(rate, length)
    line.pass_time(10)
    line.worst, line.total = 0.0, 0
    line.pass_time(20)
    assert line.worst <= 3 * LATE + 2 * LEAST / rate
    least = min(rate, LEAST / (length + 0.02)) if rate * length < LEAST else 0.4 * rate
    assert line.total >= 0.4 * 20 * least


def test_over_ssh_heavy_rows_keep_to_their_rate_however_quick_the_line() -> None:
    line = Line(1e9, 0.03, remote=True)
    line.pass_time(20)
    assert line.total <= SAVED_UP + 20 * RATE + 1_000
    assert line.total >= 18 * RATE


def test_a_terminal_that_never_answers_is_not_waited_for() -> None:
    line = Line(1e9, answers=False)
    line.pass_time(SILENCE + 0.1)
    assert not line.link.asks
    before = line.total
    line.pass_time(1)
    assert line.total > before + 1e6
    remote = Line(1e9, answers=False, remote=True)
    remote.pass_time(20)
    assert 18 * RATE <= remote.total <= SAVED_UP + 20 * RATE + 1_000


def test_an_answer_that_is_lost_does_not_stop_the_picture() -> None:
    line = Line(1e6)
    line.pass_time(1)
    line.coming.clear()
    line.answers = False
    line.pass_time(0.5)
    before = line.total
    line.pass_time(PATIENCE)
    assert LEAST <= line.total - before <= 4 * LEAST, "a little, to ask again"
    line.answers = True
    line.pass_time(2 * PATIENCE)
    assert line.total > before + 1e6


def test_a_terminal_that_answers_late_after_all_is_asked_again() -> None:
    clock = [0.0]
    link = FlowControl(clock=lambda: clock[0])
    link.sent(100)
    clock[0] = SILENCE
    assert link.room() > 1e5
    assert not link.asks
    link.answered(clock[0])
    assert link.asks
