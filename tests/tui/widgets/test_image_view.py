"""The view of images shows them at any size, and sends only the lines that changed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rich.color import Color
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.geometry import Region
from textual.strip import Strip

from engine.protocol.recipe import Images
from tui.render.tiles import fit
from tui.terminal.capabilities import ColorDepth, Terminal
from tui.widgets.image_view import ImageView


def pictures(count: int, seed: int = 0) -> Images:
    return Images(random.Random(seed).randbytes(count * 784), count)


def text(strip: Strip) -> str:
    return "".join(segment.text for segment in strip)


def cells(strip: Strip) -> list[tuple[str, object, object]]:
    """Each cell's character and colours."""
    return [(char, s.style and s.style.color, s.style and s.style.bgcolor) for s in strip for char in s.text]


class Recorder(ImageView):
    """Records the lines that Textual is told to send."""

    def __init__(self, terminal: Terminal | None = None, *, columns: int | None = None, max_rows: int | None = None) -> None:
        super().__init__(terminal or Terminal(), columns=columns, max_rows=max_rows)
        self.sent: list[Region] = []

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Recorder:
        self.sent += regions or [self.size.region]
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    @property
    def lines(self) -> list[Strip]:
        return [self.render_line(y) for y in range(self.size.height)]

    @contextmanager
    def sends(self, expected: set[int]) -> Iterator[None]:
        """Exactly these lines are sent, and they are those whose cells differ."""
        before = self.lines
        self.sent = []
        yield
        differing = {y for y, (was, now) in enumerate(zip(before, self.lines, strict=True)) if was != now}
        assert {y for region in self.sent for y in region.line_range} == differing == expected


class Page(App[None]):
    CSS = "Recorder { width: 1fr; height: 1fr; } .auto Recorder { width: auto; height: auto; }"

    def __init__(self, view: Recorder, auto: bool = False) -> None:
        super().__init__()
        self.view = view
        self.auto = auto

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="auto" if self.auto else ""):
            yield self.view


async def test_the_same_frame_sends_nothing() -> None:
    view = Recorder()
    async with Page(view).run_test(size=(80, 24)):
        view.show(pictures(10), "0123456789")
        with view.sends(set()):
            view.show(pictures(10), "0123456789")


async def test_a_changed_pixel_sends_its_own_line_up_to_its_tile() -> None:
    view = Recorder()
    async with Page(view).run_test(size=(80, 24)):
        data = bytearray(10 * 784)
        view.show(Images(bytes(data), 10))
        assert view.tile == 14
        for y in (8, 9):  # tile 7 is the third of the second row, which begins at line 8; at 14 pixels this is its line 4, in cell row 2
            data[7 * 784 + y * 28 + 14] = 255
        with view.sends({8 + 2}):
            view.show(Images(bytes(data), 10))
        assert {(region.x, region.right) for region in view.sent} == {(2 * 15, 2 * 15 + 14)}


async def test_at_full_size_one_pixel_is_one_line() -> None:
    view = Recorder()
    async with Page(view).run_test(size=(80, 24)):
        data = bytearray(784)
        view.show(Images(bytes(data), 1))
        data[11 * 28 + 3] = 200
        with view.sends({5}):
            view.show(Images(bytes(data), 1))
        data[11 * 28 + 3] = 201  # the same of 16 levels
        with view.sends(set()):
            view.show(Images(bytes(data), 1))


@pytest.mark.parametrize("terminal", [Terminal(), Terminal(ColorDepth.COLORS_256), Terminal(ColorDepth.COLORS_16), Terminal(unicode=False)], ids=str)
async def test_a_line_is_sent_at_most_once_a_frame(terminal: Terminal) -> None:
    view = Recorder(terminal)
    async with Page(view).run_test(size=(120, 40)):
        for seed in range(3):
            view.sent = []
            view.show(pictures(16, seed))
            rows = [y for region in view.sent for y in region.line_range]
            assert len(rows) == len(set(rows))


async def test_a_new_caption_sends_its_own_row_only() -> None:
    view = Recorder()
    async with Page(view).run_test(size=(80, 24)):
        images = pictures(10)
        view.show(images, "0123456789")
        with view.sends({7}):
            view.show(images, ["x", *"123456789"])


@pytest.mark.parametrize(
    ("size", "count", "tile"), [((80, 24), 1, 28), ((80, 24), 10, 14), ((80, 24), 16, 10), ((120, 40), 16, 18), ((60, 20), 16, 10)]
)
async def test_tiles_by_screen(size: tuple[int, int], count: int, tile: int) -> None:
    view = Recorder()
    async with Page(view).run_test(size=size):
        view.show(pictures(count))
        assert (view.tile, view.pages) == (tile, 1)
        assert all(strip.cell_length == size[0] for strip in view.lines)


async def test_a_resize_chooses_again_and_keeps_the_place() -> None:
    view = Recorder()
    async with Page(view).run_test(size=(120, 40)) as pilot:
        view.show(pictures(64))
        assert (view.tile, view.pages) == (10, 1)
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert view.lines
        assert (view.tile, view.pages, view.page) == (10, 3, 0)
        assert view.page_next()
        await pilot.resize_terminal(80, 18)
        await pilot.pause()
        assert view.lines
        assert (view.pages, view.page) == (4, 1), "picture 28, which was the first on its page, is the eighth of 21"


async def test_pages_turn_within_bounds_and_are_marked() -> None:
    view = Recorder()
    async with Page(view).run_test(size=(80, 24)):
        view.show(pictures(64))
        assert not view.page_prev()
        marks = []
        for _ in range(3):
            marks.append(next(text(line).strip() for line in view.lines if "page" in text(line)))
            view.sent = []
            turned = view.page_next()
            assert bool(view.sent) == turned
        assert (marks, turned) == (["page 1/3", "page 2/3", "page 3/3"], False)
        widths = [len(text(view.render_line(y)).rstrip()) for y in (0, 6, 12)]
        assert widths == [7 * 11 - 1, 10, 0], "the third page shows 8 of the 64: a row of seven, and one"
        assert view.page_prev()


async def test_few_colors_page_rather_than_shrink() -> None:
    view = Recorder(Terminal(ColorDepth.COLORS_16))
    async with Page(view).run_test(size=(80, 24)) as pilot:
        view.show(pictures(10))
        assert (view.tile, view.pages) == (28, 5)
        await pilot.resize_terminal(60, 12)  # not one fits
        await pilot.pause()
        assert view.lines
        assert view.tile == 22


async def test_an_automatic_size_is_the_grid_s() -> None:
    view = Recorder(max_rows=18)
    async with Page(view, auto=True).run_test(size=(80, 24)) as pilot:
        sizes = []
        for count in (1, 10, 3):
            view.show(pictures(count), ["x"] * count)
            await pilot.pause()
            sizes.append(tuple(view.size))
            assert tuple(view.size) == (fit(count, 80, 18, captions=True).width, fit(count, 80, 18, captions=True).height)
        assert sizes == [(28, 15), (74, 17), (68, 12)]
        view.max_rows = 8
        await pilot.pause()
        assert tuple(view.size) == (44, 8)
        view.clear()
        await pilot.pause()
        assert view.size.area == 0


async def test_captions_are_centred_and_cut() -> None:
    view = Recorder()
    async with Page(view).run_test(size=(80, 24)):
        view.show(pictures(10), ["7", "seven, a long way", "", "十"])
        line = text(view.lines[7])
        assert (line[6], line[15:29]) == ("7", "seven, a long…")


async def test_content_align_places_the_grid() -> None:
    view = Recorder()
    async with Page(view).run_test(size=(80, 24)):
        view.styles.content_align = ("center", "middle")
        view.show(Images(b"\xff" * 784, 1))
        greys = {(x, y): color for y, line in enumerate(view.lines) for x, (_, _, color) in enumerate(cells(line))}
        white = [place for place, color in greys.items() if color == Color.parse("#ffffff")]
        assert (min(white), max(white)) == ((26, 5), (53, 18))
        assert len(white) == 28 * 14


async def test_what_textual_has_painted_is_what_the_view_shows() -> None:
    """Refreshing only parts leaves no stale line on the screen."""
    view = Recorder()
    app = Page(view)
    async with app.run_test(size=(80, 24)) as pilot:
        rng = random.Random(5)
        data = bytearray(pictures(10).data)
        for _ in range(12):
            for _ in range(rng.choice([1, 50])):
                data[rng.randrange(len(data))] = rng.randrange(256)
            view.show(Images(bytes(data), 10), "0123456789")
            await pilot.pause()
            painted = view.render_lines(view.size.region)  # from Textual's cache: clean lines are not drawn again
            assert [cells(line) for line in painted] == [cells(line) for line in view.lines]


async def test_live_pictures_repeat_pixels_and_finished_ones_are_smooth() -> None:
    view = Recorder()
    async with Page(view).run_test(size=(120, 40)):
        view.show(pictures(1), live=True)
        assert view.tile == 56
        for line in view.lines[:28]:
            greys = [cell[2] for cell in cells(line)[:56]]
            assert greys[::2] == greys[1::2]
        before = view.lines
        view.show(pictures(1))
        assert view.lines != before


async def test_an_automatic_width_leaves_columns_to_what_stands_beside() -> None:
    view = Recorder(max_rows=60)
    view.beside = 44
    async with Page(view, auto=True).run_test(size=(120, 70)) as pilot:
        widths = []
        for columns in (140, 120, 80, 60, 20):
            await pilot.resize_terminal(columns, 70)
            view.show(pictures(1))
            view.refresh(layout=True)
            await pilot.pause()
            widths.append(view.size.width)
        assert widths == [84, 56, 28, 28, 18]
