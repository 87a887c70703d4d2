"""Small files of any origin, and foreign text on a terminal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.files import parse_json, read_small
from engine.words import printable


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


@pytest.mark.parametrize("data", [b"[" * 100_000, b"1" * 10_000, b"\xff", b"", b"{"], ids=["deep", "long number", "bytes", "empty", "torn"])
def test_json_that_is_wrong_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"nested too deep|Exceeds the limit|decode|Expecting"):
        parse_json(data)


def test_no_control_character_of_foreign_text_reaches_the_terminal() -> None:
    every = "".join(map(chr, range(0x3000)))
    assert printable("a\x1b[2Jb\nc\u202ed", 20) == "a·[2Jb·c·d"
    assert printable(every, 10**6).isprintable()
    assert len(printable(every, 10**6)) == len(every)
    assert printable(os.fsdecode(b"caf\xe9")) == "caf·"
    assert printable("x" * 300) == "x" * 199 + "…"
    assert printable("日本 [red]") == "日本 [red]"
