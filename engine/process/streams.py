"""Standard streams to which every command can write, and which write everything.

Characters that their charset lacks are replaced by ASCII, and a closed stream discards its text. Where another process set the descriptor to
non-blocking, writing waits for the reader, so that nothing is lost. A failed write to standard output ends the command: see `Output`.
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
"""The name of the error handler, as `encode` takes it. It replaces character by character, so that columns stay aligned."""

_SIMILAR = {
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
_REPLACEMENTS = {char: ascii.encode() for ascii, chars in _SIMILAR.items() for char in chars}


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return b"".join(_REPLACEMENTS.get(char) or _encode_name(char) for char in error.object[error.start : error.end]), error.end


def _encode_name(char: str) -> bytes:
    """The bytes of a character without a replacement: it comes from a file name, and is written as the system encodes it."""
    try:
        return os.fsencode(char)
    except UnicodeEncodeError:
        return b"?"


def _find_codec(name: str) -> codecs.CodecInfo | None:
    """ASCII under a name that click does not know. click takes a stream in plain ASCII for a mistake, and writes UTF-8 to it."""
    if name != "digitty_ascii":
        return None
    ascii = codecs.lookup("ascii")
    return codecs.CodecInfo(*ascii, ascii.incrementalencoder, ascii.incrementaldecoder, name=name)


codecs.register_error(ASCII_FALLBACK, _replace)
codecs.register(_find_codec)


def locale_has_unicode(env: Mapping[str, str]) -> bool:
    """False if the locale names another charset, as C does. Containers often set no locale, which is no reason against Unicode."""
    names = ["LC_ALL", "LC_CTYPE", "LANG"]
    if env.get("LC_CTYPE") == "C.UTF-8" and sys.flags.utf8_mode and "PYTHONUTF8" not in env:
        names.remove("LC_CTYPE")  # set by Python instead of the C locale (PEP 538)
    locale = next((value for name in names if (value := env.get(name))), "utf-8")
    return "utf8" in locale.lower().replace("-", "")


class Output(FileIO):
    """Standard output. Every write is complete: if the descriptor is non-blocking, it waits for the reader.

    The first failure ends the command, and later writes are dropped, so that the flush at exit is silent. A closed pipe raises Stopped (exit
    code 141), any other failure StorageError (3). Neither is an OSError, which click and rich would ignore. A terminal that is gone is not a
    failure: SIGHUP has reported it already, or is ignored on purpose.
    """

    CHUNK = 4096
    """Bytes that a pipe accepts without blocking once it is ready."""
    CHECK_EVERY = 0.2
    """Seconds between checks whether the command was asked to end."""

    def __init__(self, fd: int, name: str) -> None:
        super().__init__(fd, "wb", closefd=False)
        self.name = name
        self._terminal = self.isatty()
        self._lost = False

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest and not self._lost:
            if not self._wait():
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
        """From now on write to another file, even if writing to the first one failed."""
        os.dup2(fd, self.fileno())
        self._terminal, self._lost = self.isatty(), False

    def _wait(self) -> bool:
        """Wait until the descriptor is ready. Returns False if the command was asked to end and the reader takes nothing."""
        while not select.select([], [self], [], 0 if SignalGuard.leaving else self.CHECK_EVERY)[1]:
            if SignalGuard.leaving:
                return False
        return True

    def _fail(self, error: OSError) -> None:
        self._lost = True
        if self._terminal and error.errno == errno.EIO:
            return
        if error.errno == errno.EPIPE:
            raise Stopped(signal.SIGPIPE)
        raise StorageError(f"can't write to standard output: {error.strerror}; free some space, or redirect it elsewhere") from error


class ErrorOutput(Output):
    """Standard error. A message that can't be written is no reason to stop; the next one is tried again."""

    def _fail(self, error: OSError) -> None:
        pass


def redirect(fd: int) -> None:
    """Redirect standard output and standard error to another file."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        raw = getattr(stream.buffer, "raw", stream.buffer)
        if isinstance(raw, Output):
            raw.redirect(fd)
        else:
            os.dup2(fd, stream.fileno())


def fix_std_streams() -> None:
    """Make the standard streams safe to write to. Every command calls this first; calling it again changes nothing."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:  # closed, as by <&-: the next file to be opened would get its number
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8", errors="replace"))  # noqa: SIM115  (stays open)
        elif mode == "w" and isinstance(stream, TextIOWrapper):
            with suppress(OSError, ValueError):
                _fix_encoding(stream)
            if stream is getattr(sys, f"__{name}__"):  # not a replacement by a test or an embedding program
                with suppress(OSError, ValueError):
                    setattr(sys, name, _wrap(stream, Output if name == "stdout" else ErrorOutput))


def _wrap(stream: TextIOWrapper, kind: type[Output]) -> TextIOWrapper:
    """The same stream on top of an Output of this kind."""
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


def _fix_encoding(stream: TextIOWrapper) -> None:
    charset = codecs.lookup(stream.encoding).name
    explicit = any(name in os.environ for name in ("PYTHONUTF8", "PYTHONIOENCODING"))
    if charset == "ascii" or (charset == "utf-8" and not explicit and not locale_has_unicode(os.environ)):  # Python takes a C locale for UTF-8
        stream.reconfigure(encoding="digitty_ascii", errors=ASCII_FALLBACK)
    else:
        stream.reconfigure(errors="surrogateescape" if charset == "utf-8" else ASCII_FALLBACK)
