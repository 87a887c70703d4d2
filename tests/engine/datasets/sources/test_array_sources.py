"""Sources of arrays: what is read is what was written, in .npz files and beyond."""

from __future__ import annotations

import os
import pickle
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.config.data import LONGEST_NAME, MOST_CLASSES
from engine.datasets.sources.arrays import ArraySource, Part
from engine.datasets.sources.names import fit_names
from engine.datasets.sources.registry import open_source
from engine.errors import InputError, SettingError, StorageError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (12, 8, 12), np.uint8)
COLOUR = RNG.integers(0, 256, (12, 8, 12, 3), np.uint8)
LABELS = np.arange(12) % 4


def opened(path: Path, **arrays: Any) -> ArraySource:
    np.savez_compressed(path, **arrays)
    source = open_source(str(path))
    assert isinstance(source, ArraySource)
    return source


@pytest.mark.parametrize("images", [GREY, COLOUR, np.asfortranarray(COLOUR)], ids=["grey", "colour", "fortran"])
def test_what_is_read_is_what_was_written(tmp_path: Path, images: Any) -> None:
    source = opened(tmp_path / "few.npz", images=images, labels=LABELS, test_images=images[:5], test_labels=LABELS[:5].astype(np.uint8))
    assert (source.name, source.class_names, len(source), source.shape) == ("few", ("0", "1", "2", "3"), 17, images.shape[1:])
    whole = np.concatenate([images, images[:5]])
    for first, last in ((0, 17), (3, 9), (10, 14), (13, 17)):
        part = source.arrays(first, last)
        assert part.flags.c_contiguous
        np.testing.assert_array_equal(part, whole[first:last])
    again = pickle.loads(pickle.dumps(source))
    for i, image in enumerate(whole):
        np.testing.assert_array_equal(again.read(i), image)
        assert (again.entry(i).label, again.entry(i).test) == (LABELS[i % 12], i >= 12)
    with pytest.raises(IndexError):
        source.entry(17)


def test_labels_and_names_may_be_missing(tmp_path: Path) -> None:
    plain = opened(tmp_path / "plain.npz", images=GREY)
    assert (plain.class_names, plain.entry(3).label) == ((), None)
    named = opened(tmp_path / "named.npz", images=GREY, labels=LABELS, class_names=np.array(["T-shirt/top", " a\x1b[31m ", "b" * 99, "b" * 99]))
    assert named.class_names == ("T-shirt/top", "a·[31m", "b" * 59 + "…", "b" * 56 + " (2)")


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({"labels": LABELS}, "no array images"),
        ({"images": GREY.astype(np.float32)}, "float32"),
        ({"images": GREY.astype(np.uint16)}, "uint16"),
        ({"images": GREY[0]}, "uint8"),
        ({"images": GREY[:0]}, "uint8"),
        ({"images": np.zeros((2, 8, 8, 4), np.uint8)}, "uint8"),
        ({"images": GREY, "labels": LABELS[:3]}, "12 images"),
        ({"images": GREY, "labels": LABELS - 1}, "class number"),
        ({"images": GREY, "labels": LABELS + MOST_CLASSES}, "at most"),
        ({"images": GREY, "labels": LABELS, "class_names": np.array(["a"])}, "label 3"),
        ({"images": GREY, "test_images": COLOUR}, "another size"),
        ({"images": GREY, "labels": LABELS, "test_images": GREY}, "only one"),
    ],
)
def test_what_is_no_data_set_is_refused(tmp_path: Path, arrays: dict[str, Any], why: str) -> None:
    with pytest.raises(SettingError, match=why):
        opened(tmp_path / "bad.npz", **arrays)


def test_a_changed_file_has_another_fingerprint(tmp_path: Path) -> None:
    path = tmp_path / "few.npz"
    source = opened(path, images=GREY)
    before = source.fingerprint()
    assert open_source(source.location).fingerprint() == before
    os.utime(path, (1, 1))
    assert open_source(source.location).fingerprint() != before
    path.unlink()
    with pytest.raises(StorageError):
        source.fingerprint()


@pytest.mark.parametrize("header", [b"{((((((((\n", b"[" * 9000 + b"\n"])
def test_an_array_whose_header_is_damaged_is_refused(tmp_path: Path, header: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "bad.npz", "w") as archive:
        archive.writestr("images.npy", b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(SettingError, match="damaged"):
        open_source(str(tmp_path / "bad.npz"))


@pytest.mark.parametrize("text", ["", "a\0b", "~nobody-at-all/x", "none.npz", "none"])
def test_what_is_nowhere_is_refused_in_one_line(text: str) -> None:
    with pytest.raises((InputError, StorageError)) as caught:
        open_source(text)
    assert "\n" not in str(caught.value)


def test_names_of_classes_are_unique_and_short() -> None:
    names = fit_names(["", " ", "a", "a", "a (2)", "x" * 70, "x" * 70, "\ud8ff"])
    assert len(set(names)) == len(names)
    assert all(0 < len(name) <= LONGEST_NAME and name.isprintable() for name in names)


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(SettingError):
        ArraySource("x", "x", (), Part(GREY, LABELS), None, ())


def test_a_large_idx_file_is_mapped_and_a_truncated_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "big-idx3-ubyte"
    header = b"\0\0\x08\x03" + b"".join(side.to_bytes(4, "big") for side in (1 << 17, 28, 28))
    path.write_bytes(header + GREY.tobytes())
    whole = len(header) + (1 << 17) * 784
    os.truncate(path, whole)  # sparse
    tracemalloc.start()
    try:
        source = open_source(str(path))
        assert np.array_equal(source.read(0).reshape(-1), GREY.reshape(-1)[:784])
        assert source.read((1 << 17) - 1).shape == (28, 28)
        assert tracemalloc.get_traced_memory()[1] < 1 << 22  # of 100 MB
    finally:
        tracemalloc.stop()
    for size in (whole - 1, whole + 1):
        os.truncate(path, size)
        with pytest.raises(SettingError, match="its header says 102,760,448"):
            open_source(str(path))
