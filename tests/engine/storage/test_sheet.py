"""The sheet of a sweep holds each picture in its row and column, enlarged by a whole number, and the recipe that draws it again."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engine.config.compute import ComputeInfo
from engine.config.data import MNIST
from engine.config.sampling import SampleConfig
from engine.config.serialize import from_dict
from engine.config.sweep import Sweep, plan_sweep
from engine.errors import OutputError, PictureError
from engine.protocol.events import DrawDone
from engine.protocol.recipe import Images, Recipe, WeightsInfo
from engine.storage.images import columns_for, contact_sheet
from engine.storage.pictures import load_picture
from engine.storage.sheet import LARGEST, join_images, measured, save_sheet, sweep_json


def noise(seed: int, count: int = 1, height: int = 28, width: int = 28, channels: int = 1) -> Images:
    return Images(random.Random(seed).randbytes(count * height * width * channels), count, height, width, channels)


def drawings(sweep: Sweep, **shape: int) -> list[DrawDone]:
    """Noise for each cell."""
    cells = []
    for i, cell in enumerate(sweep.cells):
        images = noise(i, **shape)
        weights, engine = WeightsInfo(cell.weights, 5, "average"), ComputeInfo("cpu", "fp32", "contiguous")
        recipe = Recipe((7,) * len(images), tuple(range(len(images))), cell.sample, weights, engine, MNIST)
        cells.append(DrawDone(recipe, images, (images,), (cell.sample.steps,), 0.25, 40.0, evaluations=float(i + 1)))
    return cells


def place_of(picture: NDArray[np.uint8], sheet: NDArray[np.uint8]) -> tuple[int, int]:
    """The only (x, y) at which the picture lies in the sheet."""
    line = picture[0].tobytes()
    depth = picture[0, 0].nbytes
    found = []
    for y in range(len(sheet) - len(picture) + 1):
        x, rest = divmod(sheet[y].tobytes().find(line), depth)
        if not rest and x >= 0 and np.array_equal(sheet[y : y + len(picture), x : x + picture.shape[1]], picture):
            found.append((x, y))
    (place,) = found
    return place


@pytest.mark.parametrize(
    ("shape", "scale"),
    [({}, 4), ({"count": 3}, 4), ({"height": 20, "width": 32, "channels": 3}, 3), ({"height": 200, "width": 200}, 1)],
    ids=["a digit", "three digits", "colour", "large"],
)
def test_each_picture_is_in_its_row_and_column(shape: dict[str, int], scale: int, tmp_path: Path) -> None:
    sweep = plan_sweep({"guidance": (1.0, 1.4), "steps": (4, 8, 14)}, SampleConfig(), "shipped")
    cells = drawings(sweep, **shape)
    save_sheet(tmp_path / "sheet.png", "seven", sweep, cells)
    with Image.open(tmp_path / "sheet.png") as picture:
        sheet = np.asarray(picture)
    places = []
    for done in cells:
        first = np.asarray(contact_sheet(done.images, columns_for(len(done.images)), gap=1))
        places.append(place_of(first.repeat(scale, 0).repeat(scale, 1), sheet))
    xs, ys = sorted({x for x, _ in places}), sorted({y for _, y in places})
    assert places == [(x, y) for y in ys for x in xs], "two rows of three, in order"
    assert len(places) == 6


def test_it_holds_the_recipes(tmp_path: Path) -> None:
    sweep = plan_sweep({"seed": (1, 2), "steps": (4, 8)}, SampleConfig(guidance=2.0), "shipped")
    save_sheet(tmp_path / "sheet.png", "seven", sweep, drawings(sweep))
    with Image.open(tmp_path / "sheet.png") as picture:
        values = json.loads(picture.text["digitty"])  # type: ignore[attr-defined]
    assert (values["format"], values["version"]) == ("digitty-sweep", 1)
    assert values["axes"] == [{"name": "seed", "values": [1, 2]}, {"name": "steps", "values": [4, 8]}]
    assert [from_dict(SampleConfig, cell["recipe"]["sample"]) for cell in values["cells"]] == [cell.sample for cell in sweep.cells]
    assert [cell["caption"] for cell in values["cells"]] == ["seed 1, 4 steps", "seed 1, 8 steps", "seed 2, 4 steps", "seed 2, 8 steps"]
    assert [(cell["evaluations"], cell["seconds"]) for cell in values["cells"]] == [(1, 0.25), (2, 0.25), (3, 0.25), (4, 0.25)]


def test_as_the_recipe_of_one_drawing_it_is_refused_with_a_sentence(tmp_path: Path) -> None:
    sweep = plan_sweep({"steps": (4, 8)}, SampleConfig(), "shipped")
    save_sheet(tmp_path / "sheet.png", "seven", sweep, drawings(sweep))
    with pytest.raises(PictureError, match="it is the sheet of a sweep"):
        load_picture(tmp_path / "sheet.png")


def test_a_cell_that_failed_stays_empty(tmp_path: Path) -> None:
    sweep = plan_sweep({"weights": ("a", "b", "c")}, SampleConfig(), "a")
    cells: list[DrawDone | None] = [*drawings(sweep)]
    cells[1] = None
    save_sheet(tmp_path / "sheet.png", "seven", sweep, cells)
    assert [cell and cell["caption"] for cell in sweep_json(sweep, cells)["cells"]] == ["a", None, "c"]
    save_sheet(tmp_path / "none.png", "seven", sweep, [None, None, None])


def test_a_sheet_of_many_large_pictures_is_made_smaller(tmp_path: Path) -> None:
    sweep = plan_sweep({"seed": tuple(range(100))}, SampleConfig(), "a")
    save_sheet(tmp_path / "sheet.png", "seven", sweep, drawings(sweep, count=4))
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.width <= LARGEST


def test_an_existing_file_is_not_replaced_unasked(tmp_path: Path) -> None:
    sweep = plan_sweep({}, SampleConfig(), "a")
    (tmp_path / "sheet.png").write_bytes(b"mine")
    with pytest.raises(OutputError):
        save_sheet(tmp_path / "sheet.png", "seven", sweep, drawings(sweep), replace=False)
    assert (tmp_path / "sheet.png").read_bytes() == b"mine"


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 10, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_joined_as_on_a_contact_sheet(count: int, channels: int) -> None:
    images = noise(1, count, 6, 4, channels)
    joined = join_images(images)
    sheet = contact_sheet(images, columns_for(count), gap=1)
    assert (joined.width, joined.height) == sheet.size
    assert joined.data == sheet.tobytes()


def test_figures_in_words() -> None:
    (done,) = drawings(plan_sweep({}, SampleConfig(), "a"))
    assert measured(done) == "1 evaluation, 0.25 s"
    assert measured(replace(done, evaluations=1000 + 553)) == "1553 evaluations, 0.25 s"
    assert measured(replace(done, evaluations=12424 + 1 / 3)) == "12424.3 evaluations, 0.25 s"
