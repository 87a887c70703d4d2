"""Digits read back from a terminal's cells, whatever it can show: the project's own classifier must see what was drawn."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest
from PIL import Image
from terminal import SPOILT, Terminal, environment, faked

from engine.config.data import MNIST

TEN = list(range(10))
SIZES = {28: (160, 40), 22: (120, 40), 18: (100, 30), 14: (80, 24), 10: (60, 20)}
"""Pixels a tile, and a terminal on which ten tiles are no larger than that."""
SYSTEMS: dict[str, dict[str, str]] = {
    "truecolor": {"COLORTERM": "truecolor"},
    "256": {"COLORTERM": ""},
    "16": {"COLORTERM": "", "TERM": "linux"},
    "none": {"NO_COLOR": "1"},
    "ASCII": {"NO_COLOR": "1", "LC_ALL": "C"},
}
GREYS, SHADES = ("truecolor", "256"), ("16", "none", "ASCII")


@cache
def judge() -> Callable[[Sequence[bytes]], list[int]]:
    """Pictures of any size -> the digits that the classifier sees in them."""
    import torch

    from engine.checkpoints.classifier import load_classifier

    classifier = load_classifier()

    def read(pictures: Sequence[bytes]) -> list[int]:
        whole = b"".join(_at_28(picture) for picture in pictures)
        images = torch.frombuffer(bytearray(whole), dtype=torch.uint8).view(-1, 28, 28)
        return [int(digit) for digit in classifier.features_and_logits(images)[1].argmax(1)]

    return read


def _at_28(picture: bytes) -> bytes:
    """Smaller tiles blown up; that of 10 pixels lacks a pixel's breadth of each edge."""
    size = round(len(picture) ** 0.5)
    edge = int(size == 10)
    whole = Image.new("L", (28, 28))
    whole.paste(Image.frombytes("L", (size, size), picture).resize((28 - 2 * edge, 28 - 2 * edge), Image.Resampling.LANCZOS), (edge, edge))
    return whole.tobytes()


@pytest.fixture(scope="module")
def patch(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The command with fake jobs that draw what the weights that ship have drawn."""
    from engine.jobs.jobs import Jobs
    from engine.protocol.events import DrawDone
    from engine.protocol.requests import DrawRequest

    folder = tmp_path_factory.mktemp("drawn")
    with pytest.MonkeyPatch.context() as home:
        home.setenv("DIGITTY_HOME", str(folder / "home"))
        *_, done = (
            event for event in Jobs("cpu", "fp32").draw(DrawRequest(tuple(TEN), weights="shipped:labels", fps=1)) if isinstance(event, DrawDone)
        )
    (folder / "digits").write_bytes(b"".join(done.images))
    read = f"import fake_pictures; drawn = open({str(folder / 'digits')!r}, 'rb').read()"
    more = f"{read}\nfake_pictures.digits = lambda: [drawn[i * 784 :][:784] for i in range(10)]"
    return faked(more=more)


# --- the screen -------------------------------------------------------------------------------------------------------

CAPTION = re.compile(r"(\d) (" + "|".join(MNIST.class_names) + r")\b")


def tiles(terminal: Terminal, size: int) -> Mapping[int, tuple[int, int]]:
    """Where the tile above each caption of the Grid screen begins: the caption stands below its middle."""
    found = {}
    for y, line in enumerate(terminal.lines):
        for caption in CAPTION.finditer(line):
            found[int(caption[1])] = y - size // 2, caption.start() - (size - len(caption[0])) // 2
    return found


def settled(terminal: Terminal, seen: Callable[[], object]) -> None:
    """Waits until something is seen, all of it is drawn, and the screen rests."""
    terminal.until(lambda: SPOILT not in terminal.text and seen())
    terminal.rested(0.5)


def right_of_first(terminal: Terminal, size: int) -> bool:
    """Whether the tiles, whose pictures are side by side, are of this size."""
    found = tiles(terminal, size)
    return 1 in found and 0 in found and size <= found[1][1] - found[0][1] <= size + 1


@pytest.mark.parametrize("system", GREYS)
def test_ten_digits_on_the_screen_at_every_size(warm_home: Path, tmp_path: Path, patch: str, system: str) -> None:
    with Terminal([], environment(warm_home, **SYSTEMS[system]), tmp_path, *SIZES[28], patch=patch) as terminal:
        terminal.sees("cpu fp32")
        terminal.press("f4")
        for size, (columns, lines) in SIZES.items():
            terminal.resize(columns, lines)
            settled(terminal, lambda size=size: right_of_first(terminal, size) and "100%" in terminal.text)
            places = tiles(terminal, size)
            assert judge()([terminal.seen(*places[digit], size) for digit in TEN]) == TEN, f"{size} pixels:\n{terminal.text}"
        sent = terminal.sent
    assert (b"38;2;" in sent) == (system == "truecolor")


@pytest.mark.parametrize("system", SHADES)
def test_few_shades_page_instead_of_shrinking(warm_home: Path, tmp_path: Path, patch: str, system: str) -> None:
    with Terminal([], environment(warm_home, **SYSTEMS[system]), tmp_path, patch=patch) as terminal:
        terminal.sees("cpu fp32")
        terminal.press("f4")
        pictures: dict[bool, dict[int, bytes]] = {False: {}, True: {}}
        for page in range(1, 6):
            settled(terminal, lambda page=page: f"page {page}/5" in terminal.text and "100%" in terminal.text)
            for digit, place in tiles(terminal, 28).items():
                for light in pictures:
                    pictures[light][digit] = terminal.seen(*place, light=light)
            terminal.press("pagedown")
        for light, drawn in pictures.items():
            assert judge()([drawn[digit] for digit in TEN]) == TEN, f"on a {'light' if light else 'dark'} background"
        sent = terminal.sent
    colours = {int(code) for codes in re.findall(rb"\x1b\[([\d;]*)m", sent) for code in codes.split(b";") if code}
    assert bool(colours & {*range(30, 39), *range(40, 49), *range(90, 108)}) == (system == "16"), colours
    assert system != "ASCII" or sent.isascii()


# --- the command ------------------------------------------------------------------------------------------------------


def drawn(home: Path, folder: Path, patch: str, system: str, columns: int, lines: int, *how: str) -> Terminal:
    with Terminal([*how, "generate", "grid"], environment(home, **SYSTEMS[system]), folder, columns, lines, patch=patch) as terminal:
        assert terminal.left() == 0, terminal.text
    assert "10 digits" in terminal.text
    return terminal


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("system", GREYS)
def test_ten_digits_by_the_command(home: Path, tmp_path: Path, patch: str, system: str, size: int) -> None:
    terminal = drawn(home, tmp_path, patch, system, *SIZES[size])
    pictures = [terminal.seen(digit // 5 * (size // 2 + 1), digit % 5 * (size + 1), size) for digit in TEN]
    assert judge()(pictures) == TEN, terminal.text
    assert (b"38;2;" in terminal.sent) == (system == "truecolor")


@pytest.mark.parametrize("system", SHADES)
def test_few_shades_scroll_instead_of_shrinking(home: Path, tmp_path: Path, patch: str, system: str) -> None:
    terminal = drawn(home, tmp_path, patch, system, 80, 75)
    places = [(digit // 2 * 14, digit % 2 * 29) for digit in TEN]
    for light in (False, True):
        assert judge()([terminal.seen(*place, light=light) for place in places]) == TEN, terminal.text
    assert not re.search(rb"\x1b\[[\d;]*m", terminal.sent), "neither needs nor sends colours"
    assert system != "ASCII" or terminal.sent.isascii()


def test_color_overrides_no_color(home: Path, tmp_path: Path, patch: str) -> None:
    terminal = drawn(home, tmp_path, patch, "none", *SIZES[14], "--color", "truecolor")
    assert b"38;2;" in terminal.sent
