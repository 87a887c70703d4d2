"""Archives of pictures: read in place by the rules of folders, and safe whatever they hold."""

from __future__ import annotations

import gzip
import io
import pickle
import random
import tarfile
import time
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from engine.datasets.sources import tar_archive, zip_archive
from engine.datasets.sources.registry import open_source
from engine.datasets.sources.source import DamagedPictureError, Source
from engine.errors import DigittyError, SettingError, StorageError


def png(shade: int = 100) -> bytes:
    file = io.BytesIO()
    Image.new("L", (6, 4), shade).save(file, "PNG")
    return file.getvalue()


FEW = {"pets/dog/b.png": png(1), "pets/cat/a.png": png(2), "pets/cat/c.png": png(3), "pets/notes.txt": b"hello"}


def packed(path: Path, files: Mapping[str, bytes]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    kind = path.suffix.removeprefix(".").replace("tar", "").replace("tgz", "gz")
    with tarfile.open(path, f"w:{kind}") as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def shades(source: Source) -> dict[str, tuple[str | None, int]]:
    found = {}
    for i in range(len(source)):
        entry, picture = source.entry(i), source.read(i)
        assert isinstance(picture, Image.Image)
        found[entry.name] = (None if entry.label is None else source.class_names[entry.label], int(picture.getpixel((0, 0))))  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"])
def test_an_archive_is_read_as_its_folder_would_be(tmp_path: Path, ending: str) -> None:
    source = open_source(str(packed(tmp_path / f"many{ending}", FEW)))
    expected = {"pets/cat/a.png": ("cat", 2), "pets/cat/c.png": ("cat", 3), "pets/dog/b.png": ("dog", 1)}
    assert shades(source) == expected
    assert shades(pickle.loads(pickle.dumps(source))) == expected
    assert source.name == "many"
    assert source.fingerprint() == open_source(source.location).fingerprint()
    assert sorted(tmp_path.iterdir()) == [tmp_path / f"many{ending}"]  # nothing was unpacked
    backwards = [source.read(i) for i in reversed(range(3))]
    assert [picture.size for picture in backwards if isinstance(picture, Image.Image)] == [(6, 4)] * 3


@pytest.mark.parametrize("ending", [".zip", ".tar"])
@pytest.mark.parametrize(
    ("files", "classes", "count"),
    [
        ({"a/1.png": png(), "a/2.png": png()}, (), 2),
        ({"1.png": png(), "2.png": png()}, (), 2),
        ({"./x/cat/1.png": png(), "./x/dog/2.png": png()}, ("cat", "dog"), 2),
        ({"m/training/7/1.png": png(), "m/testing/7/2.png": png()}, ("7",), 2),
        ({"1.png": png(), "2.png": png(), "metadata.csv": b"file_name,label\n1.png,x\n2.png,y\n"}, ("x", "y"), 2),
        ({"d/1.png": png(), "d/metadata.jsonl": b'{"file_name": "1.png", "label": "x"}', "__MACOSX/d/._1.png": b"x"}, ("x",), 1),
    ],
)
def test_the_rules_of_folders_hold(tmp_path: Path, ending: str, files: dict[str, bytes], classes: tuple[str, ...], count: int) -> None:
    source = open_source(str(packed(tmp_path / f"x{ending}", files)))
    assert (source.class_names, len(source)) == (classes, count)


@pytest.mark.parametrize("ending", [".zip", ".tar"])
def test_names_that_lead_out_of_the_archive_are_left_out(tmp_path: Path, ending: str) -> None:
    files = {"/etc/a.png": png(), "../b.png": png(), "x/../../c.png": png(), "C:/d.png": png(), "good.png": png()}
    source = open_source(str(packed(tmp_path / f"x{ending}", files)))
    assert list(shades(source)) == ["good.png"]
    assert all(name in source.warnings[0] for name in ("a.png", "b.png", "c.png", "d.png"))


def test_links_and_devices_of_a_tar_are_left_out(tmp_path: Path) -> None:
    path = packed(tmp_path / "x.tar", {"good.png": png()})
    with tarfile.open(path, "a") as archive:
        for name, kind in (
            ("soft.png", tarfile.SYMTYPE),
            ("hard.png", tarfile.LNKTYPE),
            ("pipe.png", tarfile.FIFOTYPE),
            ("disk.png", tarfile.BLKTYPE),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    source = open_source(str(path))
    assert list(shades(source)) == ["good.png"]
    assert all(name in " ".join(source.warnings) for name in ("soft.png", "hard.png", "pipe.png", "disk.png"))


def test_links_encryption_and_twins_in_a_zip(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("locked.png", png())
        archive.writestr("two.png", png(1))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("two.png", png(2))
        archive.writestr("sub\\win.png", png(3))
    raw = bytearray(path.read_bytes())
    at = raw.index(b"locked.png", raw.index(b"PK\1\2"))
    raw[at - 46 + 8] |= 1
    path.write_bytes(raw)
    source = open_source(str(path))
    told = " ".join(source.warnings)
    assert shades(source) == {"two.png": (None, 2)} or shades(source) == {"sub/win.png": ("sub", 3)}
    assert all(name in told for name in ("link.png", "locked.png", "two.png"))


def test_damaged_members_are_named(tmp_path: Path) -> None:
    path = packed(tmp_path / "x.zip", {"a.png": png(1), "b.png": png(2)})
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"a.png") + 10] ^= 255
    path.write_bytes(raw)
    source = open_source(str(path))
    with pytest.raises(DamagedPictureError, match=r"a\.png"):
        source.read(0)
    assert source.read(1)


def test_bombs_cost_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.datasets.sources import pictures

    monkeypatch.setattr(pictures, "LARGEST_FILE", 1 << 16)
    for ending in (".zip", ".tar.gz"):
        source = open_source(str(packed(tmp_path / f"x{ending}", {"bomb.png": bytes(1 << 20), "good.png": png()})))
        with pytest.raises(DamagedPictureError, match="larger"):
            source.read(0)
        assert source.read(1)
    monkeypatch.setattr(tar_archive, "LARGEST_UNPACKED", 1 << 18)
    with pytest.raises(SettingError, match="far more"):
        open_source(str(packed(tmp_path / "y.tar.gz", {"bomb.png": bytes(1 << 20), "good.png": png()})))
    monkeypatch.setattr(tar_archive, "MOST_MEMBERS", 2)
    with pytest.raises(SettingError, match="too many"):
        open_source(str(packed(tmp_path / "z.tar", FEW)))
    monkeypatch.setattr(zip_archive, "LARGEST_DIRECTORY", 50)
    with pytest.raises(SettingError, match="too many"):
        open_source(str(packed(tmp_path / "z.zip", FEW)))


def test_a_long_header_of_a_tar_is_not_read(tmp_path: Path) -> None:
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 1 << 33
    path = tmp_path / "x.tar.gz"
    path.write_bytes(gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20)))
    with pytest.raises(SettingError, match="too long"):
        open_source(str(path))


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz", ".tar.xz", ".tar.bz2"])
def test_what_is_no_archive_is_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"x{ending}"
    for content in (b"", b"hello", png(), b"PK\5\6" + bytes(18), bytes(1024), b"\x1f\x8b\x08\0", b"BZh9", b"\xfd7zXZ\0\0"):
        path.write_bytes(content)
        with pytest.raises(SettingError) as caught:
            open_source(str(path))
        assert str(caught.value).isprintable()
    path.unlink()
    with pytest.raises((SettingError, StorageError)):
        open_source(str(path))


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz", ".tar.xz", ".tar.bz2"])
def test_damage_costs_an_error_or_a_picture(tmp_path: Path, ending: str, capfd: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(ending)
    path = packed(tmp_path / f"x{ending}", FEW)
    whole = path.read_bytes()
    end = time.process_time() + 1
    for _ in range(100):
        damaged = bytearray(whole)
        damaged[rng.randrange(len(whole))] = rng.randrange(256)
        for content in (bytes(damaged), whole[: rng.randrange(len(whole))]):
            path.write_bytes(content)
            with suppress(DigittyError):
                source = open_source(str(path))
                for i in range(len(source)):
                    with suppress(DamagedPictureError):
                        source.read(i)
        if time.process_time() > end:
            break
    assert capfd.readouterr() == ("", "")
