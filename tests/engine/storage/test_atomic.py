"""Small files of any origin, files written whole, and foreign text on a terminal."""

from __future__ import annotations

import errno
import os
import tracemalloc
from pathlib import Path
from typing import BinaryIO

import pytest

from engine.cli import entry
from engine.cli.main import commands
from engine.config.compute import ComputeInfo
from engine.config.sampling import SampleConfig
from engine.errors import DigittyError, OutputError, StorageError
from engine.formatting import printable
from engine.protocol.recipe import Images, Recipe, WeightsInfo
from engine.storage import images
from engine.storage.atomic import parse_json, read_checksummed, read_small, write_atomic, write_text


def test_a_small_file_is_read_whole_and_a_large_one_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 100)
    assert read_small(file, 100) == b"x" * 100
    with pytest.raises(OSError, match="larger than 99 bytes"):
        read_small(file, 99)


def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        read_small(tmp_path / "pipe")
    with pytest.raises(OSError, match=r"not a regular file|Is a directory"):
        read_small(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_small(tmp_path / "nothing")


def test_a_sparse_file_is_refused_by_its_size_and_one_that_claims_no_size_is_read(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(4 << 40)
    with pytest.raises(OSError, match="larger than"):
        read_small(tmp_path / "sparse", 1 << 30)
    status = Path("/proc/self/status")
    if status.exists():
        assert status.stat().st_size == 0
        assert b"Name:" in read_small(status)


@pytest.mark.parametrize("data", [b"[" * 100_000, b"1" * 10_000, b"\xff", b"", b"{"], ids=["deep", "long number", "bytes", "empty", "torn"])
def test_json_that_is_wrong_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"nested too deeply|Exceeds the limit|decode|Expecting"):
        parse_json(data)


def test_no_control_character_of_foreign_text_reaches_the_terminal() -> None:
    every = "".join(map(chr, range(0x3000)))
    assert printable("a\x1b[2Jb\nc\u202ed", 20) == "a·[2Jb·c·d"
    assert printable(every, 10**6).isprintable()
    assert len(printable(every, 10**6)) == len(every)
    assert printable(os.fsdecode(b"caf\xe9")) == "caf·"
    assert printable("x" * 300) == "x" * 199 + "…"
    assert printable("日本 [red]") == "日本 [red]"


# --- written whole ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "kind", "remedy"),
    [
        (errno.ENOSPC, StorageError, "free some space or choose another folder"),
        (errno.EDQUOT, StorageError, "free some space or choose another folder"),
        (errno.EFBIG, StorageError, "free some space or choose another folder"),
        (errno.EIO, StorageError, "check the disk or choose another folder"),
        (errno.EROFS, StorageError, "choose another folder"),
        (errno.EACCES, OutputError, "choose a folder that you can write to"),
        (errno.ENAMETOOLONG, OutputError, "choose a shorter name"),
        (errno.EISDIR, OutputError, "choose another name"),
        (errno.ENOENT, OutputError, "create its folder, or choose another"),
        (errno.EMFILE, OutputError, "raise the limit with ulimit -n"),
    ],
    ids=lambda value: errno.errorcode.get(value, "") if isinstance(value, int) else "",
)
def test_each_error_has_the_way_out_that_fits(tmp_path: Path, number: int, kind: type[DigittyError], remedy: str) -> None:
    def fails(file: BinaryIO) -> None:
        raise OSError(number, os.strerror(number))

    for error, raised in ((OutputError, kind), (StorageError, StorageError)):
        with pytest.raises(raised) as told:
            write_atomic(tmp_path / "x", fails, error)
        assert str(told.value) == f"can't write {tmp_path / 'x'}: {os.strerror(number)}; {told.value.args[0].split('; ')[1]}"
        assert remedy in str(told.value)
    assert not list(tmp_path.glob(".x*"))


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o755, 0o400])
@pytest.mark.parametrize("error", [OutputError, StorageError])
def test_a_file_that_exists_keeps_its_permissions(tmp_path: Path, mode: int, error: type[DigittyError]) -> None:
    path = tmp_path / "x"
    path.touch()
    path.chmod(mode)
    before = os.umask(0o077)
    try:
        write_atomic(path, lambda file: file.write(b"new"), error)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == mode
    assert path.read_bytes() == b"new"


def test_a_file_is_never_readable_by_others_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.touch(0o600)

    def write(file: BinaryIO) -> None:
        assert os.fstat(file.fileno()).st_mode & 0o777 == 0o600

    write_atomic(path, write)


def test_a_link_to_a_file_that_was_named_is_followed_and_one_among_our_own_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    for name in ("there", "dangling"):
        (tmp_path / name).symlink_to(tmp_path / "far" / name)
    (tmp_path / "far" / "there").write_text("old")
    for name in ("there", "dangling"):
        write_text(tmp_path / name, "new", OutputError)
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "far" / name).read_text() == "new"
        write_text(tmp_path / name, "ours")
        assert not (tmp_path / name).is_symlink()
        assert (tmp_path / "far" / name).read_text() == "new"


@pytest.mark.parametrize("ending", images.ENDINGS)
def test_a_drawing_that_must_not_replace_anything_is_not_written_through_a_link(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    link, far = tmp_path / f"link{ending}", tmp_path / f"far{ending}"
    link.symlink_to(far)
    recipe = Recipe((7,), (0,), SampleConfig(), WeightsInfo("shipped", 1, "average"), ComputeInfo("cpu", "fp32", "contiguous"))
    picture = Images(bytes(784), 1)
    with pytest.raises(OutputError, match="exists"):
        images.save_drawing(link, recipe, picture, [picture], replace=False)
    monkeypatch.setattr(images, "check_output_path", lambda path, replace: path)  # the link appears after the check
    images.save_drawing(link, recipe, picture, [picture], replace=False)
    assert link.is_file()
    assert not link.is_symlink()
    assert not far.exists()


@pytest.mark.parametrize("name", ["x" * 251, "x" * 255, "ü" * 127, "\N{SNOWMAN}" * 85], ids=["251", "255", "umlauts", "snowmen"])
def test_a_name_as_long_as_the_file_system_takes(tmp_path: Path, name: str) -> None:
    try:
        (tmp_path / name).touch()
    except OSError:
        pytest.skip("this file system takes shorter names only")
    write_text(tmp_path / name, "x")
    assert (tmp_path / name).read_text() == "x"
    assert len(list(tmp_path.iterdir())) == 1 + (tmp_path / "home").exists()


def test_a_name_that_is_too_long_says_so(tmp_path: Path) -> None:
    for write in (lambda path: write_text(path, "x", OutputError), images.check_output_path):
        with pytest.raises(OutputError, match="choose a shorter name"):
            write(tmp_path / ("x" * 300 + ".png"))


def test_text_that_no_file_can_hold_is_written_without_it(tmp_path: Path) -> None:
    write_text(tmp_path / "x", "a\udce9b")
    assert (tmp_path / "x").read_text() == "a?b"


def test_what_exists_is_replaced_only_where_asked(tmp_path: Path) -> None:
    (tmp_path / "there.png").touch()
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere.png")
    for name in ("there.png", "link.png"):
        with pytest.raises(OutputError, match=r"exists; .* --force"):
            images.check_output_path(tmp_path / name)
        images.check_output_path(tmp_path / name, replace=True)
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(OutputError, match="not an ordinary file"):
        images.check_output_path(tmp_path / "pipe.png", replace=True)


@pytest.mark.parametrize("kind", ["sparse", "pipe", "deep"])
def test_a_runs_configuration_may_be_anything(home: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    """It is neither read nor waited for beyond what is sensible, and the other runs are shown."""
    path = home / "data" / "runs" / "odd" / "config.json"
    path.parent.mkdir(parents=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "deep":
        path.write_text("[" * 100_000)
    else:
        with path.open("wb") as file:
            file.truncate(4 << 30)
    with pytest.raises((OSError, ValueError)):
        read_checksummed(path)
    tracemalloc.start()
    try:
        assert entry.run(commands, ["runs"]) == 0
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()
    assert ("odd" in capsys.readouterr().out) is (kind != "pipe"), "where there is no file there is no run"
