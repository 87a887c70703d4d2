"""Commands reach a run from its own process or another; two never write one run; and the command line that sends them."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from engine.cli import runs as cli_runs
from engine.cli import watch
from engine.config.compute import ComputeInfo
from engine.config.training import PRESETS, TrainConfig
from engine.errors import RunError, StorageError
from engine.jobs.jobs import Jobs
from engine.protocol.events import Event, Paused, Resumed, Tick, TrainDone, TrainStep, TrainStopped
from engine.protocol.requests import TrainRequest
from engine.runs.control import Command, Control, send_command
from engine.runs.liveness import Sight
from engine.runs.manage import create_run
from engine.runs.metrics_log import Follower
from engine.runs.run import Run, all_runs, find_run
from engine.runs.writer import open_writer
from engine.training.trainer import Trainer

Invoke = Callable[..., tuple[int, str, str]]
Send = Callable[[Control, Command], None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.json"


def made(name: str = "r", config: TrainConfig = PRESETS["quick"]) -> Run:
    """A run that nobody trained yet."""
    return create_run(name, config, ComputeInfo("cpu", "fp32", "contiguous", 1))


# --- the command itself ------------------------------------------------------------------------------------------------


def test_the_last_command_counts_whichever_way_it_came(path: Path) -> None:
    control = Control()
    assert control.poll() is Command.RUN
    control.follow(path)
    assert control.poll() is Command.RUN
    control.send(Command.PAUSE)
    assert control.poll() is Command.PAUSE
    send_command(path, Command.RUN)
    assert control.poll() is Command.RUN
    send_command(path, Command.PAUSE)
    send_command(path, Command.UNSAVED)
    assert control.poll() is Command.UNSAVED
    control.send(Command.PAUSE)
    assert control.poll() is Command.PAUSE, "a file that was read is not read again"


def test_a_command_from_before_does_not_count(path: Path) -> None:
    send_command(path, Command.STOP)
    control = Control()
    control.follow(path)
    assert control.poll() is Command.RUN
    send_command(path, Command.STOP)
    assert control.poll() is Command.STOP, "the same command again is a new one"


@pytest.mark.parametrize("later", [Command.RUN, Command.PAUSE, Command.UNSAVED])
def test_a_stop_is_final(path: Path, later: Command) -> None:
    control = Control()
    control.follow(path)
    control.send(Command.STOP)
    send_command(path, later)
    assert control.poll() is Command.STOP


NO_COMMANDS = ["", "{", "[]", "3", "null", '{"wish": "dance"}', '{"wish": ["stop"]}', '{"wish": null}', '{"wosh": "stop"}', "[" * 99_999]


@pytest.mark.parametrize("text", NO_COMMANDS, ids=lambda text: text[:20])
def test_a_file_without_a_command_changes_nothing(path: Path, text: str) -> None:
    control = Control()
    control.follow(path)
    control.send(Command.PAUSE)
    path.write_text(text)
    assert control.poll() is Command.PAUSE
    send_command(path, Command.RUN)
    assert control.poll() is Command.RUN


def test_a_command_that_can_not_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"control\.json"):
        send_command(tmp_path / "nowhere" / "control.json", Command.STOP)


# --- a run that trains ------------------------------------------------------------------------------------------------


@pytest.fixture(params=["its own process", "another"])
def send(request: pytest.FixtureRequest) -> Send:
    """Asks for something of the run r, in either way."""

    def sent(control: Control, command: Command) -> None:
        if request.param == "another":
            send_command(find_run("r").control_path, command)
        else:
            control.send(command)

    return sent


def until(events: Iterator[Event], kind: type[Event], step: int | None = None) -> Any:
    """Pulls until an event of a kind, at a step; returns it."""
    for event in islice(events, 5000):
        if isinstance(event, kind) and (step is None or getattr(event, "step", None) == step):
            return event
    raise AssertionError(f"no {kind.__name__} at step {step}")


def losses(name: str) -> dict[int, float]:
    return {record["step"]: record["loss"] for record in Follower(find_run(name).metrics_path).records() if "loss" in record}


@pytest.mark.slow
def test_paused_resumed_stopped(jobs: Jobs, every_step: None, tiny: TrainConfig, send: Send) -> None:
    """And what it trained is what an unbroken run trains."""
    control = Control()
    with closing(jobs.train(TrainRequest(tiny, run="r"), control)) as events:
        until(events, TrainStep, 2)
        run = find_run("r")
        send(control, Command.PAUSE)
        assert until(events, Paused).step == 3
        assert (run.state(), run.running(), run.states()[-1][0]) == ("paused", True, 3)
        assert [type(next(events)) for _ in range(10)] == [Tick] * 10
        send(control, Command.RUN)
        assert until(events, Resumed).step == 3
        assert run.state() == "running"
        until(events, TrainStep, 5)
        send(control, Command.STOP)
        stopped = until(events, TrainStopped)
        assert (stopped.run, stopped.step) == ("r", 6)
        assert list(events) == []
    assert (run.state(), run.running(), run.states()[-1][0], run.step()) == ("stopped", False, 6, 6)
    list(jobs.train(TrainRequest(tiny, resume="r")))
    list(jobs.train(TrainRequest(tiny, run="unbroken")))
    assert losses("r") == losses("unbroken")


def test_stopped_while_it_waits(jobs: Jobs, every_step: None, tiny: TrainConfig, send: Send) -> None:
    control = Control()
    events = jobs.train(TrainRequest(tiny, run="r"), control)
    until(events, TrainStep, 1)
    send(control, Command.PAUSE)
    until(events, Paused)
    send(control, Command.STOP)
    assert until(events, TrainStopped).step == 2
    told = [record["event"] for record in Follower(find_run("r").metrics_path).records() if "event" in record]
    assert told == ["started", "saved", "paused", "stopped"]


def test_closed_while_it_waits(jobs: Jobs, every_step: None, tiny: TrainConfig) -> None:
    control = Control()
    with closing(jobs.train(TrainRequest(tiny, run="r"), control)) as events:
        until(events, TrainStep, 1)
        control.send(Command.PAUSE)
        until(events, Paused)
        until(events, Tick)
    assert (find_run("r").state(), find_run("r").states()[-1][0]) == ("stopped", 2)


def test_a_pause_that_comes_with_the_last_step_keeps_nobody_waiting(jobs: Jobs, every_step: None, tiny: TrainConfig) -> None:
    control = Control()
    events = jobs.train(TrainRequest(tiny, run="r"), control)
    until(events, TrainStep, 7)
    control.send(Command.PAUSE)
    assert isinstance(list(events)[-1], TrainDone)
    assert find_run("r").state() == "finished"


def test_a_command_to_the_last_process_is_none_to_this_one(jobs: Jobs, every_step: None, tiny: TrainConfig) -> None:
    with closing(jobs.train(TrainRequest(tiny, run="r"))) as events:
        until(events, TrainStep, 2)
    send_command(find_run("r").control_path, Command.STOP)
    assert isinstance(list(jobs.train(TrainRequest(tiny, resume="r")))[-1], TrainDone)


def test_a_command_counts_from_the_moment_that_the_run_is_seen_to_train(
    jobs: Jobs, every_step: None, tiny: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading a large state takes a while, and `digitty stop` need not wait for it."""
    build = Trainer.__init__

    def slow(self: Trainer, *arguments: Any, **named: Any) -> None:
        assert find_run("r").running()
        send_command(find_run("r").control_path, Command.STOP)
        build(self, *arguments, **named)

    monkeypatch.setattr(Trainer, "__init__", slow)
    events = list(jobs.train(TrainRequest(tiny, run="r")))
    assert isinstance(events[-1], TrainStopped)
    assert events[-1].step == 1


def test_two_never_write_one_run(jobs: Jobs, every_step: None, tiny: TrainConfig) -> None:
    with closing(jobs.train(TrainRequest(tiny, run="r"))) as events:
        until(events, TrainStep, 2)
        before = find_run("r").metrics_path.read_bytes(), find_run("r").owner()
        with pytest.raises(RunError, match=rf"being trained by process {os.getpid()} .*digitty stop r"):
            list(jobs.train(TrainRequest(tiny, resume="r")))
        assert (find_run("r").metrics_path.read_bytes(), find_run("r").owner()) == before
        until(events, TrainStep, 3)
    assert find_run("r").state() == "stopped"


CROWD = """
import os, time
from engine.runs.run import find_run
from engine.runs.writer import open_writer
from engine.errors import RunError

run = find_run("r")
for _ in range(40):
    try:
        with open_writer(run):
            os.close(os.open(run.path / "one", os.O_CREAT | os.O_EXCL))
            time.sleep(0.002)
            os.unlink(run.path / "one")
    except RunError:
        pass
"""


@pytest.mark.slow
def test_of_many_that_try_one_writes_at_a_time(home: Path) -> None:
    run = made()
    crowd = [subprocess.Popen([sys.executable, "-c", CROWD], cwd=Path(__file__).parents[3], stderr=subprocess.PIPE) for _ in range(3)]
    for process in crowd:
        assert process.communicate(timeout=60)[1] == b""
        assert process.returncode == 0
    assert not run.running()


def test_a_run_that_ends_while_it_is_looked_at_is_not_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    run = made()
    sight = Run.sight
    with open_writer(run) as writer:
        writer.event("saved", 8)

    def ends_meanwhile(self: Run) -> Sight:
        monkeypatch.setattr(Run, "sight", sight)
        with open_writer(run) as writer:
            writer.event("finished", 8)
        return sight(self)

    monkeypatch.setattr(Run, "sight", ends_meanwhile)
    assert run.state() == "finished"


# --- the commands -----------------------------------------------------------------------------------------------------


@contextmanager
def training(jobs: Jobs, config: TrainConfig, name: str = "r") -> Iterator[Run]:
    """A run that trains meanwhile, in a thread, until it is stopped."""
    begun, done = threading.Event(), threading.Event()

    def train() -> None:
        with closing(jobs.train(TrainRequest(config, run=name))) as events:
            for event in events:
                if isinstance(event, TrainStep):
                    begun.set()
                time.sleep(0.001)  # for who looks on
                if done.is_set():
                    return

    thread = threading.Thread(target=train)
    thread.start()
    try:
        assert begun.wait(60)
        yield find_run(name)
    finally:
        done.set()
        thread.join(60)


@pytest.fixture
def endless(tiny: TrainConfig) -> TrainConfig:
    return replace(tiny, epochs=100_000, save_minutes=1000.0)


def test_pause_resume_stop(jobs: Jobs, every_step: None, endless: TrainConfig, command: Invoke) -> None:
    with training(jobs, endless) as run:
        code, out, err = command("pause", "r")
        assert (code, out) == (0, "")
        assert re.fullmatch(r"r  paused  step \d+\n", err)
        waiting = run.step()
        assert run.states()[-1][0] == waiting
        assert run.state() == "paused"
        assert "paused" in command("runs")[1]
        assert re.fullmatch(r"r  running  step \d+\n", command("resume", "r")[2])
        code, _, err = command("stop", "r")
        assert code == 0
        assert re.fullmatch(r"r  stopped  step \d+\n", err)
        assert run.step() > waiting
        assert not run.running()


def test_the_run_that_trains_is_meant_where_none_is_named(jobs: Jobs, every_step: None, endless: TrainConfig, command: Invoke) -> None:
    with training(jobs, endless, "r"):
        later = made("later")
        os.utime(later.path / "config.json", (2e9, 2e9))
        assert command("stop")[2].startswith("r  stopped")


@pytest.mark.parametrize("name", ["stop", "pause", "resume"])
def test_nobody_is_asked_where_nobody_trains(command: Invoke, name: str) -> None:
    assert command(name) == (2, "", "digitty: no runs yet; start one with: digitty train\n")
    run = made()
    code, out, err = command(name, "r")
    assert (code, out) == (2, "")
    assert "run r is not being trained (interrupted); resume it with: digitty train --resume r" in err
    assert not run.control_path.exists()
    assert "no run named x; existing runs: r" in command(name, "x")[2]


def test_a_run_that_does_not_answer(command: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_runs, "ANSWER", 0.2)
    run = made()
    with open_writer(run) as writer:
        writer.event("started", 0)
        code, _, err = command("stop", "r")
        assert code == 2
        assert f"did not answer within 0 s. It is being trained by process {os.getpid()} on" in err
        assert command("resume", "r")[0] == 0, "it runs as it is"


def test_watch_tells_a_run_to_its_end(jobs: Jobs, every_step: None, endless: TrainConfig, command: Invoke) -> None:
    with training(jobs, endless) as run:
        lines: list[str] = []
        for line in watch.follow(run, 0.05):
            lines.append(line)
            if len(lines) == 4:
                send_command(run.control_path, Command.STOP)
            assert len(lines) < 500
    form = r"\d\d:\d\d:\d\d  r  running  epoch \d+/100000  step \d+/400000  loss \d\.\d{4}(  average \d\.\d{4})?  [\d.]+ steps/s  left [\d:d ]+"
    for line in lines[:4]:
        assert re.fullmatch(form, line), line
    assert "  r  stopped  " in lines[-1]
    assert [int(step) for step in re.findall(r"step (\d+)", "\n".join(lines))] == sorted(int(s) for s in re.findall(r"step (\d+)", "\n".join(lines)))
    code, out, err = command("watch", "r")
    assert (code, err) == (0, f"run r was stopped; resume it from step {find_run('r').step()} with: digitty train --resume r\n")
    assert out.rstrip("\n").partition("  ")[2] == lines[-1].partition("  ")[2], "one line, for a run that has ended"


def test_a_narrow_terminal_leaves_facts_out_and_keeps_the_rest_whole() -> None:
    run = made()
    with open_writer(run) as writer:
        writer.event("started", 0)
        for step in range(1, 470):
            writer.log({"step": step, "loss": 0.25, "lr": 1e-3, "rate": 0.67, "time": 0.0})
        writer.log({"epoch": 1, "step": 469, "average": 0.25, "seconds": 700.0, "best": True})
        writer.flush()
        lines = {width: watch.RunLine(run).line(width) for width in (200, 80, 60, 30)}
    assert lines[200] == "r  running  epoch 1/2  step 469/938  loss 0.2500  average 0.2500  0.67 steps/s  left 11:40"
    assert lines[80] == "r  running  epoch 1/2  step 469/938  loss 0.2500  0.67 steps/s  left 11:40"
    assert lines[60] == "r  running  step 469/938  loss 0.2500  left 11:40"
    assert lines[30] == "r  running  step 469/938  left 11:40"


def test_watch_before_the_first_step(command: Invoke) -> None:
    made()
    _, out, err = command("watch", "r")
    assert re.fullmatch(r"\d\d:\d\d:\d\d  r  interrupted  epoch 1/2  step 0/938\n", out)
    assert err == "run r was interrupted before its first save; start it again with: digitty train --resume r\n"


def test_runs_lists_what_is_there(jobs: Jobs, every_step: None, tiny: TrainConfig, command: Invoke) -> None:
    list(jobs.train(TrainRequest(tiny, run="done")))
    broken = made("broken")
    (broken.path / "config.json").write_text("{")
    made("new")
    code, out, _ = command("runs", "--json")
    told = {facts["run"]: facts for facts in map(json.loads, out.splitlines())}
    assert code == 0
    assert set(told) == {"done", "broken", "new"}
    assert (told["done"]["state"], told["done"]["step"], told["done"]["total_steps"]) == ("finished", 8, 8)
    assert told["done"]["loss"] == losses("done")[8]
    assert told["done"]["bytes"] == sum(path.stat().st_size for path in find_run("done").path.rglob("*") if path.is_file())
    assert abs(told["done"]["created"] - time.time()) < 600
    assert (told["new"]["step"], told["new"]["loss"]) == (0, None)
    assert "config.json" in told["broken"]["error"]
    lines = command("runs")[1].splitlines()
    assert len(lines) == 3
    assert any(re.match(r"done +finished +step 8/8 +loss \d\.\d{4} +now +\d+ kB$", line) for line in lines)


# --- what needs an answer ---------------------------------------------------------------------------------------------


class Typed(io.StringIO):
    """Somebody at a terminal, who types this."""

    def isatty(self) -> bool:
        return True


CHANGES = (["delete", "r"], ["rename", "r", "other"])


def there() -> list[str]:
    return sorted(run.name for run in all_runs())


@pytest.mark.parametrize("change", CHANGES, ids=" ".join)
@pytest.mark.parametrize(("typed", "done"), [("y\n", True), ("n\n", False), ("\n", False), ("", False)])
def test_asked_first(command: Invoke, monkeypatch: pytest.MonkeyPatch, change: list[str], typed: str, done: bool) -> None:
    made()
    monkeypatch.setattr(sys, "stdin", Typed(typed))
    code, _, err = command(*change)
    assert code == (0 if done else 2)
    assert ("nothing was changed" in err) is not done
    assert there() == ({"delete": [], "rename": ["other"]}[change[0]] if done else ["r"])


@pytest.mark.parametrize("change", CHANGES, ids=" ".join)
def test_nobody_there_to_be_asked(command: Invoke, monkeypatch: pytest.MonkeyPatch, change: list[str]) -> None:
    made()
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    code, _, err = command(*change)
    assert (code, there()) == (2, ["r"])
    assert "--yes" in err
    assert command(*change, "--yes")[0] == 0
    assert there() == {"delete": [], "rename": ["other"]}[change[0]]


@pytest.mark.parametrize("change", CHANGES, ids=" ".join)
def test_not_while_it_trains(command: Invoke, monkeypatch: pytest.MonkeyPatch, change: list[str]) -> None:
    with open_writer(made()):
        for options in (["--yes"], []):
            monkeypatch.setattr(sys, "stdin", Typed("y\n"))
            code, _, err = command(*change, *options)
            assert (code, there()) == (2, ["r"])
            assert "being trained" in err
            assert "?" not in err


@pytest.mark.parametrize(
    ("name", "told"), [("other", "run other already exists"), ("../x", "a run can't be named"), ("shipped", "a run can't be named")]
)
def test_no_name_to_be_had(command: Invoke, monkeypatch: pytest.MonkeyPatch, name: str, told: str) -> None:
    """Nobody is asked whether to do what cannot be done."""
    made()
    made("other")
    for options in (["--yes"], []):
        monkeypatch.setattr(sys, "stdin", Typed("y\n"))
        code, _, err = command("rename", "r", name, *options)
        assert (code, there()) == (2, ["other", "r"])
        assert told in err
        assert "?" not in err
