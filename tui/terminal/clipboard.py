"""Sends text and files to the terminal that the user sits at, also over SSH: its clipboard, its downloads. Plain Python.

OSC 52 is xterm's sequence for the clipboard, OSC 1337 is iTerm2's for a file, OSC 5522 is kitty's for a clipboard of any content.
"""

from __future__ import annotations

import getpass
import shlex
import socket
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path

LARGEST = 4_000_000
"""Bytes of a file that is sent through the terminal; for larger ones there is scp."""
KITTY_CHUNK = 4096
"""Bytes of a part, before they are encoded."""
TMUX_WAIT = 1.0
"""Seconds that tmux may take."""
MIME = {".png": "image/png", ".gif": "image/gif"}
_ST, _BEL = "\x1b\\", "\x07"


class FileTransfer(StrEnum):
    """How the terminal takes a file."""

    DOWNLOAD = "download"
    """iTerm2 saves it among its downloads."""
    CLIPBOARD = "clipboard"
    """kitty puts it on the clipboard."""
    BROWSER = "browser"
    """The browser saves it among its downloads; it comes through the server, not through the terminal in the page."""
    NONE = "none"


def file_transfer(env: Mapping[str, str]) -> FileTransfer:
    """How this terminal takes a file, as far as known. tmux and screen pass on neither sequence unless configured to."""
    if env.get("TMUX") or env.get("STY"):
        return FileTransfer.NONE
    if env.get("TERM") == "xterm-kitty" or env.get("KITTY_WINDOW_ID"):
        return FileTransfer.CLIPBOARD
    if "iTerm" in env.get("TERM_PROGRAM", "") or env.get("LC_TERMINAL") == "iTerm2":  # the latter passes through SSH
        return FileTransfer.DOWNLOAD
    return FileTransfer.NONE


def text_sequence(text: str, env: Mapping[str, str]) -> str:
    """Puts text on the clipboard of the terminal, if that allows it."""
    sequence = f"\x1b]52;c;{_encoded(text.encode(errors='replace'))}{_BEL}"
    return f"\x1bP{sequence}{_ST}" if env.get("STY") and not env.get("TMUX") else sequence  # GNU screen passes on what stands in a DCS


def copy_through_tmux(text: str) -> bool:
    """Hand text to tmux, which puts it on the clipboard of the terminal around it. False if there is no tmux, or one before 3.2.

    tmux itself ignores OSC 52 from programs unless `set-clipboard` is on, which it is not by default.
    """
    try:
        data = text.encode(errors="replace")
        done = subprocess.run(["tmux", "load-buffer", "-w", "-"], input=data, capture_output=True, timeout=TMUX_WAIT)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def file_sequences(transfer: FileTransfer, name: str, data: bytes) -> Iterator[str]:
    """What to send so that the terminal takes the file."""
    if transfer is FileTransfer.DOWNLOAD:
        yield f"\x1b]1337;File=name={_encoded(name.encode(errors='replace'))};size={len(data)};inline=0:{_encoded(data)}{_BEL}"
    elif transfer is FileTransfer.CLIPBOARD:
        mime = _encoded(MIME.get(Path(name).suffix.lower(), "application/octet-stream").encode())
        yield f"\x1b]5522;type=write{_ST}"
        for at in range(0, len(data), KITTY_CHUNK):
            yield f"\x1b]5522;type=wdata:mime={mime};{_encoded(data[at : at + KITTY_CHUNK])}{_ST}"
        yield f"\x1b]5522;type=wdata{_ST}"


def fetch_command(path: Path, env: Mapping[str, str]) -> str:
    """The command that copies the file from here to the user's machine, to be run there; empty where this is the user's machine."""
    connection = env.get("SSH_CONNECTION", "").split()
    if len(connection) != 4:
        return "" if not (env.get("SSH_CLIENT") or env.get("SSH_TTY")) else _scp(socket.gethostname(), "22", path)
    return _scp(connection[2], connection[3], path)


def _scp(host: str, port: str, path: Path) -> str:
    try:
        user = f"{getpass.getuser()}@"
    except (KeyError, OSError):  # a user without a name
        user = ""
    option = f"-P {port} " if port != "22" else ""
    return f"scp {option}{shlex.quote(f'{user}[{host}]:{path}' if ':' in host else f'{user}{host}:{path}')} ."


def _encoded(data: bytes) -> str:
    return b64encode(data).decode()
