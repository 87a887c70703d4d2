"""Output in whatever charset: no word is worth an exception."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from engine.streams import STAND_IN, locale_has_unicode

ROOT = Path(__file__).parents[2]


def test_one_character_for_one() -> None:
    text = "╭─ epoch ━━── 1 · 2 … ❯ ×\N{SNOWMAN} ─╮"
    plain = text.encode("ascii", STAND_IN).decode("utf-8")
    assert plain == "+- epoch ---- 1 . 2 . > x\N{SNOWMAN} -+", "what is none of our words goes out as a file's name would"
    assert len(plain) == len(text)
    assert text.encode("utf-8", STAND_IN).decode() == text


@pytest.mark.parametrize(
    ("env", "unicode"),
    [
        ({}, True),
        ({"LANG": "en_US.UTF-8"}, True),
        ({"LANG": "C.utf8"}, True),
        ({"LANG": "C"}, False),
        ({"LANG": "de_DE.ISO-8859-1"}, False),
        ({"LC_ALL": "", "LC_CTYPE": "en_GB.UTF-8", "LANG": "C"}, True),
        ({"LC_ALL": "C", "LANG": "en_US.UTF-8"}, False),
    ],
)
def test_what_a_locale_says(env: dict[str, str], unicode: bool) -> None:
    assert locale_has_unicode(env) is unicode


def written(env: dict[str, str]) -> bytes:
    """What a process of this environment writes, by print and by click."""
    code = "from engine.streams import make_writable\nmake_writable()\nimport click\nprint('a \\xb7 b')\nclick.echo('c \\u2026 d')"
    ran = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT), **env}, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return ran.stdout


@pytest.mark.parametrize("env", [{"LC_ALL": "C"}, {"LANG": "POSIX"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "ascii"}], ids=str)
def test_a_c_locale_gets_ascii(env: dict[str, str]) -> None:
    assert written(env) == b"a . b\nc . d\n"


def test_latin_1_keeps_what_it_has() -> None:
    assert written({"PYTHONIOENCODING": "latin-1"}) == b"a \xb7 b\nc . d\n"


@pytest.mark.parametrize("env", [{}, {"LC_ALL": "C", "PYTHONIOENCODING": "utf-8"}], ids=str)
def test_utf_8_stays(env: dict[str, str]) -> None:
    assert written(env) == "a · b\nc … d\n".encode()


def test_what_is_closed_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    from engine import streams

    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    streams.make_writable()
    print("nobody hears this")
    assert sys.stdin.read() == ""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        assert isinstance(stream, io.TextIOWrapper)
        stream.close()
