"""Files of torch.save: read as torch reads them, and refused in our words, at once and without memory, where they are hostile."""

from __future__ import annotations

import io
import pickle
import pickletools
import random
import struct
import tracemalloc
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.checkpoints import torch_file
from engine.checkpoints import weights as checkpoint
from engine.checkpoints.training_state import CHECKSUM_LINE, load_state
from engine.checkpoints.weights import load_weights
from engine.config.model import ModelConfig
from engine.errors import CheckpointError
from engine.models.unet import UNet

MODEL = ModelConfig(channels=(8, 8, 8), time_dim=16, emb_dim=16)
GIGABYTES = 8_000_000_000


def saved(value: object, **how: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **how)
    return buffer.getvalue()


def archive(pickled: bytes, **records: bytes) -> bytes:
    """An archive as torch.save makes it, with this pickle."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("archive/data.pkl", pickled)
        for name, data in records.items():
            file.writestr(f"archive/data/{name.removeprefix('_')}", data)
    return buffer.getvalue()


def tensor_pickle(shape: tuple[int, ...], stride: tuple[int, ...], numel: int, offset: int = 0, kind: str = "FloatStorage", count: int = 1) -> bytes:
    """A dict of `count` tensors over one storage, as a pickle that torch.save may have made."""
    one = b"(X\7\0\0\0storagectorch\n" + kind.encode() + b"\nX\1\0\0\0" + b"0X\3\0\0\0cpu" + number(numel) + b"tQ"
    sizes = b"(" + b"".join(map(number, shape)) + b"t" + b"(" + b"".join(map(number, stride)) + b"t"
    each = b"ctorch._utils\n_rebuild_tensor_v2\n(" + one + number(offset) + sizes + b"\x89ccollections\nOrderedDict\n)RtR"
    names = (b"X" + struct.pack("<I", len(name)) + name for name in (str(i).encode() for i in range(count)))
    return b"\x80\x02}(" + b"".join(name + each for name in names) + b"u."


def number(value: int) -> bytes:
    return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)


# --- what torch reads ---------------------------------------------------------------------------------------------------


def values() -> dict[str, Any]:
    torch.manual_seed(0)
    whole = torch.randn(4, 6)
    last = torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    kinds = {str(dtype): torch.arange(5).to(dtype) for dtype in torch_file.DTYPES.values()}
    plain = {"text": "ü", "list": [1, -2, 2.5, None, True, False, 2**63 - 1], "betas": (0.9, 0.999), "nested": {0: {"a": ()}, 1: {}}}
    tensors = {"last": last, "scalar": torch.tensor(2.5), "empty": torch.empty(0, 3), "columns": whole[:, :2], "rest": whole[:, 3:]}
    return {**plain, **tensors, **kinds, "parameter": nn.Parameter(torch.ones(3)), "ordered": nn.Linear(2, 3).state_dict()}


def same(a: object, b: object) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.dtype == b.dtype and a.stride() == b.stride() and torch.equal(a, b)
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


HOW: dict[str, dict[str, Any]] = {f"protocol {n}": {"pickle_protocol": n} for n in (2, 3, 4, 5)}
HOW["legacy"] = {"_use_new_zipfile_serialization": False}


@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
def test_torch_reads_the_same(how: dict[str, Any]) -> None:
    theirs = torch.load(io.BytesIO(saved(values())), weights_only=True)
    assert same(torch_file.read(Path("x.pth"), saved(values(), **how)), theirs)


def test_the_tensors_are_torchs_own_memory() -> None:
    raw = saved({"a": torch.ones(1000)})
    read = torch_file.read(Path("x.pth"), raw)
    assert isinstance(read, dict)
    read["a"].zero_()
    assert read["a"].data_ptr() % 64 == 0
    assert same(torch_file.read(Path("x.pth"), raw), {"a": torch.ones(1000)})


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
@pytest.mark.parametrize("legacy", [False, True], ids=["archive", "legacy"])
def test_weights_of_a_wrapped_network(tmp_path: Path, prefix: str, legacy: bool) -> None:
    """As DataParallel, DistributedDataParallel and torch.compile name them."""
    network = UNet(MODEL)
    path = tmp_path / "w.pth"
    wrapped = OrderedDict((prefix + name, tensor) for name, tensor in network.state_dict().items())
    torch.save(wrapped, path, _use_new_zipfile_serialization=not legacy)
    assert same(load_weights(path).tensors, dict(network.state_dict()))


# --- what is hostile or strange -----------------------------------------------------------------------------------------


class Laughs:
    """Ten lists, each of ten times the one before: a few hundred bytes that are ten billion values."""

    def __new__(cls) -> Any:
        value: Any = [0.0]
        for _ in range(10):
            value = [value] * 10
        return value


def deep(levels: int) -> bytes:
    return b"\x80\x02" + b"]" * levels + b"a" * (levels - 1) + b"."


def tuples_as_a_key() -> bytes:
    """To hash it takes 2**60 steps."""
    return b"\x80\x02})" + b"q\0h\0\x86" * 60 + b"K\1s."


def overlapping() -> bytes:
    """Two thousand entries that are one megabyte, the same: 2 GB to read."""
    raw = archive(b"\x80\x02N.", _0=bytes(1 << 20))
    end = raw.rindex(b"PK\5\6")
    start = struct.unpack("<I", raw[end + 16 : end + 20])[0]
    entry = raw[raw.index(b"PK\1\2", start + 4) : end]
    many = 2_000
    directory = b"".join(entry.replace(b"archive/data/0", b"archive/%06d" % i) for i in range(many))
    return raw[:start] + directory + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, many, many, len(directory), start, 0)


def wide_directory() -> bytes:
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", *(0,) * 16)
    many = 4 * torch_file.LARGEST_DIRECTORY // len(entry)
    return b"PK\3\4" + bytes(26) + entry * many + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, many % 65536, many % 65536, len(entry) * many, 30, 0)


def bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", bytes(50_000_000))
    return buffer.getvalue()


HOSTILE: dict[str, Callable[[], bytes]] = {
    "meta": lambda: saved({"a": torch.empty(10**12, device="meta")}),
    "nested": lambda: archive(b"\x80\x02ctorch._utils\n_rebuild_nested_tensor\n(N)))tR."),
    "float8": lambda: saved({"a": torch.ones(3).to(torch.float8_e4m3fn)}),
    "uint16": lambda: saved({"a": torch.ones(3).to(torch.uint16)}),
    "sparse": lambda: saved({"a": torch.eye(3).to_sparse()}),
    "complex": lambda: saved({"a": torch.ones(3, dtype=torch.complex64)}),
    "module": lambda: saved(nn.Linear(2, 3)),
    "module, legacy": lambda: saved(nn.Linear(2, 3), _use_new_zipfile_serialization=False),
    "expanded": lambda: saved({"a": torch.ones(1).expand(30_000, 30_000)}),
    "overlapping strides": lambda: archive(tensor_pickle((1000, 1000), (1, 1), 2000), _0=bytes(8000)),
    "one storage for all": lambda: archive(tensor_pickle((250_000,), (1,), 250_000, count=100), _0=bytes(1_000_000)),
    "beyond its storage": lambda: archive(tensor_pickle((3,), (1,), 3, offset=1), _0=bytes(12)),
    "beyond its record": lambda: archive(tensor_pickle((GIGABYTES,), (1,), GIGABYTES), _0=bytes(12)),
    "record too long": lambda: archive(tensor_pickle((3,), (1,), 3), _0=bytes(16)),
    "no record": lambda: archive(tensor_pickle((3,), (1,), 3)),
    "negative stride": lambda: archive(tensor_pickle((3,), (-1,), 3, offset=2), _0=bytes(12)),
    "negative size": lambda: archive(tensor_pickle((-3,), (1,), 3), _0=bytes(12)),
    "size beyond int64": lambda: archive(tensor_pickle((1 << 62, 0), (1, 1), 3), _0=bytes(12)),
    "nine dimensions": lambda: archive(tensor_pickle((1,) * 9, (1,) * 9, 1), _0=bytes(4)),
    "unknown storage": lambda: archive(tensor_pickle((3,), (1,), 3, kind="QInt8Storage"), _0=bytes(3)),
    "bytearray": lambda: archive(b"\x80\x02cbuiltins\nbytearray\n\x8a\x08" + struct.pack("<q", GIGABYTES) + b"\x85R."),
    "BYTEARRAY8": lambda: archive(b"\x80\x05\x96" + struct.pack("<Q", GIGABYTES) + b"."),
    "BINBYTES8": lambda: archive(b"\x80\x04\x8e" + struct.pack("<Q", GIGABYTES) + b"."),
    "BINUNICODE8": lambda: archive(b"\x80\x04\x8d" + struct.pack("<Q", GIGABYTES) + b"."),
    "LONG_BINPUT": lambda: archive(b"\x80\x02]r\xff\xff\xff\xffN."),
    "long number": lambda: archive(b"\x80\x02\x8b" + struct.pack("<i", 500_000) + b"\x7f" * 500_000 + b"."),
    "long string": lambda: archive(b"\x80\x02X" + struct.pack("<I", 500_000) + b"x" * 500_000 + b"."),
    "laughs": lambda: archive(pickle.dumps({"a": Laughs()}, 2)),
    "deep": lambda: archive(deep(10_000)),
    "itself": lambda: archive(b"\x80\x02]q\0h\0a."),
    "tuples as a key": lambda: archive(tuples_as_a_key()),
    "numbers that collide": lambda: archive(
        b"\x80\x02}(" + b"".join(b"\x8a\x0a" + (i * (2**61 - 1)).to_bytes(10, "little") + b"N" for i in range(1, 40_000)) + b"u."
    ),
    "no end": lambda: archive(b"\x80\x02]"),
    "stack underflow": lambda: archive(b"\x80\x02a."),
    "no mark": lambda: archive(b"\x80\x02]u."),
    "call of nothing": lambda: archive(b"\x80\x02N)R."),
    "escape sequence": lambda: archive(b"\x80\x02c\x1b[1mos\nsystem\x1b[2J\n)R."),
    "extension": lambda: archive(b"\x80\x02\x82\x01."),
    "large pickle": lambda: archive(b"\x80\x02" + b"]0" * torch_file.LARGEST_PICKLE + b"N."),
    "legacy, truncated": lambda: saved({"a": torch.ones(1000)}, _use_new_zipfile_serialization=False)[:-1000],
    "legacy, longer than it is": lambda: saved({"a": torch.ones(3)}, _use_new_zipfile_serialization=False).replace(
        b"K\x03Nt", b"\x8a\x08" + struct.pack("<q", GIGABYTES) + b"Nt"
    ),
    "bare pickle": lambda: pickle.dumps({"a": 1}),
    "overlapping records": overlapping,
    "wide directory": wide_directory,
    "compressed": bomb,
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_what_is_hostile_is_refused_in_our_words_before_it_takes_memory(raw: Callable[[], bytes], tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    path.write_bytes(raw())
    size = path.stat().st_size
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError) as told:
            load_weights(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60_000_000 + 3 * size
    assert str(told.value).startswith(str(path))
    assert str(told.value).isprintable()
    assert not any(word in str(told.value) for word in ("weights_only", "WeightsUnpickler", "github", "Error"))


@pytest.mark.parametrize("value", [1e300, 3e38, -3e38, 1e7, float("nan"), float("inf")], ids=["1e300", "3e38", "-3e38", "1e7", "nan", "inf"])
@pytest.mark.parametrize("kind", ["pth", "safetensors"])
def test_weights_that_no_training_gives(kind: str, value: float, tmp_path: Path) -> None:
    """Finite as they may be, their sums are not, and the digits are black."""
    tensors = {name: tensor.double() for name, tensor in UNet(MODEL).state_dict().items()}
    tensors["down.0.block.conv2.weight"][0, 0, 0, 0] = value
    path = tmp_path / f"w.{kind}"
    if kind == "pth":
        torch.save(tensors, path)
    else:
        loaded = checkpoint.ModelWeights(tensors, MODEL, checkpoint.ScheduleConfig(), 1, "r", "average")
        facts = {"model": checkpoint.json.dumps(checkpoint.to_dict(loaded.model)), "schedule": "{}", "run": "r", "step": "1"}
        checkpoint.write_tensor_file(path, checkpoint.WEIGHTS_FORMAT, tensors, facts)
    with pytest.raises(CheckpointError, match=r"enc28\.conv2\.weight"):
        load_weights(path)


@pytest.mark.parametrize("legacy", [False, True], ids=["archive", "legacy"])
def test_a_changed_pickle_is_refused_or_read(legacy: bool) -> None:
    """With the right checksums, as a forger would have them."""
    rng = random.Random(0)
    value = {"a": torch.ones(3, 4), "b": [1, 2.5, (0.9, None)], "c": {0: torch.zeros(2).half()}}
    whole = saved(value, _use_new_zipfile_serialization=not legacy)
    if not legacy:
        with zipfile.ZipFile(io.BytesIO(whole)) as file:
            whole = file.read("archive/data.pkl")
    refusals: list[str] = []
    for _ in range(400):
        changed = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            place, end = rng.randrange(len(changed)), rng.randrange(len(changed))
            kind = rng.randrange(4)
            if kind == 0:
                changed[place] = rng.randrange(256)
            elif kind == 1:
                changed[place:place] = rng.choice(pickletools.opcodes).code.encode("latin-1")
            elif kind == 2:
                del changed[place : place + 4]
            else:
                changed[place:place] = changed[end : end + 16]
        raw = bytes(changed) if legacy else archive(bytes(changed), _0=bytes(48), _1=bytes(4))
        try:
            torch_file.read(Path("x.pth"), raw)
        except CheckpointError as error:
            refusals.append(str(error))
    assert 200 < len(refusals) < 400
    assert all(map(str.isprintable, refusals))


def test_a_sparse_file_of_many_gigabytes_is_not_read(tmp_path: Path) -> None:
    for name in ("w.pth", "w.safetensors", "s.pt"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(4 << 30)
        with pytest.raises(CheckpointError, match="larger than"):
            load_state(tmp_path / name) if name == "s.pt" else load_weights(tmp_path / name)


def test_a_state_is_read_with_the_same_care(tmp_path: Path) -> None:
    """Its digest keeps nobody from making a hostile one."""
    import hashlib

    path = tmp_path / "s.pt"
    for raw in (HOSTILE["bytearray"](), HOSTILE["module"](), HOSTILE["expanded"](), HOSTILE["laughs"]()):
        path.write_bytes(raw + CHECKSUM_LINE + hashlib.sha256(raw).hexdigest().encode())
        with pytest.raises(CheckpointError, match=r"s\.pt holds"):
            load_state(path)


def test_a_safetensors_header_of_many_megabytes_is_not_parsed(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    header = b'{"__metadata__":{"a":"' + b"x" * (2 << 20) + b'"}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(CheckpointError, match="more tensors than"):
        load_weights(path)
