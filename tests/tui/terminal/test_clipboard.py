"""What is sent to the terminal for its clipboard and its downloads, decoded again as the terminals do."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import pytest

from tui.terminal import clipboard
from tui.terminal.clipboard import FileTransfer, copy_through_tmux, fetch_command, file_sequences, file_transfer, text_sequence

DATA = bytes(range(256)) * 50
"""Several of kitty's parts, the last one shorter."""


@pytest.mark.parametrize("text", ["/home/a/x.png", "schön 靴", "\x1b]52;c;\x07", "a\udcff"])
def test_osc_52_holds_the_text_whatever_it_is(text: str) -> None:
    found = re.fullmatch(r"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07", text_sequence(text, {}))
    assert found
    assert b64decode(found[1]).decode() == text.encode(errors="replace").decode()


def test_gnu_screen_passes_on_what_stands_in_a_dcs() -> None:
    inner = text_sequence("x", {})
    assert text_sequence("x", {"STY": "1.pts"}) == f"\x1bP{inner}\x1b\\"
    assert text_sequence("x", {"STY": "1.pts", "TMUX": "/tmp/t"}) == inner


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"TERM": "xterm-kitty"}, FileTransfer.CLIPBOARD),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, FileTransfer.CLIPBOARD),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, FileTransfer.DOWNLOAD),
        ({"TERM_PROGRAM": "iTerm.app"}, FileTransfer.DOWNLOAD),
        ({"TERM": "xterm-256color"}, FileTransfer.NONE),
        ({"TERM": "xterm-ghostty"}, FileTransfer.NONE),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/t", "LC_TERMINAL": "iTerm2"}, FileTransfer.NONE),
        ({"TERM": "screen", "STY": "1", "KITTY_WINDOW_ID": "1"}, FileTransfer.NONE),
        ({}, FileTransfer.NONE),
    ],
    ids=str,
)
def test_only_terminals_that_are_known_to_take_files_get_some(env: dict[str, str], expected: FileTransfer) -> None:
    assert file_transfer(env) is expected


def test_iterm2_gets_a_download() -> None:
    (sequence,) = file_sequences(FileTransfer.DOWNLOAD, "sieben 7.png", DATA)
    found = re.fullmatch(r"\x1b\]1337;File=name=([^;]+);size=(\d+);inline=0:([A-Za-z0-9+/=]+)\x07", sequence)
    assert found
    assert (b64decode(found[1]).decode(), int(found[2]), b64decode(found[3])) == ("sieben 7.png", len(DATA), DATA)


@pytest.mark.parametrize(("name", "mime"), [("x.png", "image/png"), ("x.GIF", "image/gif"), ("x", "application/octet-stream")])
def test_kitty_gets_a_clipboard(name: str, mime: str) -> None:
    first, *parts, last = file_sequences(FileTransfer.CLIPBOARD, name, DATA)
    assert first == "\x1b]5522;type=write\x1b\\"
    assert last == "\x1b]5522;type=wdata\x1b\\"
    content = b""
    for part in parts:
        found = re.fullmatch(r"\x1b\]5522;type=wdata:mime=([A-Za-z0-9+/=]+);([A-Za-z0-9+/=]+)\x1b\\", part)
        assert found
        assert b64decode(found[1]).decode() == mime
        assert len(b64decode(found[2])) <= 4096
        content += b64decode(found[2])
    assert content == DATA


def test_the_command_that_fetches_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clipboard.getpass, "getuser", lambda: "ada")
    monkeypatch.setattr(clipboard.socket, "gethostname", lambda: "gpubox")
    path = Path("/home/ada/my pictures/7.png")
    assert fetch_command(path, {}) == ""
    there = {"SSH_CONNECTION": "10.0.0.9 50000 10.0.0.1 22"}
    assert fetch_command(path, there) == "scp 'ada@10.0.0.1:/home/ada/my pictures/7.png' ."
    assert shlex.split(fetch_command(path, there))[1] == "ada@10.0.0.1:/home/ada/my pictures/7.png"
    assert fetch_command(Path("/x.png"), {"SSH_CONNECTION": "::1 1 fe80::2 2222"}) == "scp -P 2222 'ada@[fe80::2]:/x.png' ."
    assert fetch_command(Path("/x.png"), {"SSH_TTY": "/dev/pts/0", "SSH_CONNECTION": "nonsense"}) == "scp ada@gpubox:/x.png ."


@pytest.mark.parametrize("program", ["exit 1", "sleep 9", ""])
def test_a_tmux_that_fails_or_is_missing_is_no_clipboard(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if program:
        (tmp_path / "tmux").write_text(f"#!/bin/sh\n{program}\n")
        (tmp_path / "tmux").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin" if program else str(tmp_path))
    monkeypatch.setattr(clipboard, "TMUX_WAIT", 0.2)
    assert not copy_through_tmux("x")


def test_tmux_gets_the_text_on_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmux").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\ncat > {tmp_path}/text\n')
    (tmp_path / "tmux").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert copy_through_tmux("/x y.png")
    assert (tmp_path / "text").read_text() == "/x y.png"
    assert (tmp_path / "arguments").read_text().split() == ["load-buffer", "-w", "-"]


def test_it_is_plain_python() -> None:
    code = "import tui.terminal.clipboard, sys; print(*{'textual', 'rich', 'torch', 'PIL'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""
