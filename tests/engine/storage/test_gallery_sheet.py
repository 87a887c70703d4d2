"""The sheet of an evaluation: every class has its row, and every picture is found again in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from engine.protocol.events import ClassGallery
from engine.protocol.recipe import Images
from engine.storage.gallery_sheet import GAP, LINE, NAME_WIDTH, describe_gallery, save_gallery


def flat(*greys: int, channels: int = 1, height: int = 28, width: int = 28) -> Images:
    """A picture of each of these greys."""
    return Images(b"".join(bytes([grey]) * height * width * channels for grey in greys), len(greys), height, width, channels)


def row(name: str, best: Images, worst: Images, drawn: int) -> ClassGallery:
    return ClassGallery(name, drawn, best, worst, (name,) * len(best), ("other",) * len(worst))


@pytest.mark.parametrize("channels", [1, 3])
def test_every_picture_is_on_the_sheet(tmp_path: Path, channels: int) -> None:
    gallery = (
        row("zero", flat(50, 60, channels=channels), flat(70, channels=channels), 3),
        row("öne", flat(channels=channels), flat(channels=channels), 0),
        row("三", flat(80, channels=channels), flat(channels=channels), 1),
    )
    save_gallery(tmp_path / "sheet.png", gallery, "4 digits")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.mode == "RGB"
        size, top = 112, 3 * LINE + GAP
        left_of_worst = NAME_WIDTH + 2 * (size + GAP) + 4 * GAP
        places = {50: (0, 0, 0), 60: (0, 0, 1), 70: (0, 1, 0), 80: (2, 0, 0)}
        for grey, (line, worst, column) in places.items():
            x = (left_of_worst if worst else NAME_WIDTH) + column * (size + GAP)
            y = top + line * (size + LINE)
            for dx, dy in ((0, 0), (size - 1, 0), (0, size - 1), (size - 1, size - 1)):
                assert sheet.getpixel((x + dx, y + dy)) == (grey, grey, grey)
        name = sheet.crop((0, top + size + LINE, NAME_WIDTH, top + 2 * (size + LINE)))
        assert name.getbbox() is not None, "a class that was not drawn is named"


def test_wide_pictures_keep_their_shape(tmp_path: Path) -> None:
    save_gallery(tmp_path / "sheet.png", (row("flag", flat(99, channels=3, height=20, width=32), flat(), 1),), "1 flag")
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = sheet.crop((NAME_WIDTH, 3 * LINE + GAP, NAME_WIDTH + 128 + GAP, sheet.height)).getcolors(sheet.width * sheet.height)
        assert pixels is not None
        assert (128 * 80, (99, 99, 99)) in pixels


def test_classes_that_were_not_drawn_are_named() -> None:
    gallery = (row("zero", flat(1), flat(2), 2), row("one", flat(), flat(), 0))
    assert "Not drawn at all: one; a larger --count draws every class." in describe_gallery(Path("x.png"), gallery)
    assert "Not drawn" not in describe_gallery(Path("x.png"), gallery[:1])


def test_long_names_stay_in_their_column(tmp_path: Path) -> None:
    """Also those in letters that the font lacks. The pictures of the row are whole."""
    for name in ("W" * 60, "長" * 60, "a name of sixty letters, which no column of this sheet has roo"[:60]):
        save_gallery(tmp_path / "sheet.png", (row(name, flat(200), flat(100), 2),), "2 pictures")
        with Image.open(tmp_path / "sheet.png") as sheet:
            left = sheet.crop((0, 3 * LINE + GAP, NAME_WIDTH, sheet.height))
            assert left.getbbox() is not None
            assert left.crop((NAME_WIDTH - GAP, 0, NAME_WIDTH, left.height)).getbbox() is None
            assert sheet.getpixel((NAME_WIDTH, 3 * LINE + GAP)) == (200, 200, 200)
