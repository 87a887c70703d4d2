"""Text in Pillow's own font: no letter comes out as the box that stands for all that are missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from engine.protocol.events import ClassGallery
from engine.protocol.recipe import Images
from engine.storage.contact_sheet import Exhibit, save_sheet
from engine.storage.gallery_sheet import describe_gallery, save_gallery
from engine.storage.lettering import Lettering, has_letter

PICTURE = Images(bytes([90]) * 784, 1)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("T-shirt/top", "T-shirt/top"),
        ("Stra\u00dfe \u00d8l", "Strasse Ol"),
        ("Bose", "Bose"),
        ("靴", "[1]"),
        ("boot 靴 箱 靴", "boot [1] [2] [1]"),
        ("a\u0301b", "ab"),
        ("１２", "12"),
        ("", ""),
    ],
)
def test_what_the_font_lacks_is_spelled_or_numbered(text: str, written: str) -> None:
    letters = Lettering()
    assert letters.write(text) == written
    assert all(has_letter(letters.font, char) for char in written if char != " ")


def test_the_legend_says_what_numbers_stand_for() -> None:
    letters = Lettering()
    assert letters.legend == ""
    letters.write("靴 x 箱")
    assert letters.write("箱") == "[2]"
    assert letters.legend == "[1] 靴, [2] 箱"
    letters.write(" ".join(chr(0x4E00 + i) for i in range(60)))
    assert letters.legend.endswith(" more")


def test_classes_of_any_script_are_told_apart_on_both_sheets(tmp_path: Path) -> None:
    """Two names that the font lacks must not look the same, which boxes and question marks did."""
    pixels = []
    for name in ("靴靴", "箱箱"):
        rows = [ClassGallery(each, 1, PICTURE, PICTURE, (name,), (each,)) for each in ("靴靴", "箱箱")]
        save_gallery(tmp_path / "sheet.png", rows, "2 pictures")
        assert describe_gallery(tmp_path / "sheet.png", rows).endswith("Its font lacks some letters: [1] 靴靴, [2] 箱箱.")
        with Image.open(tmp_path / "sheet.png") as sheet:
            pixels.append(sheet.tobytes())
        (tmp_path / "sheet.png").unlink()
    assert pixels[0] != pixels[1], "they were read as different classes"
    letters = Lettering()
    assert save_sheet(tmp_path / "contact.png", [Exhibit(PICTURE, ("靴", "é 箱"))], 1, letters) == 1
    assert letters.legend == "[1] 靴, [2] 箱"
