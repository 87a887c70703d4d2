"""`digitty measure`: a table, CSV or JSON of what pictures look like."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from engine.cli.measure import measure
from engine.data import mnist
from engine.errors import OutputError, SettingError


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


def test_a_photograph_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (400, 300)).save(tmp_path / "photograph.png")
    with pytest.raises(SettingError, match="400×300"):
        run(str(tmp_path))
