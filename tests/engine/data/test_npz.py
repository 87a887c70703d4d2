"""Data sets in .npz files: what is read is what was written, and what is no data set is refused with the reason."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.config.data import MNIST
from engine.data import mnist, npz
from engine.data.registry import load_images
from engine.errors import DigittyError, SettingError, StorageError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (12, 8, 12), np.uint8)
COLOUR = RNG.integers(0, 256, (12, 8, 12, 3), np.uint8)
LABELS = np.arange(12) % 4


def write(path: Path, **arrays: Any) -> Path:
    np.savez_compressed(path, **{"images": GREY, "labels": LABELS, **arrays})
    return path


@pytest.mark.parametrize("images", [GREY, COLOUR, np.asfortranarray(COLOUR)], ids=["grey", "colour", "fortran"])
def test_what_is_read_is_what_was_written(tmp_path: Path, images: Any) -> None:
    spec = npz.describe(write(tmp_path / "few.npz", images=images, test_images=images[:5], test_labels=LABELS[:5].astype(np.uint8)))
    assert (spec.name, spec.class_names, spec.train_images) == ("few", ("0", "1", "2", "3"), 12)
    assert spec.pixel_shape == images.shape[1:]
    pixels = images.astype(np.float64) / 127.5 - 1
    assert (spec.mean, spec.std) == (pytest.approx(pixels.mean()), pytest.approx(pixels.std()))
    for train, count in ((True, 12), (False, 5)):
        got, labels = load_images(spec, train)
        assert (got.dtype, labels.dtype) == (torch.uint8, torch.int64)
        np.testing.assert_array_equal(got.numpy(), images[:count])
        np.testing.assert_array_equal(labels.numpy(), LABELS[:count])
    few, _ = load_images(spec, True, limit=2)
    np.testing.assert_array_equal(few.numpy(), images[:2])


def test_mnist_is_found_by_its_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(mnist, "load", lambda *given: asked.append(given))
    load_images(MNIST, False, None, 3)
    assert asked == [(False, None, 3)]


def test_a_source_that_nothing_reads_is_named() -> None:
    with pytest.raises(SettingError, match=r"cats\.tar"):
        load_images(replace(MNIST, source="/data/cats.tar", digest="sha256:0"), True)


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({"images": GREY.astype(np.float32)}, "float32"),
        ({"images": GREY[0]}, "uint8"),
        ({"images": np.zeros((12, 8, 12, 4), np.uint8)}, "uint8"),
        ({"images": np.zeros((0, 8, 12), np.uint8), "labels": LABELS[:0]}, "uint8"),
        ({"images": np.zeros((12, 8, 12), np.uint8)}, "flat"),
        ({"labels": LABELS[:11]}, "labels"),
        ({"labels": LABELS - 1}, "labels"),
        ({"labels": LABELS.astype(float)}, "float64"),
        ({"labels": LABELS + 10**6}, "classes"),
        ({"class_names": np.array(["a", "b", "c"])}, "label 3"),
        ({"class_names": np.array(["a", "b", "c", "c"])}, "same name"),
        ({"class_names": np.array(["a", "b", "c", "\x1b[31m"])}, "name"),
        ({"labels": np.array([None] * 12, dtype=object)}, "object"),
        ({"test_images": COLOUR, "test_labels": LABELS}, "images of"),
        ({"test_images": GREY}, "test_labels"),
    ],
)
def test_what_is_no_data_set_is_refused(tmp_path: Path, arrays: dict[str, Any], why: str) -> None:
    with pytest.raises(SettingError, match=why):
        npz.describe(write(tmp_path / "bad.npz", **arrays))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"none\.npz"):
        npz.describe(tmp_path / "none.npz")


def test_without_test_images_there_are_none(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="test_images"):
        load_images(npz.describe(write(tmp_path / "few.npz")), False)


def _npy(shape: tuple[int, ...], body: bytes, descr: str = "|u1") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue() + body


class Bomb:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return eval, ("1 / 0",)


@pytest.mark.parametrize(
    "member",
    [
        b"",
        b"\x93NUMPY",
        _npy((1 << 40, 8, 12), b"few"),
        _npy((-1, 8, 12), b""),
        _npy((12, 8, 12), bytes(12 * 8 * 12 - 1)),
        _npy((1,), pickle.dumps(Bomb()), "|O"),
    ],
    ids=["empty", "header", "huge", "negative", "truncated", "pickle"],
)
def test_a_header_is_not_believed(tmp_path: Path, member: bytes) -> None:
    path = tmp_path / "bad.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", member)
        archive.writestr("labels.npy", _npy((12,), bytes(12)))
    with pytest.raises(SettingError):
        npz.describe(path)


@pytest.mark.parametrize("seed", range(3))
def test_damage_is_refused_or_makes_no_difference(tmp_path: Path, seed: int) -> None:
    path = write(tmp_path / "few.npz")
    whole, spec, rng = path.read_bytes(), npz.describe(path), np.random.default_rng(seed)
    for place in rng.integers(0, len(whole), 30):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.integers(8)
        for content in (bytes(damaged), whole[:place]):
            path.write_bytes(content)
            with pytest.raises(DigittyError):
                load_images(spec, True)
            with suppress(DigittyError):
                npz.describe(path)
