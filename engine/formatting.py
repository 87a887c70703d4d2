"""Format numbers for people, and make foreign text safe to show."""

from __future__ import annotations


def format_duration(seconds: float) -> str:
    """1:02:03 or 2:03; 3d 4:05:06 beyond a day."""
    whole = int(seconds + 0.5)
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    text = f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours or days else f"{rest // 60}:{rest % 60:02}"
    return f"{days}d {text}" if days else text


def format_roughly(seconds: float) -> str:
    """40 s, 6 min, 3.5 h, 2 days: as exact as an estimate is."""
    if seconds < 55:
        return f"{max(5, round(seconds / 5) * 5)} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 129_600:
        hours = seconds / 3600
        return f"{hours:.1f} h" if hours < 9.5 else f"{hours:.0f} h"
    return f"{seconds / 86400:.0f} days"


def format_size(count: float) -> str:
    """98 MB, 1.2 GB, in decimal units."""
    for unit in ("B", "kB", "MB"):
        if count < 999.5:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def format_evaluations(count: float) -> str:
    """12, 18.3, 12424: network evaluations of an image; redrawn ones make their mean a fraction."""
    return f"{round(count, 1):.10g}"


def format_age(seconds: float) -> str:
    """now, 5 min, 3 h, 12 days."""
    if seconds < 60:
        return "now"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    if seconds < 86400:
        return f"{seconds / 3600:.0f} h"
    days = round(seconds / 86400)
    return f"{days} day{'s' if days > 1 else ''}"


def printable(text: object, longest: int = 200) -> str:
    """Text from a file, the environment or another process, as one line that is safe on a terminal.

    Control characters (and so escape sequences), line breaks, and the surrogates that stand for bytes of a file name that is not UTF-8
    become "·". Text beyond `longest` characters is cut.
    """
    line = str(text)[: longest + 1]
    if not line.isprintable():
        line = "".join(char if char.isprintable() else "·" for char in line)
    return line if len(line) <= longest else line[: longest - 1] + "…"


def one_line(error: BaseException, length: int = 120) -> str:
    """The message of an error on one line of at most `length` characters; its type if it has no message."""
    text = "".join(c if c.isprintable() else " " for c in str(error))  # text from a file may contain escape sequences
    text = " ".join(text.split()) or type(error).__name__
    return text if len(text) <= length else text[: length - 1] + "…"
