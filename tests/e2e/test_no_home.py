"""Where the folders are, and what is said where nobody can tell or they can't be read."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from engine.cli.entry import run
from engine.errors import StorageError
from engine.storage import paths
from tui.cli import doctor
from tui.cli.main import digitty

ROOT = Path(__file__).parents[2]
COMMANDS = [
    *("generate 7", "train", "evaluate", "export a b.pth", "runs", "watch", "stop", "pause", "resume", "delete a", "rename a b", "config", "serve"),
    "",
]
"""All but the doctor, who lists what is wrong. The last is the screen."""
FOLDERS = (paths.data_dir, paths.cache_dir, paths.config_dir, paths.log_dir)


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process whose user has no entry and no HOME, as under docker run -u 1234."""

    def unknown(*_: object) -> None:
        raise KeyError("uid not found")

    monkeypatch.setattr("pwd.getpwuid", unknown)
    for name in list(os.environ):
        if name in ("DIGITTY_HOME", "HOME") or name.startswith("XDG_"):
            monkeypatch.delenv(name)


@pytest.fixture
def unknown_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITTY_HOME", "~nosuchuser/x")


@pytest.fixture
def relative_home(nobody: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that would be another folder in each working folder."""
    monkeypatch.setenv("HOME", "here")


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("lost", ["nobody", "unknown_user", "relative_home"])
def test_an_unknown_home_is_an_error_with_a_way_out(request: pytest.FixtureRequest, lost: str, folder: Callable[[], Path]) -> None:
    request.getfixturevalue(lost)
    with pytest.raises(StorageError, match="set DIGITTY_HOME to a folder you can write to") as error:
        folder()
    assert "\n" not in str(error.value)


def test_an_empty_home_is_never_the_working_folder(nobody: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "")
    for folder in FOLDERS:
        with suppress(StorageError):  # some platforms take an empty HOME for /
            assert folder().is_absolute()
            assert not folder().is_relative_to(Path.cwd())


@pytest.mark.parametrize("arguments", COMMANDS)
@pytest.mark.parametrize("lost", ["nobody", "unknown_user"])
def test_every_command_says_so(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], lost: str, arguments: str) -> None:
    request.getfixturevalue(lost)
    assert run(digitty, arguments.split()) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("digitty: ")
    assert err.endswith("; set DIGITTY_HOME to a folder you can write to\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", ["--help", "--version", *(f"{name} --help" for name in digitty.commands)])
@pytest.mark.parametrize("lost", ["nobody", "unknown_user"])
def test_help_needs_no_home(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], lost: str, arguments: str) -> None:
    request.getfixturevalue(lost)
    assert run(digitty, arguments.split()) == 0
    out, err = capsys.readouterr()
    assert out.startswith(("Usage: digitty", "digitty, version"))
    assert err == ""


def test_help_needs_no_sound_settings(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text("no toml")
    assert run(digitty, ["generate", "--help"]) == 0
    assert run(digitty, ["generate", "7"]) == 2


def test_the_doctor_goes_on(nobody: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor, "CHECKS", {name: doctor.CHECKS[name] for name in ("digitty", "folders", "config", "runs", "locale")})
    monkeypatch.setattr(doctor, "_test_digit", lambda *_: iter(["a seven"]))
    assert run(digitty, ["doctor"]) == 3
    out = capsys.readouterr().out
    for name in ("folders", "config", "runs"):
        assert f"{name:<10}  PROBLEM: the home folder is unknown" in out
    assert "a seven" in out


def test_the_engine_alone_says_so(nobody: None, command: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = command("runs")
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert "set DIGITTY_HOME" in err
    assert command("runs", "--help")[0] == 0


def test_folders_that_can_not_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As another user's are. A file in their way needs no rights to be refused."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("DIGITTY_HOME", str(tmp_path / "file"))
    for arguments in COMMANDS[:-1]:
        assert run(digitty, arguments.split()) == 3, arguments
        told = capsys.readouterr().err
        assert told == f"digitty: can't read {tmp_path}/file/data/runs: Not a directory; set DIGITTY_HOME to a folder you can write to\n"


def test_settings_that_can_not_be_read(nobody: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The commands that would do something else than was meant refuse; the others go on."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", os.devnull)
    if (paths.config_dir() / "config.toml").is_relative_to(os.devnull):
        assert run(digitty, ["generate", "7"]) == 3
        told = capsys.readouterr().err
        assert told == f"digitty: can't read {os.devnull}/digitty/config.toml: Not a directory; set DIGITTY_HOME to a folder you can write to\n"
    assert run(digitty, ["runs"]) == 0


def test_the_real_command_of_a_user_without_a_home(tmp_path: Path) -> None:
    """A process that takes another user's number, where the tests may do that."""
    code = "import os, sys\nif os.getuid() == 0: os.setgroups([]); os.setuid(54321)\n"
    code += "from engine.cli.entry import run\nfrom tui.cli.main import digitty\n"
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(["/nowhere", *sys.path]), "PYTHONDONTWRITEBYTECODE": "1"}
    env |= {} if os.getuid() == 0 else {"DIGITTY_HOME": "~nosuchuser/x"}
    # Before its rights are gone: the checkout and the environment may be root's alone, and click and commands import some modules late.
    readable = "import pkgutil, importlib, click, tui.cli.main, engine.cli.entry, engine.runs.manage, tui.runs.text\n"
    readable += (
        "for each in pkgutil.iter_modules(click.__path__, 'click.'):\n    each.name.startswith('click._win') or importlib.import_module(each.name)\n"
    )
    for arguments, expected in ((["--help"], 0), (["runs"], 3)):
        start = [sys.executable, "-c", f"{readable}{code}sys.exit(run(digitty, {arguments}))"]
        ran = subprocess.run(start, env=env, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert ran.returncode == expected, ran.stderr
        assert ran.stderr.count("\n") == (expected == 3), ran.stderr
