"""Who wrote the images: from QMNIST's labels, text, tables and arrays; what is wrong with such a file is said."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from engine.datasets.writers import TEST, TRAIN, UNKNOWN, check_writers, read_writers
from engine.errors import SettingError

LABELS = np.array([3, 1, 4, 1, 5, 9])
WRITERS = [7, 7, 0, 0, 0, 7]


def qmnist(path: Path, classes: list[int], writers: list[int], columns: int = 8) -> Path:
    """A file as QMNIST's labels are: rows of big-endian numbers, the class first, the writer third."""
    rows = np.zeros((len(classes), columns), ">i4")
    rows[:, 0], rows[:, 2], rows[:, 1] = classes, writers, 99
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(struct.pack(">4BII", 0, 0, 0x0C, 2, *rows.shape) + rows.tobytes()))
    return path


@pytest.mark.parametrize("folder", ["", "QMNIST/raw", "QMNIST", "qmnist"])
def test_qmnists_labels_are_found_wherever_torchvision_or_a_person_put_them(tmp_path: Path, folder: str) -> None:
    qmnist(tmp_path / folder / f"{TRAIN}.gz", [*LABELS.tolist(), 2], [*WRITERS, 5])
    qmnist(tmp_path / folder / f"{TEST}.gz", LABELS.tolist(), [1, 2, 1, 2, 1, 2])
    assert read_writers("qmnist", LABELS, tmp_path).tolist() == WRITERS
    assert read_writers(f"qmnist:{tmp_path}", LABELS).tolist() == WRITERS
    assert read_writers("qmnist", LABELS, tmp_path, train=False).tolist() == [1, 2, 1, 2, 1, 2]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("w.txt", b"7\n7\n0\n0\n0\n7\n"),
        ("w.csv", b"\xef\xbb\xbffile,Writer\r\na,7\r\nb,7\r\nc,0\r\nd,0\r\ne,0\r\nf,7\r\n"),
        ("w.idx", struct.pack(">4BI", 0, 0, 0x08, 1, 6) + bytes(WRITERS)),
    ],
)
def test_a_file_has_a_number_for_each_image(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert read_writers(str(tmp_path / name), LABELS).tolist() == WRITERS


def test_an_array_has_one_too_and_runs_no_code(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", np.array(WRITERS, np.uint16))
    assert read_writers(str(tmp_path / "w.npy"), LABELS[:4]).tolist() == WRITERS[:4], "of the first images only, if only those are used"
    np.save(tmp_path / "w.npy", np.array([print], object), allow_pickle=True)
    with pytest.raises(SettingError, match="damaged"):
        read_writers(str(tmp_path / "w.npy"), LABELS)


def test_images_can_be_kept_from_training(tmp_path: Path) -> None:
    (tmp_path / "w.txt").write_text("7\n7\n\n-1\n0\n0\n")
    assert read_writers(str(tmp_path / "w.txt"), LABELS).tolist() == [7, 7, UNKNOWN, UNKNOWN, 0, 0]
    assert check_writers(np.array([3, 3, 8, 1, 1]), "w").tolist() == [3, 3, UNKNOWN, 1, 1], "a writer of one image is told from nobody"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"1\n1\n2\n", "has 3 writers, and there are 6 images"),
        (b"1\n1\n2\n2\n2\n1.5\n", "line 6 .*'1.5'"),
        (b"1\n1\n2\n2\n2\n99999999999999999999\n", "line 6"),
        (b"1,2\n3,4\n", 'line 1 .* column of the writers "writer"'),
        (b"a,writer\n1,2\n3\n", "line 3"),
        (b"1\n1\n1\n1\n1\n1\n", "fewer than two writers"),
        (b"\xff\xfe", "not text"),
        (b"\x93NUMPY\x01\0\x0a\0{((((((((\n", "damaged"),
        (b"", "has 0 writers"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "w").write_bytes(content)
    with pytest.raises(SettingError, match=says):
        read_writers(str(tmp_path / "w"), LABELS)


def test_labels_of_other_images_are_refused(tmp_path: Path) -> None:
    qmnist(tmp_path / f"{TRAIN}.gz", [3, 1, 4, 1, 5, 8], WRITERS)
    with pytest.raises(SettingError, match="other classes"):
        read_writers("qmnist", LABELS, tmp_path)
    qmnist(tmp_path / f"{TRAIN}.gz", LABELS.tolist(), WRITERS, columns=5)
    with pytest.raises(SettingError, match="QMNIST"):
        read_writers("qmnist", LABELS, tmp_path)


def test_without_them_it_says_how_to_bring_them(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"qmnist-train-labels-idx2-int\.gz into .*QMNIST.raw.*torchvision.*--data-root.*--writers"):
        read_writers("qmnist", LABELS)
    with pytest.raises(SettingError, match="one writer number for each image"):
        read_writers(str(tmp_path / "none.txt"), LABELS)
