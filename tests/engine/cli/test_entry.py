"""What becomes of an exception: one line, an exit code, and a log that never stands in the way."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from engine.cli.entry import run
from engine.errors import StorageError
from engine.process.foreign_errors import explain
from engine.process.signals import Stopped, quiet_races
from engine.storage import log

ROOT = Path(__file__).parents[3]
Ran = Callable[[BaseException], tuple[int, str]]


@pytest.fixture
def raised(capsys: pytest.CaptureFixture[str]) -> Ran:
    """Runs a command that raises; its exit code and standard error."""

    def ran(error: BaseException) -> tuple[int, str]:
        @click.group()
        def commands() -> None: ...

        @commands.command()
        def fail() -> None:
            raise error

        code = run(commands, ["fail"])
        return code, capsys.readouterr().err

    return ran


def full(number: int = errno.ENOSPC) -> OSError:
    return OSError(number, os.strerror(number), "/somewhere/file")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (StorageError("no room"), 3, "digitty: no room\n"),
        (StorageError("two\nlines \x1b[31m"), 3, "digitty: two lines ·[31m\n"),
        (full(), 3, "digitty: can't write /somewhere/file: No space left on device; free some space"),
        (full(errno.EDQUOT), 3, "free some space"),
        (full(errno.EIO), 3, "free some space"),
        (full(errno.EFBIG), 3, "free some space"),
        (full(errno.EROFS), 3, "free some space"),
        (FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"), 3, "set TMPDIR"),
        (MemoryError(), 4, "digitty: not enough memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), 4, "digitty: not enough memory"),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), 4, "digitty: not enough memory"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"), 4, "digitty: not enough memory"),
        (RuntimeError("can't start new thread"), 4, "digitty: no more processes or threads can be started"),
        (BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)), 4, "raise the limit (ulimit -u"),
        (ModuleNotFoundError("No module named 'mimetypes'", name="mimetypes"), 4, "reinstall Python"),
        (Stopped(signal.SIGTERM), 143, ""),
        (Stopped(signal.SIGPIPE), 141, ""),
        (KeyboardInterrupt(), 130, ""),
        (click.Abort(), 130, ""),
        (click.UsageError("no such option"), 2, "digitty: no such option\n"),
        (SystemExit(7), 7, ""),
        (SystemExit(None), 0, ""),
    ],
    ids=repr,
)
def test_one_line_and_an_exit_code(raised: Ran, home: Path, error: BaseException, code: int, said: str) -> None:
    got, told = raised(error)
    assert got == code
    assert said in told
    assert told.count("\n") == bool(said)
    assert not log.log_path().exists()


@pytest.mark.parametrize(
    "error", [ValueError("wrong"), RuntimeError("shape mismatch"), FileNotFoundError(errno.ENOENT, "No such file"), BrokenPipeError()], ids=repr
)
def test_other_errors_are_internal(error: Exception) -> None:
    assert explain(error) is None


def test_an_internal_error_is_in_the_log(raised: Ran) -> None:
    code, said = raised(ZeroDivisionError("a\x1b[2Jb"))
    assert (code, said) == (1, f"digitty: internal error: ZeroDivisionError: a·[2Jb; please report it with the details in {log.log_path()}\n")
    written = log.log_path().read_text()
    assert "Traceback (most recent call last)" in written
    assert "raise error" in written
    raised(ValueError("another"))
    assert log.log_path().read_text().startswith(written)


def test_a_large_log_is_put_aside(raised: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    raised(ValueError("one"))
    monkeypatch.setattr(log, "LARGEST", 10)
    raised(ValueError("two"))
    assert "one" in log.log_path().with_name("digitty.log.1").read_text()
    assert "one" not in log.log_path().read_text()


def fifo(path: Path) -> None:
    path.parent.mkdir(parents=True)
    os.mkfifo(path)


def read_fifo(path: Path) -> None:
    """One that somebody reads, so that it could be opened."""
    fifo(path)
    os.open(path, os.O_RDONLY | os.O_NONBLOCK)


def folder(path: Path) -> None:
    path.mkdir(parents=True)


def no_folder(path: Path) -> None:
    path.parent.parent.mkdir(parents=True)
    path.parent.touch()


@pytest.mark.parametrize("spoil", [fifo, read_fifo, folder, no_folder])
def test_a_log_that_can_not_be_written(raised: Ran, spoil: Callable[[Path], None]) -> None:
    """Nothing waits, and the line says what would have been in the log."""
    spoil(log.log_path())
    code, said = raised(ZeroDivisionError("wrong"))
    assert code == 1
    assert said.startswith("digitty: internal error: ZeroDivisionError: wrong at ")
    assert f"{__file__}:" in said
    assert "the log can't be written" in said
    assert said.count("\n") == 1


def test_a_full_disk_for_the_log(raised: Ran, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused() -> int:
        reader, writer = os.pipe()
        os.close(reader)
        return writer

    monkeypatch.setattr(log, "open_log", refused)
    code, said = raised(ZeroDivisionError("wrong"))
    assert (code, said.count("\n")) == (1, 1)
    assert "the log can't be written" in said


TOGETHER = """
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGHUP])
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGHUP)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM, signal.SIGHUP])
"""


@pytest.mark.parametrize(
    "code",
    [
        f"with quiet_races(), graceful() as guard:\n    guard.defer_signals(){TOGETHER}    sys.exit(128 + guard.number)",
        f"try:\n  with quiet_races(), interruptible():{TOGETHER}except Stopped as stopped:\n    sys.exit(stopped.exit_code)",
    ],
    ids=["deferred", "interrupted"],
)
def test_sigterm_with_sighup_is_sigterm_and_no_traceback(code: str) -> None:
    """systemd ends a login by both, and Python may handle them in either order."""
    code = "import os, signal, sys\nfrom engine.process.signals import Stopped, quiet_races, graceful, interruptible\n" + code
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stderr) == (128 + signal.SIGTERM, "")


def test_other_unraisable_exceptions_are_still_said() -> None:
    code = (
        "from engine.process.signals import quiet_races\nclass Bad:\n    def __del__(self): raise OSError('broken')\nwith quiet_races():\n    Bad()"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert "OSError: broken" in ran.stderr


def test_the_hook_is_given_back() -> None:
    before = sys.unraisablehook
    with quiet_races():
        assert sys.unraisablehook is not before
    assert sys.unraisablehook is before


TAKEN_DOWN = """
import atexit, sys, types
from engine.cli.entry import exit_process
class Heavy:
    def __del__(self):
        print("taken apart")
heavy = Heavy()
atexit.register(print, "exit function")
if sys.argv[1:]:
    sys.modules["torch"] = types.ModuleType("torch")
print("output", end="")
exit_process(3)
"""


@pytest.mark.parametrize(("torch", "output"), [([], "outputexit function\ntaken apart\n"), (["torch"], "outputexit function\n")])
def test_a_process_that_has_loaded_torch_does_not_take_it_apart(torch: list[str], output: str) -> None:
    """That took up to seconds, in which the shell did not come back and a key was echoed."""
    ended = subprocess.run([sys.executable, "-c", TAKEN_DOWN, *torch], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, output, "")
