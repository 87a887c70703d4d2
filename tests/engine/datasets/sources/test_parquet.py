"""Parquet files as Hugging Face's datasets write them; damaged ones cost a sentence."""

from __future__ import annotations

import io
import json
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.datasets.sources.registry import open_source
from engine.datasets.sources.source import DamagedPictureError
from engine.errors import SettingError


def picture(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (value, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def write(path: Path, columns: dict[str, Any], features: dict[str, Any] | None = None, **given: Any) -> Path:
    """A file as `Dataset.to_parquet` writes it."""
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pa.table(columns)
    if features:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(exist_ok=True)
    parquet.write_table(table, path, **given)
    return path


def cells(values: Any) -> list[dict[str, Any]]:
    return [{"bytes": picture(value), "path": f"{value}.png"} for value in values]


NAMED = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["cat", "dog", "T-shirt/top"]}}


def reds(source: Any, places: Any) -> list[int]:
    return [source.read(place).getpixel((0, 0))[0] for place in places]


def test_a_file_of_several_row_groups_is_read_in_any_order(tmp_path: Path) -> None:
    path = write(tmp_path / "few.parquet", {"image": cells(range(50)), "label": [k % 3 for k in range(50)]}, NAMED, row_group_size=20)
    source = open_source(str(path))
    assert (source.name, source.class_names, len(source)) == ("few", ("cat", "dog", "T-shirt/top"), 50)
    assert reds(source, range(50)) == list(range(50))
    assert reds(pickle.loads(pickle.dumps(source)), [49, 0, 21, 20, 19, 45, 3]) == [49, 0, 21, 20, 19, 45, 3]
    assert source.entry(4) == open_source(str(path)).entry(4)
    assert (source.entry(4).label, source.entry(4).name, source.entry(4).test) == (1, "few.parquet row 4", False)


def test_the_files_of_a_folder_are_halves_by_their_names(tmp_path: Path) -> None:
    for name, values in (
        ("data/test-00000-of-00001", range(90, 93)),
        ("data/train-00000-of-00002", range(4)),
        ("data/train-00001-of-00002", range(4, 6)),
    ):
        write(tmp_path / f"{name}.parquet", {"image": cells(values), "label": [k % 3 for k in values]}, NAMED)
    source = open_source(str(tmp_path))
    assert reds(source, range(9)) == [0, 1, 2, 3, 4, 5, 90, 91, 92]
    assert [source.entry(k).test for k in range(9)] == [False] * 6 + [True] * 3
    assert source.entry(4).name == "data/train-00001-of-00002.parquet row 0"
    before = source.fingerprint()
    write(tmp_path / "data/train-00001-of-00002.parquet", {"image": cells([7]), "label": [0]}, NAMED)
    assert open_source(str(tmp_path)).fingerprint() != before


def test_other_columns_that_datasets_have(tmp_path: Path) -> None:
    captions = write(tmp_path / "a.parquet", {"caption": ["a red square", None, "x" * 20_000], "jpg": [picture(k) for k in (1, 2, 3)]})
    source = open_source(str(captions))
    assert (source.class_names, source.entry(0).text, source.entry(1).text, len(source.entry(2).text or "")) == ((), "a red square", None, 10_000)
    assert reds(source, range(3)) == [1, 2, 3]
    words = open_source(str(write(tmp_path / "b.parquet", {"img": cells(range(4)), "label": ["b", "a", "b", None]})))
    assert (words.class_names, [words.entry(k).label for k in range(3)]) == (("a", "b"), [1, 0, 1])
    assert words.warnings == ["left out 1 picture without a class"]
    hidden = open_source(str(write(tmp_path / "c.parquet", {"image": cells(range(3)), "label": [2, -1, 10]})))
    assert (hidden.class_names, reds(hidden, range(2))) == (("2", "10"), [0, 2])


def test_rows_without_a_picture_and_huge_ones_are_damaged_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [*cells([1]), {"bytes": None, "path": "/etc/passwd"}, {"bytes": b"no picture", "path": None}, *cells([4])]
    source = open_source(str(write(tmp_path / "few.parquet", {"image": rows})))
    for place, why in ((1, "only the name of a file"), (2, "not a picture that can be read")):
        with pytest.raises(DamagedPictureError, match=why):
            source.read(place)
    assert reds(source, [0, 3]) == [1, 4]
    monkeypatch.setattr("engine.datasets.sources.parquet.LARGEST_FILE", 20)
    with pytest.raises(DamagedPictureError, match=r"few.parquet row 0: it is larger than 20 bytes"):
        source.read(0)


def test_damage_within_a_row_group_costs_its_rows_and_no_others(tmp_path: Path) -> None:
    path = write(tmp_path / "few.parquet", {"image": cells(range(60))}, row_group_size=20, compression="zstd", use_dictionary=False)
    raw = bytearray(path.read_bytes())
    from pyarrow import parquet

    at = parquet.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    raw[at + 40 : at + 200] = b"\xff" * 160
    path.write_bytes(raw)
    source = open_source(str(path))
    for place in (20, 25, 39):
        with pytest.raises(DamagedPictureError):
            source.read(place)
    assert reds(source, [0, 19, 40, 59]) == [0, 19, 40, 59]


@pytest.mark.parametrize("keep", [0, 3, 50, 0.5, 0.99])
def test_truncated_files_are_refused_in_a_sentence(tmp_path: Path, keep: float) -> None:
    path = write(tmp_path / "few.parquet", {"image": cells(range(20)), "label": [0] * 20}, NAMED)
    os.truncate(path, int(keep * path.stat().st_size) if keep < 1 else int(keep))
    with pytest.raises(SettingError, match=r"few.parquet is damaged, or not a Parquet file \(.*\); download it again"):
        open_source(str(path))


def test_bytes_changed_anywhere_never_crash(tmp_path: Path) -> None:
    path = write(tmp_path / "few.parquet", {"image": cells(range(20)), "label": [k % 3 for k in range(20)]}, NAMED, row_group_size=8)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(200):
        raw = bytearray(whole)
        for at in rng.integers(0, len(raw), 4):
            raw[at] = rng.integers(256)
        path.write_bytes(raw)
        try:
            source = open_source(str(path))
        except SettingError:
            continue
        for place in range(len(source)):
            try:
                source.read(place)
            except DamagedPictureError:
                continue


@pytest.mark.parametrize(
    ("columns", "features", "why"),
    [
        ({"a": [1], "b\x1b": ["x"]}, None, "no column of pictures, but a, b·; it must be called image"),
        ({"image": ["a.png"]}, None, "no column of pictures, but image"),
        ({"image": [{"path": "a.png"}]}, NAMED, "no column of pictures, but image"),
        ({"image": [{"bytes": b"", "path": ""}], "label": [None]}, None, None),
        ({"image": [{"bytes": b"x", "path": ""}], "label": [-1]}, NAMED, r"no picture to train on .*left out 1 picture without a class"),
        ({"image": [{"bytes": b"x", "path": ""}], "label": [7]}, NAMED, r"no picture to train on .*of classes that have no name"),
        ({"image": [{"bytes": b"x", "path": ""}]}, {"image": 3, "label": []}, None),
        ({"image": [{"bytes": b"x", "path": ""}], "label": [0]}, {"label": {"_type": "ClassLabel", "names": [1, 2]}}, None),
        ({"image": [{"bytes": b"x", "path": ""}], "label": [0]}, {"label": {"_type": "ClassLabel", "names": ["a"] * 10_001}}, "the most is 10,000"),
    ],
)
def test_wrong_columns_are_refused_in_a_sentence(tmp_path: Path, columns: dict[str, Any], features: dict[str, Any] | None, why: str | None) -> None:
    path = write(tmp_path / "few.parquet", columns, features)
    if why is None:
        assert len(open_source(str(path))) == 1
        return
    with pytest.raises(SettingError, match=why):
        open_source(str(path))


def test_files_of_different_sets_are_not_mixed(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", {"image": cells([1]), "label": [0]}, NAMED)
    write(tmp_path / "b.parquet", {"image": cells([1])})
    with pytest.raises(SettingError, match=r"b.parquet has other columns or classes than .*a.parquet; give one of them"):
        open_source(str(tmp_path))


def test_without_pyarrow_a_sentence_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "few.parquet").write_bytes(b"PAR1")
    for source in (tmp_path / "few.parquet", tmp_path):
        with pytest.raises(SettingError, match=r"few.parquet: reading Parquet needs pyarrow; install it with: pip install 'digitty\[parquet\]'"):
            open_source(str(source))
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    assert open_source(str(tmp_path)).warnings == ["left out 1 other file (.parquet)"]  # where there are pictures, those count
