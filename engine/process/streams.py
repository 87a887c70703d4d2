"""Standard streams that can always be written to, and that write everything.

What their charset lacks gets an ASCII stand-in, and a closed stream leads nowhere. A descriptor that another process set to non-blocking is
waited for, so that nothing is cut off. Output that fails ends the command: see `Output`.
"""

from __future__ import annotations

import codecs
import errno
import os
import select
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import Any

from engine.errors import StorageError
from engine.process.signals import SignalGuard, Stopped

ASCII_FALLBACK = "digitty"
"""The error handler, as `encode` takes it. One character for one, so that what is laid out in columns stays so."""

_LIKE = {
    "-": "‐‑–—−─━═╌┄╴╶╸╺▁▔",
    "|": "│┃║╎▌▐▏▕▎▊",
    "+": "┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝┏┓┗┛┣┫┳┻╋",
    ".": "·•…∙",
    "<": "←‹◀◂",
    ">": "→›❯▶▸",
    "^": "↑▲△",
    "v": "↓▼▽",
    "x": "×✕✖",
    "*": "●★✓✔◉",
    "o": "○◯",
    "'": "‘’▀",
    '"': "“”",
    "_": "▄▂▃",
    "#": "█▓▆▇",
    ":": "▒",
    "s": "σ",
    "2": "²",
    "e": "é",
    " ": "\N{NO-BREAK SPACE}\N{BRAILLE PATTERN BLANK}",
}
_STAND_INS = {char: like.encode() for like, chars in _LIKE.items() for char in chars}


def _stand_in(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return b"".join(_STAND_INS.get(char) or _as_in_a_name(char) for char in error.object[error.start : error.end]), error.end


def _as_in_a_name(char: str) -> bytes:
    """digitty's own words have stand-ins; what else there is comes from the name of a file, and goes out as the system has it."""
    try:
        return os.fsencode(char)
    except UnicodeEncodeError:
        return b"?"


def _renamed(name: str) -> codecs.CodecInfo | None:
    """ASCII by a name that click does not know: what it knows for ASCII it takes for a mistake, and writes UTF-8."""
    if name != "digitty_ascii":
        return None
    ascii = codecs.lookup("ascii")
    return codecs.CodecInfo(*ascii, ascii.incrementalencoder, ascii.incrementaldecoder, name=name)


codecs.register_error(ASCII_FALLBACK, _stand_in)
codecs.register(_renamed)


def locale_has_unicode(env: Mapping[str, str]) -> bool:
    """False where a locale names another charset, as C does. None at all is common in containers and says nothing."""
    names = ["LC_ALL", "LC_CTYPE", "LANG"]
    if env.get("LC_CTYPE") == "C.UTF-8" and sys.flags.utf8_mode and "PYTHONUTF8" not in env:
        names.remove("LC_CTYPE")  # Python set it, in place of the C locale (PEP 538)
    locale = next((value for name in names if (value := env.get(name))), "utf-8")
    return "utf8" in locale.lower().replace("-", "")


class Output(FileIO):
    """Standard output. Every write is whole: where the descriptor is non-blocking, it waits for the reader.

    The first failure ends the command, and whatever is written afterwards is dropped, so that the flush at exit is silent. A reader that closed
    the pipe raises Stopped (exit code 141), anything else StorageError (3). Neither is an OSError, which click and rich would swallow. A terminal
    that is gone is no failure: SIGHUP has said so already, or was ignored on purpose.
    """

    CHUNK = 4096
    """Bytes that a pipe takes without waiting once it can be written to."""
    LOOK_EVERY = 0.2
    """Seconds between looks whether the command is to leave."""

    def __init__(self, fd: int, name: str) -> None:
        super().__init__(fd, "wb", closefd=False)
        self.name = name
        self._terminal = self.isatty()
        self._lost = False

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest and not self._lost:
            if not self._ready():
                break
            try:
                rest = rest[os.write(self.fileno(), rest[: self.CHUNK]) :]
            except BlockingIOError:
                continue
            except OSError as error:
                self._fail(error)
                break
        return size

    def redirect(self, fd: int) -> None:
        """From now on it writes to another file, whatever became of the first one."""
        os.dup2(fd, self.fileno())
        self._terminal, self._lost = self.isatty(), False

    def _ready(self) -> bool:
        """Waits until something can be written; False where the command is to leave and the reader takes nothing."""
        while not select.select([], [self], [], 0 if SignalGuard.leaving else self.LOOK_EVERY)[1]:
            if SignalGuard.leaving:
                return False
        return True

    def _fail(self, error: OSError) -> None:
        self._lost = True
        if self._terminal and error.errno == errno.EIO:
            return
        if error.errno == errno.EPIPE:
            raise Stopped(signal.SIGPIPE)
        raise StorageError(f"can't write standard output: {error.strerror}; free some room or send it elsewhere") from error


class Words(Output):
    """Standard error. A message that can't be written is no reason to stop the work; the next one is tried again."""

    def _fail(self, error: OSError) -> None:
        pass


def redirect(fd: int) -> None:
    """Sends standard output and standard error to another file."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        raw = getattr(stream.buffer, "raw", stream.buffer)
        if isinstance(raw, Output):
            raw.redirect(fd)
        else:
            os.dup2(fd, stream.fileno())


def fix_std_streams() -> None:
    """Called first of all by the commands; again does nothing more."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:  # closed, as by <&-: the next file that is opened would take its place
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8", errors="replace"))  # noqa: SIM115  (for good)
        elif mode == "w" and isinstance(stream, TextIOWrapper):
            with suppress(OSError, ValueError):
                _mend(stream)
            if stream is getattr(sys, f"__{name}__"):  # and not what a test or an embedding program put in its place
                with suppress(OSError, ValueError):
                    setattr(sys, name, _whole(stream, Output if name == "stdout" else Words))


def _whole(stream: TextIOWrapper, kind: type[Output]) -> TextIOWrapper:
    """The same stream, on an Output of that kind."""
    stream.flush()
    raw = kind(stream.fileno(), stream.name)
    return TextIOWrapper(
        BufferedWriter(raw) if isinstance(stream.buffer, BufferedWriter) else raw,
        encoding=stream.encoding,
        errors=stream.errors,
        newline="\n",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _mend(stream: TextIOWrapper) -> None:
    charset = codecs.lookup(stream.encoding).name
    said = any(name in os.environ for name in ("PYTHONUTF8", "PYTHONIOENCODING"))
    if charset == "ascii" or (charset == "utf-8" and not said and not locale_has_unicode(os.environ)):  # Python takes a C locale for UTF-8
        stream.reconfigure(encoding="digitty_ascii", errors=ASCII_FALLBACK)
    else:
        stream.reconfigure(errors="surrogateescape" if charset == "utf-8" else ASCII_FALLBACK)
