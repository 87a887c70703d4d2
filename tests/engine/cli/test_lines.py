"""Lines for people on the command line: foreign text in them never controls the terminal and never makes it two lines. JSON stays JSON."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.cli import runs as cli_runs
from engine.cli.entry import run
from engine.cli.output import LONGEST, print_line, print_path, print_status
from engine.cli.reporters import TrainReporter
from engine.config import training as config
from engine.config.compute import ComputeInfo
from engine.protocol.events import CannotSave, EpochDone, Notice, TrainStarted
from engine.runs import liveness
from engine.runs.manage import create_run
from engine.runs.run import FORMAT, VERSION, Run
from engine.runs.writer import open_writer, write_config
from engine.storage.atomic import read_checksummed, write_checksummed
from tui.cli import doctor
from tui.cli.main import digitty

HOSTILE = "\x1b[31mred\x1b]0;title\x07\x9b31m\x90q\x9c\u202eleft\u2066x\u2069\u2028y\x7f\x00z\nsecond\r\x1b[2Kthird"
ROOT = Path(__file__).parents[3]
Command = Callable[..., tuple[int, str, str]]


def assert_harmless(said: str) -> None:
    """Lines of characters that a terminal just shows."""
    bad = [char for char in said.replace("\n", "") if not char.isprintable()]
    assert not bad, said
    assert not re.search(r"^(second|third)", said, re.MULTILINE), said


def claim_with_evil_words(run: Run, name: str) -> None:
    """Changes who is said to write the run, or to have written it."""
    owner = liveness.newest_owner(run.path)
    assert owner is not None
    write_checksummed(owner.folder / name, {**read_checksummed(owner.folder / name), "host": f"h{HOSTILE}", "pid": f"p{HOSTILE}"})


@pytest.fixture
def hostile_run() -> Run:
    """A run that hosts, an engine and an end of evil words."""
    found = create_run("mine", config.PRESETS["quick"], ComputeInfo("cpu", "fp32", "contiguous"))
    with open_writer(found) as writer:
        writer.event("started", 0)
        writer.log({"step": 1, "loss": 1.0, "lr": 1e-3, "rate": 8.0, "time": 0.0})
        writer.event(f"stopped {HOSTILE}", 1)
    claim_with_evil_words(found, "released.json")
    engine = ComputeInfo(f"d{HOSTILE}", f"e{HOSTILE}", f"l{HOSTILE}")  # type: ignore[arg-type]
    write_config(found, config.PRESETS["quick"], engine)
    return found


@pytest.fixture
def digitty_command(capsys: pytest.CaptureFixture[str]) -> Command:
    def ran(*arguments: str) -> tuple[int, str, str]:
        code = run(digitty, list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return ran


# --- each source ------------------------------------------------------------------------------------------------------


ENDED = (["runs"], ["watch", "mine"], ["stop", "mine"], ["delete", "mine"], ["doctor"])
RUNNING = (["runs"], ["stop", "mine"], ["delete", "mine", "--yes"])


@pytest.mark.parametrize("arguments", ENDED, ids=" ".join)
def test_commands_about_a_run_that_ended(arguments: list[str], hostile_run: Run, digitty_command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "CHECKS", {"runs": doctor.CHECKS["runs"]})
    monkeypatch.setattr(doctor, "_test_digit", lambda *_: iter(()))
    _, out, err = digitty_command(*arguments)
    assert "mine" in out + err
    assert_harmless(out + err)


@pytest.mark.parametrize("arguments", RUNNING, ids=" ".join)
def test_commands_about_a_run_that_trains(arguments: list[str], hostile_run: Run, digitty_command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_runs, "ANSWER", 0.1)
    with open_writer(hostile_run):
        claim_with_evil_words(hostile_run, "owner.json")
        _, out, err = digitty_command(*arguments)
    assert "h·[31mred" in out + err
    assert_harmless(out + err)


def test_a_config_json_of_odd_keys(digitty_command: Command) -> None:
    found = create_run("mine", config.PRESETS["quick"], ComputeInfo("cpu", "fp32", "contiguous"))
    write_checksummed(found.path / "config.json", {"format": FORMAT, "version": VERSION, "engine": {HOSTILE: 1}, "config": {}, "created": 0.0})
    for arguments in (["runs"], ["watch", "mine"], ["train", "--resume", "mine"]):
        _, out, err = digitty_command(*arguments)
        assert_harmless(out + err)
        assert "·[31mred" in out + err


def test_a_config_toml_of_odd_names(home: Path, digitty_command: Command) -> None:
    folder = home / "config"
    folder.mkdir(parents=True)
    escaped = "".join(f"\\u{ord(char):04x}" for char in HOSTILE)
    (folder / "config.toml").write_text(f'["x{escaped}"]\n[draw]\n"y{escaped}" = 1\nsampler = "z{escaped}"\n[keys]\n"k{escaped}" = "x"\n')
    code, out, err = digitty_command("generate", "seven")
    assert code == 2
    assert "x·[31mred" in err
    assert_harmless(out + err)
    _, out, err = digitty_command("config")
    assert out.count("PROBLEM: ") == 4
    assert_harmless(out + err)


def test_arguments_come_back_harmless(digitty_command: Command) -> None:
    for arguments in (["generate", HOSTILE], ["watch", HOSTILE], ["generate", f"--{HOSTILE}"], [HOSTILE]):
        code, out, err = digitty_command(*arguments)
        assert code == 2
        assert len(err.splitlines()) <= 2  # the second may be that a prompt is being read
        assert_harmless(out + err)


def test_what_a_trainer_says(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = TrainReporter()
    reporter.report(TrainStarted("mine", config.PRESETS["quick"], ComputeInfo(HOSTILE, HOSTILE, HOSTILE), 0, 1))  # type: ignore[arg-type]
    reporter.report(Notice(f"mine was trained in {HOSTILE}"))
    reporter.report(CannotSave(1, 0, HOSTILE, waiting=False))
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 3
    assert_harmless(said)


def test_epochs_of_a_moment_take_few_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.cli.reporters.time.monotonic", lambda: now)
    reporter, now = TrainReporter(), 0.0
    reporter.report(TrainStarted("mine", replace(config.PRESETS["quick"], epochs=100), ComputeInfo("cpu", "fp32", "contiguous"), 0, 1))
    for epoch in range(1, 101):
        now += 0.5
        reporter.report(EpochDone(epoch, epoch, 0.5, 0.5, False))
    told = [int(line.split()[1]) for line in capsys.readouterr().err.splitlines()[1:]]
    assert told == [1, 21, 41, 61, 81, 100], "one in ten seconds, the first and the last"
    for epoch in (1, 2, 3):
        now += 60
        reporter.report(EpochDone(epoch, epoch, 0.5, 60.0, False))
    assert len(capsys.readouterr().err.splitlines()) == 3, "longer ones have a line each"


def test_json_stays_json(hostile_run: Run, digitty_command: Command) -> None:
    _, out, _ = digitty_command("runs", "--json")
    assert json.loads(out)["state"] == hostile_run.state()
    assert_harmless(out)


# --- the functions that print them ------------------------------------------------------------------------------------


def test_one_line_each_and_bounded(capsys: pytest.CaptureFixture[str]) -> None:
    print_line(HOSTILE)
    print_status("x" * 10 * LONGEST)
    said = capsys.readouterr()
    assert_harmless(said.out)
    assert (said.out.count("\n"), said.err.count("\n")) == (1, 1)
    assert len(said.err) == LONGEST + 1


def test_a_path_is_to_the_letter_for_a_program_alone(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    print_path(Path("a\x1b[31mb"))
    assert capsys.readouterr().out == "a\x1b[31mb\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    print_path(Path("a\x1b[31mb"))
    assert capsys.readouterr().out == "a·[31mb\n"


PRINT = {
    "output.py": "what is tested above",
    "stdout.py": "pixels, which are ours",
    "server.py": "its own address",
    "completion.py": "click's script for a shell",
    "first_word.py": "our own help",
}


@pytest.mark.slow
def test_nothing_else_prints_but_json() -> None:
    for path in (path for folder in ("engine", "tui") for path in (ROOT / folder).rglob("*.py") if path.name not in PRINT):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="click"), attr="echo" | "secho"), args=[text, *_]):
                    assert ast.unparse(text).startswith(("json.dumps(", "printable(")), f"{path}: {ast.unparse(node)}"
                case ast.Call(func=ast.Name(id="print")):
                    pytest.fail(f"{path}: {ast.unparse(node)}")
