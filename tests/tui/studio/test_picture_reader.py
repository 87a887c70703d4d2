"""A picture that was looked at once is not decoded again, in any session, unless the file has changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fake_pictures import blend
from fake_training import ENGINE

from engine.config.sampling import SampleConfig
from engine.protocol.recipe import Images, Recipe, WeightsInfo
from engine.storage.gallery import Gallery
from engine.storage.images import save_drawing
from engine.storage.pictures import StoredPicture
from tui.studio.picture_reader import Item, read_item


@pytest.mark.parametrize("ending", [".png", ".gif"])
def test_a_picture_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    decoded: list[Path] = []
    images = StoredPicture.images
    monkeypatch.setattr(StoredPicture, "images", lambda self: (decoded.append(self.path), images(self))[1])
    path = tmp_path / f"seven{ending}"

    def read(label: int, time: int) -> Item:
        recipe = Recipe((label,), (0,), SampleConfig(steps=3), WeightsInfo("shipped", 4690, "average"), ENGINE)
        drawn = Images(blend(label, 0, 0, 1.0), 1)
        save_drawing(path, recipe, drawn, [drawn, drawn])
        os.utime(path, (time, time))
        (entry,) = Gallery([tmp_path]).entries()
        return read_item(entry)

    first = read(7, 1_700_000_000)
    assert (read(7, 1_700_000_000), len(decoded)) == (first, 1)
    other = read(3, 1_700_000_001)
    assert (other.recipe and other.recipe.labels, len(decoded)) == ((3,), 2)
    assert other.thumbnail != first.thumbnail
