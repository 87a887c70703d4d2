"""MNIST as it ships: checked, counted, read as torchvision reads it, and never taken from anywhere else."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from engine.compute.seeds import derive_seed
from engine.data import mnist as data
from engine.data.batches import to_x0
from engine.errors import StorageError


@pytest.fixture(autouse=True)
def unpacked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere the tests unpack each archive once."""
    monkeypatch.setattr(data, "unpack", getattr(data.unpack, "__wrapped__", data.unpack))


def test_shapes_counts_mean_and_deviation() -> None:
    images, labels = data.load(True)
    assert (images.shape, images.dtype) == ((60_000, 28, 28), torch.uint8)
    assert (labels.shape, labels.dtype) == ((60_000,), torch.int64)
    counts = labels.bincount()
    assert len(counts) == 10
    assert (counts[1], counts[5]) == (6_742, 5_421)
    shares, grey = images.flatten().bincount(minlength=256).double() / images.numel(), torch.arange(256, dtype=torch.float64) / 255
    assert float(shares @ grey) == pytest.approx(0.1307, abs=5e-5)
    assert float((shares @ (grey - shares @ grey).square()).sqrt()) == pytest.approx(0.3081, abs=5e-5)
    x0 = to_x0(images[:6000])
    assert (x0.shape, float(x0.min()), float(x0.max())) == ((6000, 1, 28, 28), -1.0, 1.0)


def test_the_test_set_and_limit() -> None:
    images, labels = data.load(False)
    assert (len(images), len(labels)) == (10_000, 10_000)
    some, few = data.load(False, limit=64)
    assert torch.equal(some, images[:64])
    assert torch.equal(few, labels[:64])


@pytest.mark.slow
def test_torchvision_reads_the_same(tmp_path: Path) -> None:
    """The oracle: it reads the raw files, where there are no processed ones."""
    from torchvision.datasets import MNIST

    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in data.MD5:
        (raw / name).write_bytes(data.unpack(name))
    for train in (True, False):
        images, labels = data.load(train)
        theirs = MNIST(str(tmp_path), train=train)
        assert torch.equal(images, theirs.data)
        assert torch.equal(labels, theirs.targets)
        assert (images.dtype, labels.dtype) == (theirs.data.dtype, theirs.targets.dtype)


@pytest.mark.slow
def test_nothing_in_a_cache_is_taken_for_the_data_and_nothing_is_written(home: Path, first_sixty: tuple[torch.Tensor, torch.Tensor]) -> None:
    """What other versions and torchvision left there: processed tensors, raw files, an empty lock."""
    processed, raw = home / "cache" / "MNIST" / "processed", home / "cache" / "MNIST" / "raw"
    processed.mkdir(parents=True)
    raw.mkdir()
    for name in ("training.pt", "test.pt"):
        torch.save((torch.zeros(60_000, 28, 28, dtype=torch.uint8), torch.full((60_000,), 3)), processed / name)
    for name in data.MD5:
        (raw / name).write_bytes(b"rubbish")
    (home / "cache" / "mnist.lock").touch()
    before = sorted(home.rglob("*"))
    images, labels = data.load(True, limit=60)
    assert torch.equal(images, first_sixty[0])
    assert torch.equal(labels, first_sixty[1])
    assert sorted(home.rglob("*")) == before


def test_data_need_no_folder(home: Path) -> None:
    home.write_text("a file where the folder should be")
    assert len(data.load(False)[0]) == 10_000


def test_the_sums_are_those_published() -> None:
    assert data.MD5["train-images-idx3-ubyte"] == "6bbc9ace898e44ae57da46a324031adb"
    for name, md5 in data.MD5.items():
        assert hashlib.md5(data.unpack(name)).hexdigest() == md5


@pytest.mark.parametrize("damage", ["cut", "bits", "empty", "other", "gone", "folder"])
def test_a_damaged_archive_says_install_again(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "t10k-labels-idx1-ubyte"
    packed = bytearray((data.ARCHIVES / f"{name}.gz").read_bytes())
    archive = tmp_path / f"{name}.gz"
    if damage == "cut":
        packed = packed[: len(packed) // 2]
    elif damage == "bits":
        packed[100:140] = b"\xff" * 40
    elif damage == "empty":
        packed = bytearray()
    elif damage == "other":
        packed = bytearray((data.ARCHIVES / "train-labels-idx1-ubyte.gz").read_bytes())
    if damage == "folder":
        archive.mkdir()
    elif damage != "gone":
        archive.write_bytes(packed)
    (tmp_path / "t10k-images-idx3-ubyte.gz").symlink_to(data.ARCHIVES / "t10k-images-idx3-ubyte.gz")
    monkeypatch.setattr(data, "ARCHIVES", tmp_path)
    with pytest.raises(StorageError, match="install digitty again"):
        data.load(False)


def test_mix_tells_neighbours_apart() -> None:
    keys = [(seed, step, use) for seed in range(20) for step in range(20) for use in (1, 2, 3)]
    mixed = {derive_seed(*key) for key in keys}
    assert len(mixed) == len(keys)
    assert all(0 <= value < 2**63 for value in mixed)
    assert derive_seed(1, 2) != derive_seed(2, 1)
    assert derive_seed(2**63 - 1, 0) != derive_seed(2**63 - 2, 0)
