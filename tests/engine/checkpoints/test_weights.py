"""Weights and states on disk: round trips, and files that are truncated, damaged, foreign or hostile."""

from __future__ import annotations

import errno
import json
import os
import pickle
import random
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest
import safetensors.torch
import torch
from torch import Tensor

from engine.checkpoints import tensor_file, training_state
from engine.checkpoints.parameter_names import to_module_names
from engine.checkpoints.training_state import STATE_FORMAT, STATE_VERSION, TrainingState, average_weights, load_state, save_state
from engine.checkpoints.weights import ModelWeights, load_weights, save_pth, save_weights
from engine.config.model import ModelConfig, ScheduleConfig
from engine.config.training import TrainConfig
from engine.errors import CheckpointError, OutputError, StorageError
from engine.models.unet import UNet
from engine.storage.atomic import write_atomic, write_text

MODEL = ModelConfig(channels=(8, 8, 8), time_dim=16, emb_dim=16)
KINDS = ("safetensors", "pth", "pt")


@pytest.fixture(scope="module")
def weights(one_thread: None) -> ModelWeights:
    torch.manual_seed(0)
    return ModelWeights(UNet(MODEL).state_dict(), MODEL, ScheduleConfig(), 469, "first", "best")


def saved(kind: str, folder: Path, weights: ModelWeights) -> tuple[Path, Callable[[], dict[str, Tensor]]]:
    """A file of a kind, and what reads it as flat tensors."""
    path = folder / f"file.{kind}"
    if kind == "safetensors":
        save_weights(path, weights)
    elif kind == "pth":
        save_pth(path, weights)
    else:
        save_state(path, state_of(weights))
    if kind == "pt":
        return path, lambda: flat(load_state(path).to_values())
    return path, lambda: load_weights(path).tensors


def state_of(weights: ModelWeights) -> TrainingState:
    model = UNet(weights.model)
    model.load_state_dict(weights.tensors)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    model(torch.ones(2, 1, 28, 28), torch.tensor([1, 2]), torch.tensor([3, 4])).square().sum().backward()
    optimizer.step()
    ema = {name: tensor + 1 for name, tensor in weights.tensors.items()}
    return TrainingState(TrainConfig(model=MODEL, epochs=3), 7, 0.5, 1.25, model.state_dict(), ema, optimizer.state_dict())


def flat(of: object, name: str = "") -> dict[str, Tensor]:
    if isinstance(of, Tensor):
        return {name: of}
    if isinstance(of, dict):
        return {k: v for key, value in of.items() for k, v in flat(value, f"{name}.{key}").items()}
    return {name: torch.tensor(of, dtype=torch.float64)} if isinstance(of, int | float) else {}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


# --- round trips ------------------------------------------------------------------------------------------------------


def test_safetensors_round_trip(tmp_path: Path, weights: ModelWeights) -> None:
    given = replace(weights, schedule=ScheduleConfig("cosine"))
    save_weights(tmp_path / "w.safetensors", given)
    got = load_weights(tmp_path / "w.safetensors")
    assert replace(got, tensors={}) == replace(given, tensors={})
    assert all(tensor.dtype == torch.float32 for tensor in got.tensors.values())
    assert same(got.tensors, {name: tensor.half().float() for name, tensor in weights.tensors.items()})


def test_safetensors_is_readable_without_digitty(tmp_path: Path, weights: ModelWeights) -> None:
    save_weights(tmp_path / "w.safetensors", weights)
    with safetensors.safe_open(tmp_path / "w.safetensors", "pt") as file:
        assert json.loads(file.metadata()["model"])["channels"] == [8, 8, 8]
        assert file.get_tensor("conv_out.bias").dtype == torch.float16


def test_pth_round_trip_is_a_bare_state_dict(tmp_path: Path, weights: ModelWeights) -> None:
    save_pth(tmp_path / "simple_diffusion_mnist.pth", weights)
    guide = torch.load(tmp_path / "simple_diffusion_mnist.pth", weights_only=True)
    assert {"time.0.weight", "label.weight", "conv_in.weight", "enc28.conv1.weight", "down14.weight", "middle.emb.bias", "up28.bias"} <= guide.keys()
    UNet(MODEL).load_state_dict(to_module_names(guide, 3))
    got = load_weights(tmp_path / "simple_diffusion_mnist.pth")
    assert same(got.tensors, weights.tensors)
    assert (got.model, got.schedule) == (MODEL, ScheduleConfig())


def test_state_round_trip(tmp_path: Path, weights: ModelWeights) -> None:
    state = state_of(weights)
    save_state(tmp_path / "s.pt", state)
    got = load_state(tmp_path / "s.pt")
    assert got.config == state.config
    assert same(flat(got.to_values()), flat(state.to_values()))
    average = average_weights(got, "r")
    assert same(average.tensors, dict(state.ema))
    assert (average.step, average.kind) == (7, "average")


def test_numbers_too_large_for_float16_are_not_written_as_infinity(tmp_path: Path, weights: ModelWeights) -> None:
    large = {**weights.tensors, "conv_out.bias": torch.tensor([1e6])}
    with pytest.raises(OutputError, match=r"conv_out\.bias"):
        save_weights(tmp_path / "w.safetensors", replace(weights, tensors=large))
    assert not list(tmp_path.glob("*.safetensors*"))


# --- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_file_is_an_error(kind: str, tmp_path: Path, weights: ModelWeights) -> None:
    path, read = saved(kind, tmp_path, weights)
    whole = path.read_bytes()
    for length in {0, 1, 7, 8, 9, 100, len(whole) - 1, len(whole) - 22, *(len(whole) * k // 14 for k in range(1, 14))}:
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r"file\."):
            read()


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_is_an_error_or_changes_nothing(kind: str, tmp_path: Path, weights: ModelWeights) -> None:
    path, read = saved(kind, tmp_path, weights)
    whole, expected, rng = path.read_bytes(), read(), random.Random(0)
    places = [rng.randrange(len(whole)) for _ in range(60)]
    places += [rng.randrange(min(len(whole), 4000)) for _ in range(30)]  # the header of safetensors
    places += [len(whole) - 1 - rng.randrange(min(len(whole), 4000)) for _ in range(30)]  # the directory of a zip
    refused = 0
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            got = read()
        except CheckpointError:
            refused += 1
        else:
            assert same(got, expected), f"byte {place} was taken for something else"
    assert refused > 60


@pytest.mark.parametrize("kind", KINDS)
def test_trailing_rubbish_changes_nothing(kind: str, tmp_path: Path, weights: ModelWeights) -> None:
    path, read = saved(kind, tmp_path, weights)
    expected = read()
    path.write_bytes(path.read_bytes() + b"rubbish")
    with suppress(CheckpointError):
        assert same(read(), expected)


@pytest.mark.parametrize("raw", [b"", b"\0" * 64, b"PK\x03\x04", b"\x80\x04N.", b"\x89PNG\r\n\x1a\n" + bytes(99), b"{}", b"\xff" * 4096], ids=repr)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_such_file_is_an_error(kind: str, raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"x.{kind}"
    path.write_bytes(raw)
    with pytest.raises(CheckpointError):
        load_state(path) if kind == "pt" else load_weights(path)


def test_no_file_a_folder_and_a_pipe_are_errors(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    (tmp_path / "folder.pth").mkdir()
    for name in ("none.pth", "folder.pth", "pipe.pth", "no/such/folder.safetensors"):
        with pytest.raises(CheckpointError, match=name):
            load_weights(tmp_path / name)


# --- foreign ----------------------------------------------------------------------------------------------------------


def test_foreign_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file({"weight": torch.ones(3)}, path)
    with pytest.raises(CheckpointError, match="no digitty weights"):
        load_weights(path)


def rewritten(path: Path, weights: ModelWeights, tensors: dict[str, Tensor] | None = None, **metadata: str) -> Path:
    """A digitty file with other tensors or metadata and a digest that fits: whoever makes a hostile file can count too."""
    save_weights(path, weights)
    with safetensors.safe_open(path, "pt") as file:
        whole = {**file.metadata(), **metadata}
    tensors = tensors or safetensors.torch.load_file(path)
    whole.pop("sha256")
    whole["sha256"] = tensor_file._checksum(tensors, whole)
    safetensors.torch.save_file(tensors, path, whole)
    return path


@pytest.mark.parametrize(
    "metadata",
    [
        {"version": "2"},
        {"model": "{"},
        {"model": "[]"},
        {"model": "[" * 200_000},
        {"model": '{"channels": [16, 8, 8], "time_dim": 16, "emb_dim": 16}'},
        {"model": '{"flavour": 1}'},
        {"schedule": '{"T": 0}'},
        {"schedule": "null"},
        {"step": "soon"},
        {"kind": "\x1b]0;owned\x07"},
    ],
    ids=lambda m: "-".join(f"{k}={v[:12]!r}" for k, v in m.items()),
)
def test_metadata_that_make_no_sense(tmp_path: Path, weights: ModelWeights, metadata: dict[str, str]) -> None:
    path = rewritten(tmp_path / "w.safetensors", weights, **metadata)
    with pytest.raises(CheckpointError) as told:
        load_weights(path)
    assert str(told.value).isprintable()
    assert len(str(told.value)) < 500


@pytest.mark.parametrize(
    "change",
    [
        {"conv_out.bias": torch.tensor([float("nan")])},
        {"conv_out.bias": torch.tensor([float("-inf")])},
        {"conv_out.bias": torch.tensor([3])},
        {"conv_out.bias": torch.zeros(2)},
        {"conv_out.bias": torch.zeros(1, dtype=torch.complex64)},
        {"extra\x1b[2J": torch.zeros(1)},
    ],
    ids=["nan", "inf", "int", "shape", "complex", "extra"],
)
def test_tensors_that_are_not_the_networks(tmp_path: Path, weights: ModelWeights, change: dict[str, Tensor]) -> None:
    tensors = {**weights.tensors, **change}
    torch.save(tensors, tmp_path / "w.pth")
    for path in (rewritten(tmp_path / "w.safetensors", weights, tensors), tmp_path / "w.pth"):
        with pytest.raises(CheckpointError, match=r"another network|not finite|weights must be floats|does not read") as told:
            load_weights(path)
        assert str(told.value).isprintable()


@pytest.mark.parametrize(
    "content",
    [{"weight": torch.ones(3)}, {}, [torch.ones(3)], torch.ones(3), {"enc28.conv2.weight": torch.tensor(1.0)}, {3: torch.ones(1)}, {"a": "b"}],
    ids=["other", "empty", "list", "tensor", "scalar", "keys", "strings"],
)
def test_pth_of_another_network(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"other\.pth"):
        load_weights(tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="not a digitty training state"):
        load_state(tmp_path / "other.pth")


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"format": None},
        {"config": {"epochs": -1}},
        {"config": 3},
        {"step": -1},
        {"step": "7"},
        {"step": True},
        {"best": "low"},
        {"best": torch.ones(2)},
        {"model": {}},
        {"ema": {"conv_out.bias": torch.zeros(1)}},
        {"ema": None},
        {"optimizer": []},
    ],
    ids=lambda change: "-".join(f"{k}={str(v)[:20]}" for k, v in change.items()),
)
def test_states_that_make_no_sense(tmp_path: Path, weights: ModelWeights, change: dict[str, object]) -> None:
    path = tmp_path / "s.pt"
    training_state._write(path, {"format": STATE_FORMAT, "version": STATE_VERSION, **state_of(weights).to_values(), **change})
    with pytest.raises(CheckpointError, match=r"s\.pt"):
        load_state(path)


# --- hostile ----------------------------------------------------------------------------------------------------------


class Hostile:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("bare", [False, True], ids=["torch.save", "pickle"])
def test_a_hostile_pickle_runs_nothing(tmp_path: Path, weights: ModelWeights, bare: bool) -> None:
    trap = tmp_path / "owned"
    hostile = {**weights.tensors, "trap": Hostile(trap)}
    for name, read in (("w.pth", load_weights), ("s.pt", load_state)):
        if bare:
            (tmp_path / name).write_bytes(pickle.dumps(hostile))
        else:
            torch.save(hostile, tmp_path / name)
        with pytest.raises(CheckpointError, match=name):
            read(tmp_path / name)
        assert not trap.exists()
    pickle.loads(pickle.dumps(Hostile(trap)))
    assert trap.exists()  # the trap works where pickle is trusted


def test_a_compressed_archive_is_refused_before_it_swells(tmp_path: Path, weights: ModelWeights) -> None:
    path, _ = saved("pth", tmp_path, weights)
    with zipfile.ZipFile(path) as plain:
        entries = {info.filename: plain.read(info) for info in plain.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as squeezed:
        for name, content in entries.items():
            squeezed.writestr(name, content)
    with pytest.raises(CheckpointError, match="compressed"):
        load_weights(path)


# --- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raised", [OSError(errno.ENOSPC, "No space left on device"), ValueError("a fault"), KeyboardInterrupt()], ids=repr)
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, raised: BaseException) -> None:
    path = tmp_path / "kept"
    write_text(path, "old")

    def half(file: BinaryIO) -> None:
        file.write(b"new, but only hal")
        raise raised

    with pytest.raises(StorageError if isinstance(raised, OSError) else type(raised), match=r"space|a fault|^$"):
        write_atomic(path, half)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["kept"]


def test_a_written_file_has_the_rights_of_any_other(tmp_path: Path) -> None:
    write_text(tmp_path / "ours", "x")
    (tmp_path / "theirs").write_text("x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "theirs").stat().st_mode


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["missing", "file"])
def test_no_folder_to_write_to(kind: str, place: str, tmp_path: Path, weights: ModelWeights) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError if kind == "pt" else OutputError, match="can't write"):
        saved(kind, tmp_path / place, weights)


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_keeps_the_old_file(kind: str, tmp_path: Path, weights: ModelWeights) -> None:
    """A real limit on the size of files: the kernel refuses to write more."""
    import resource

    path, read = saved(kind, tmp_path, weights)
    expected, before = read(), path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(StorageError, match="space"):
            saved(kind, tmp_path, replace(weights, step=470))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert same(read(), expected)
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == [path.name]
