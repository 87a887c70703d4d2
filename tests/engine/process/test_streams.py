"""Output in whatever charset: no word is worth an exception."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from engine.process import streams
from engine.process.signals import SignalGuard, Stopped, graceful
from engine.process.streams import ASCII_FALLBACK, locale_has_unicode

ROOT = Path(__file__).parents[3]


def test_one_character_for_one() -> None:
    text = "╭─ epoch ━━── 1 · 2 … ❯ ×\N{SNOWMAN} ─╮"
    plain = text.encode("ascii", ASCII_FALLBACK).decode("utf-8")
    assert plain == "+- epoch ---- 1 . 2 . > x\N{SNOWMAN} -+", "what is none of our words goes out as a file's name would"
    assert len(plain) == len(text)
    assert text.encode("utf-8", ASCII_FALLBACK).decode() == text


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
    code = "from engine.process.streams import fix_std_streams\nfix_std_streams()\nimport click\nprint('a \\xb7 b')\nclick.echo('c \\u2026 d')"
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
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    streams.fix_std_streams()
    print("nobody hears this")
    assert sys.stdin.read() == ""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        assert isinstance(stream, io.TextIOWrapper)
        stream.close()


# --- whole, or an exit code -------------------------------------------------------------------------------------------

LINES = 4000
"""Of 100 bytes each: several times what a pipe holds."""
WRITERS = {
    "print": "for line in lines: print(line)",
    "click": "for line in lines: click.echo(line)",
    "one write": "sys.stdout.write('\\n'.join(lines) + '\\n')",
    "bytes": "sys.stdout.buffer.write(('\\n'.join(lines) + '\\n').encode())",
    "rich": "from rich.console import Console\nConsole(width=200, highlight=False).print('\\n'.join(lines), markup=False)",
}


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("name", ["stdout", "stderr"])
@pytest.mark.parametrize("writer", WRITERS)
def test_a_slow_non_blocking_reader_gets_every_byte(writer: str, name: str, unbuffered: str) -> None:
    """And the descriptor stays non-blocking, since other processes share it."""
    reader, end = os.pipe()
    os.set_blocking(end, False)
    code = (
        "import sys\nfrom engine.process.streams import fix_std_streams\nfix_std_streams()\nimport click\n"
        + ("sys.stdout = sys.stderr\n" if name == "stderr" else "")
        + f"lines = [f'{{i:<99}}' for i in range({LINES})]\n{WRITERS[writer]}\nsys.stdout.flush()"
    )
    env = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered}
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, name: end}
    with subprocess.Popen([sys.executable, "-c", code], env=env, cwd=ROOT, **streams) as process:
        assert not os.get_blocking(end)
        os.close(end)
        took = b""
        while data := os.read(reader, 30_000):
            time.sleep(0.001)
            took += data
        os.close(reader)
    assert process.returncode == 0
    assert [line.rstrip() for line in took.decode().splitlines()] == [str(i) for i in range(LINES)]


def test_words_that_are_lost_stop_nothing() -> None:
    """And are no traceback at exit."""
    reader, end = os.pipe()
    os.close(reader)
    code = "import sys\nfrom engine.process.streams import fix_std_streams\nfix_std_streams()\nprint('x' * 9999, file=sys.stderr)\nprint('on')"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=end, timeout=120)
    os.close(end)
    assert (ran.returncode, ran.stdout) == (0, b"on\n")


def test_lost_output_raises_once_and_no_library_swallows_it() -> None:
    reader, end = os.pipe()
    os.close(reader)
    output = streams.Output(end, "<output>")
    with suppress(OSError), pytest.raises(Stopped) as stop:  # what click and rich would catch
        output.write(b"x")
    assert stop.value.exit_code == 141
    assert output.write(b"more") == 4, "dropped, so that the last flush is quiet"
    os.close(end)


def test_who_is_asked_to_leave_does_not_wait_for_a_reader() -> None:
    """As behind ctrl+s, or a pager that shows its first page: what was trained is saved instead."""
    reader, end = os.pipe()
    os.set_blocking(end, False)
    output = streams.Output(end, "<output>")
    with graceful() as leave:
        leave.defer_signals()
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
        assert output.write(b"x" * 1_000_000) == 1_000_000
        assert leave.number == signal.SIGTERM
    assert not SignalGuard.leaving
    assert not any(isinstance(thread, threading.Timer) and not thread.finished.is_set() for thread in threading.enumerate()), "nothing gives up later"
    os.close(reader)
    os.close(end)


def test_a_disk_that_hangs_is_said_although_the_words_are_stuck(tmp_path: Path) -> None:
    """Standard error is locked by the thread that waits for its reader."""
    reader, end = os.pipe()
    code = (
        "import signal, sys, threading\nfrom engine.process import signals as leaving\n"
        "from engine.process.streams import fix_std_streams\nfix_std_streams()\n"
        "leaving.DEADLINE = 0.3\n"
        "with leaving.graceful() as leave:\n"
        "    leave.defer_signals()\n"
        "    threading.Thread(target=lambda: sys.stderr.buffer.write(b'x' * 999_999), daemon=True).start()\n"
        "    leave._note(signal.SIGTERM, None)\n"
        "    threading.Event().wait()"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stderr=end, timeout=120)
    os.close(end)
    os.close(reader)
    assert ran.returncode == 128 + signal.SIGTERM
