"""`digitty measure`: a table, CSV or JSON of what pictures look like."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from engine.cli.measure import measure
from engine.config.compute import ComputeInfo
from engine.config.sampling import SampleConfig
from engine.data import mnist
from engine.errors import OutputError
from engine.measures import shape
from engine.protocol.recipe import Images, Recipe, WeightsInfo
from engine.storage.images import save_drawing

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty MNIST digits with their classes."""
    images, labels = mnist.load(False, limit=40)
    path = tmp_path_factory.mktemp("digits") / "digits.npz"
    np.savez(path, images=images.numpy(), labels=labels.numpy(), class_names=np.array([str(n) for n in range(10)]))
    return path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(measure, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_few_pictures_are_listed(digits: Path) -> None:
    lines = run(str(digits), "--limit", "3").splitlines()
    assert lines[0].split() == ["thickness", "slant", "width", "height", "length", "area"]
    assert len(lines) == 4
    assert lines[1].startswith("image 0 (7)")
    assert float(lines[1].split()[3]) == pytest.approx(2.11, abs=0.1)  # the thickness that Morpho-MNIST gives this digit


def test_many_are_summed_up_by_class(digits: Path) -> None:
    lines = run(str(digits)).splitlines()
    assert [line.split()[0] for line in lines[1:]][-1] == "all"
    assert sum(int(line.split()[1]) for line in lines[1:-1]) == int(lines[-1].split()[1]) == 40
    assert "±" in lines[-1]


def test_csv_and_json_have_a_line_for_each_picture(digits: Path, tmp_path: Path) -> None:
    out = tmp_path / "measures.csv"
    assert run(str(digits), "--limit", "5", "--out", str(out)).strip() == str(out)
    rows = list(csv.DictReader(out.read_text().splitlines()))
    told = [json.loads(line) for line in run(str(digits), "--limit", "5", "--json").splitlines()]
    assert [row["class"] for row in rows] == [each["class"] for each in told] == ["7", "2", "1", "0", "4"]
    assert [float(row["slant"]) for row in rows] == [each["slant"] for each in told]
    with pytest.raises(OutputError):
        run(str(digits), "--out", str(out))


def test_ink_on_paper_and_colours(digits: Path, tmp_path: Path) -> None:
    image = np.load(digits)["images"][0]
    Image.fromarray(255 - image).convert("RGB").save(tmp_path / "paper.png")
    Image.merge("LA", [Image.new("L", (28, 28), 255), Image.fromarray(image)]).save(tmp_path / "transparent.png")
    Image.new("L", (28, 28), 9).save(tmp_path / "flat.png")
    (tmp_path / "damaged.png").write_bytes((tmp_path / "paper.png").read_bytes()[:60])
    result = CliRunner().invoke(measure, [str(tmp_path), "--json"], catch_exceptions=False)
    flat, paper, transparent = (json.loads(line) for line in result.stdout.splitlines())
    assert flat["thickness"] is None
    for each in (paper, transparent):
        assert each["thickness"] == pytest.approx(2.11, abs=0.1)
    assert "damaged.png" in result.stderr
    assert "of 4 pictures" not in result.stderr


def test_a_saved_sheet_is_measured_digit_by_digit_alone_or_in_a_folder(tmp_path: Path) -> None:
    images, _ = mnist.load(False, limit=3)
    recipe = Recipe((7, 2, 1), (0, 1, 2), SampleConfig(), WeightsInfo("x", 1, "average", "sha256:0"), ComputeInfo("cpu", "fp32", "contiguous", 1))
    sheet = tmp_path / "sheet.png"
    save_drawing(sheet, recipe, Images(images.numpy().tobytes(), 3, 28, 28), ())
    with Image.open(sheet) as picture:
        assert max(picture.size) > 128  # so it must have been brought back to its own pixels
    found = [json.loads(line) for line in run(str(sheet), str(tmp_path), "--json").splitlines()]
    assert [(row["digit"], row["digits"], row["class"]) for row in found] == 2 * [(1, 3, "seven"), (2, 3, "two"), (3, 3, "one")]
    assert {row["picture"] for row in found[:3]} == {str(sheet)} == {row["picture"] for row in found[3:]}
    shapes = [shape.measure(image) for image in images.numpy()]
    for row, real in zip(found, [*shapes, *shapes], strict=True):
        assert real is not None
        assert (row["thickness"], row["slant"], row["length"]) == (round(real.thickness, 3), round(real.slant, 3), round(real.length, 3))


def test_digits_on_paper_are_found_and_bad_files_are_named(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    images, _ = mnist.load(False, limit=2)
    tiles = [np.asarray(Image.fromarray(image.numpy()).resize((168, 168), Image.Resampling.BICUBIC)) for image in images]
    Image.fromarray((240 - 0.8 * np.concatenate(tiles, 1)).astype(np.uint8)).save("page.jpg", quality=95)
    Image.new("RGB", (400, 300)).save("photograph.png")
    Path("bad\x1b[2J").write_bytes(b"none")
    code, out, err = command("measure", "none.png", "page.jpg", "photograph.png", "bad\x1b[2J", "--json")
    seven, two = (json.loads(line) for line in out.splitlines())
    assert code == 0
    assert (seven["picture"], seven["digit"], seven["digits"], seven["class"], two["class"]) == ("page.jpg", 1, 2, "seven", "two")
    assert seven["thickness"] == pytest.approx(2.11, abs=0.3)
    assert all(name in err for name in ("left out none.png: No such file", "left out photograph.png shows no digit", "it is damaged"))
    assert "\x1b" not in out + err


def test_where_no_picture_is_left_the_exit_code_is_2(command: Command, tmp_path: Path) -> None:
    Image.new("RGB", (400, 300)).save(tmp_path / "photograph.png")
    for name in (str(tmp_path), str(tmp_path / "photograph.png"), "none.png"):
        code, out, err = command("measure", name, "--out", str(tmp_path / "out.csv"))
        assert (code, out) == (2, "")
        assert "no picture could be measured" in err
    assert not (tmp_path / "out.csv").exists()
