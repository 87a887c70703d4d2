"""One door to tensors: the cached file itself where a CPU trains, the same images wherever they come from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from finish import finish

from engine.config.data import MNIST, DataSpec, Preparation
from engine.config.serialize import from_dict, to_dict
from engine.data import mnist, npz
from engine.data.prepared import map_bytes
from engine.data.registry import load_images
from engine.datasets import cache
from engine.datasets.options import DataOptions
from engine.datasets.prepare import prepare
from engine.datasets.writing import PartWriter
from engine.errors import SettingError, StorageError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path / "own.npz"
    images, labels = rng.integers(0, 256, (50, 16, 20, 3), np.uint8), np.arange(50, dtype=np.uint8) % 3
    np.savez(path, images=images, labels=labels, test_images=images[:7], test_labels=labels[:7])
    return path


def test_prepared_images_are_mapped_and_right(file: Path) -> None:
    spec = finish(prepare(str(file), DataOptions()))
    assert spec.preparation is None
    arrays = np.load(file)
    for train, prefix in ((True, ""), (False, "test_")):
        images, labels = load_images(spec, train)
        assert images.numpy().tobytes() == arrays[f"{prefix}images"].tobytes()
        assert labels.tolist() == arrays[f"{prefix}labels"].tolist()
        assert labels.dtype == torch.int64
    assert len(load_images(spec, True, limit=9)[0]) == 9
    images, _ = load_images(spec, True)
    images.zero_()  # a slip in this process does not reach the file
    assert load_images(spec, True)[0].any()


def test_images_missing_from_the_cache_are_made_again(file: Path) -> None:
    options = DataOptions((32, 16), Preparation("pad", classes=("2", "0"), hold_out=0.25), grey=True)
    file.write_bytes(file.read_bytes())
    spec = finish(prepare(str(file), options))
    before = load_images(spec, True)
    before = before[0].clone(), before[1]
    for found in cache.all_prepared():
        cache.remove(found)
    again = load_images(from_dict(DataSpec, json.loads(json.dumps(to_dict(spec)))), True)
    assert all(torch.equal(a, b) for a, b in zip(before, again, strict=True))
    assert spec.shape == (1, 32, 16)


def test_changed_images_are_refused_with_both_digests(file: Path) -> None:
    spec = finish(prepare(str(file), DataOptions((16, 16))))
    cache.remove(cache.all_prepared()[0])
    np.savez(file, images=np.full((3, 16, 20), np.arange(20), np.uint8), labels=np.zeros(3, np.uint8))
    with pytest.raises(SettingError, match=rf"their digest is sha256:\w+, and it was {spec.digest}"):
        load_images(spec, True)


def test_specs_of_whole_files_and_of_mnist_load_as_ever(file: Path, first_sixty: tuple[torch.Tensor, torch.Tensor]) -> None:
    old = npz.describe(file)
    assert load_images(old, True)[0].numpy().tobytes() == np.load(file)["images"].tobytes()
    assert not cache.datasets_dir().exists()
    renamed = replace(MNIST, name="mnist of another version")
    assert torch.equal(load_images(renamed, True, limit=60)[0], first_sixty[0])
    with pytest.raises(SettingError):
        load_images(replace(MNIST, height=32, width=32, source="/no/such/folder"), True)


def test_a_spec_that_was_edited_is_refused(file: Path) -> None:
    spec = finish(prepare(str(file), DataOptions()))
    with pytest.raises(SettingError, match="another size or number"):
        load_images(replace(spec, height=20, width=16), True)
    with pytest.raises(SettingError, match="labels outside its 2 classes"):
        load_images(replace(spec, class_names=("a", "b")), True)


def test_a_set_without_test_images_says_how_to_have_some(file: Path) -> None:
    arrays = np.load(file)
    np.savez(file, images=arrays["images"], labels=arrays["labels"])
    spec = finish(prepare(str(file), DataOptions()))
    with pytest.raises(SettingError, match="--hold-out 10%"):
        load_images(spec, False)


def test_a_cache_that_is_gone_with_its_source_is_said(file: Path) -> None:
    spec = finish(prepare(str(file), DataOptions()))
    cache.remove(cache.all_prepared()[0])
    file.unlink()
    with pytest.raises((SettingError, StorageError), match=r"own\.npz"):
        load_images(spec, True)


def test_mnist_prepared_as_any_set_has_the_pixels_of_mnist(tmp_path: Path, first_sixty: tuple[torch.Tensor, torch.Tensor]) -> None:
    path = tmp_path / "copy.npz"
    np.savez(path, images=first_sixty[0].numpy(), labels=first_sixty[1].numpy().astype(np.uint8), class_names=np.array(MNIST.class_names))
    spec = finish(prepare(str(path), DataOptions()))
    assert torch.equal(load_images(spec, True)[0], first_sixty[0])
    assert mnist.load(True, limit=60)[0].equal(first_sixty[0])


@pytest.mark.slow
def test_a_million_images_take_little_memory_of_their_own(tmp_path: Path) -> None:
    """784 MB in a sparse file, read by random batches."""
    writer = PartWriter(tmp_path, "", (28, 28), 0, False, False)
    writer.count = 1_000_000
    with open(tmp_path / "images.npy", "r+b") as images:
        images.truncate(128 + 784_000_000)
    writer.close()
    if not Path("/proc/self/status").exists():
        pytest.skip("only Linux tells anonymous memory")

    def anonymous() -> int:
        return sum(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))

    order = torch.randperm(1_000_000, generator=torch.Generator().manual_seed(0))
    before = anonymous()
    mapped = map_bytes(tmp_path / "images.npy", (1_000_000, 28, 28))
    assert len(mapped) == 1_000_000
    for k in range(20):
        assert int(mapped[order[k * 128 : (k + 1) * 128]].sum()) == 0
    assert anonymous() - before < 100_000  # kB


def test_a_map_has_the_bytes_behind_the_header(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (5, 4, 6), np.uint8)
    np.save(tmp_path / "images.npy", array)
    assert np.array_equal(map_bytes(tmp_path / "images.npy", array.shape).numpy(), array)
