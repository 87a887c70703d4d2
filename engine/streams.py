"""Standard streams that can always be written to: what their charset lacks gets an ASCII stand-in, and those that are closed lead nowhere."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from io import TextIOWrapper

STAND_IN = "digitty"
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


codecs.register_error(STAND_IN, _stand_in)
codecs.register(_renamed)


def locale_has_unicode(env: Mapping[str, str]) -> bool:
    """False where a locale names another charset, as C does. None at all is common in containers and says nothing."""
    names = ["LC_ALL", "LC_CTYPE", "LANG"]
    if env.get("LC_CTYPE") == "C.UTF-8" and sys.flags.utf8_mode and "PYTHONUTF8" not in env:
        names.remove("LC_CTYPE")  # Python set it, in place of the C locale (PEP 538)
    locale = next((value for name in names if (value := env.get(name))), "utf-8")
    return "utf8" in locale.lower().replace("-", "")


def make_writable() -> None:
    """Called first of all by the commands; again does nothing more."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:  # closed, as by <&-: the next file that is opened would take its place
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8", errors="replace"))  # noqa: SIM115  (for good)
        elif mode == "w" and isinstance(stream, TextIOWrapper):
            with suppress(OSError, ValueError):
                _mend(stream)


def _mend(stream: TextIOWrapper) -> None:
    charset = codecs.lookup(stream.encoding).name
    said = any(name in os.environ for name in ("PYTHONUTF8", "PYTHONIOENCODING"))
    if charset == "ascii" or (charset == "utf-8" and not said and not locale_has_unicode(os.environ)):  # Python takes a C locale for UTF-8
        stream.reconfigure(encoding="digitty_ascii", errors=STAND_IN)
    else:
        stream.reconfigure(errors="surrogateescape" if charset == "utf-8" else STAND_IN)
