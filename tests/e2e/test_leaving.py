"""Signals and closed terminals, at any moment of any command: gone in time, with its code, saved, and nothing left behind."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import random
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import pytest
import slow_commands
from fork_server import Exit, ForkServer
from terminal import Terminal, environment

from engine.checkpoints.training_state import load_state
from engine.jobs.jobs import Jobs
from engine.process.signals import TOGETHER
from engine.protocol.requests import TrainRequest
from engine.runs.metrics_log import Follower
from engine.runs.run import Run, all_runs, find_run

WAYS = {"ctrl+c": signal.SIGINT, "SIGTERM": signal.SIGTERM, "SIGHUP": signal.SIGHUP, "hang-up": signal.SIGHUP}
"""How a command may be asked to leave, and the signal that it then gets. (To the screen ctrl+c is a key.)"""
SIGNALS = {"SIGINT": signal.SIGINT, **WAYS}
LONG = 60.0
"""Seconds in which a process should long be gone."""


class Tty:
    """A pseudo-terminal that somebody reads."""

    def __init__(self) -> None:
        self._master, slave = pty.openpty()
        self.name = os.ttyname(slave)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self._slave = slave  # kept open, so that there is always something to read from
        self._said = b""
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while not self._closing.is_set():
            if select.select([self._master], [], [], 0.02)[0]:
                self._said += os.read(self._master, 65536)

    @property
    def text(self) -> str:
        """What was said, without the progress line."""
        return re.sub(r"\r\x1b\[K[^\r\n]*(?=\r\x1b)|\r\x1b\[K", "", self._said.decode("utf-8", "replace"))

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def hang_up(self) -> None:
        """The window is closed, or the connection lost."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._reader.join()
        os.close(self._master)

    def __enter__(self) -> Tty:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        time.sleep(0.05)  # for the last bytes
        self.hang_up()
        os.close(self._slave)


class Scene:
    """Commands in a home of their own, at a terminal."""

    def __init__(self, server: ForkServer, home: Path, tty: Tty) -> None:
        self.server, self.home, self.tty = server, home, tty
        self.marker = home / "marker"
        self.pid = 0
        self._before = 0.0

    def begins(self, arguments: str, slow: str = "", seconds: float = 0.3, ignore: list[int] | None = None, keys: Mapping[str, bytes] = {}) -> None:
        """Starts a command and waits until it is where it is slow; `keys` are pressed each when its words are shown."""
        env = {**environment(self.home), "DIGITTY_HOME": str(self.home)}
        self.marker.unlink(missing_ok=True)
        call = [arguments.split(), slow, str(self.marker), seconds]
        self.pid = self.server.fork("slow_commands:command", *call, env=env, cwd=self.home, tty=self.tty.name, ignore=ignore or [])
        for words, key in keys.items():
            self.until(lambda words=words: words in self.tty.text)
            self.tty.press(key)
        if slow:
            self.until(self.marker.exists)

    def asks(self, way: str) -> None:
        """Asks it to leave."""
        self._before = processor_seconds(self.pid)
        if way == "hang-up":
            self.tty.hang_up()
        elif way == "ctrl+c":
            self.tty.press(b"\x03")
        else:
            os.kill(self.pid, SIGNALS[way])

    def noted(self, number: int) -> None:
        """Waits until the signal was heard, and a second one would act."""
        self.until(lambda: catches(self.pid, number))
        time.sleep(TOGETHER + 0.5)

    def left(self) -> int:
        """Its exit code, once it is gone and nothing of it is left."""
        death: Exit = self.server.reap(self.pid)
        assert death.seconds - self._before < 5, "it spun"
        assert session_of(self.pid) == [], "something is left over"
        return death.code

    def until(self, condition: Callable[[], object]) -> None:
        end = time.monotonic() + LONG
        while not condition():
            assert time.monotonic() < end, f"never; the terminal shows:\n{self.tty.text}"
            time.sleep(0.005)


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def catches(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal."""
    caught = re.search(r"SigCgt:\s*([0-9a-f]+)", Path(f"/proc/{pid}/status").read_text())
    assert caught is not None
    return bool(int(caught[1], 16) >> (number - 1) & 1)


def session_of(leader: int) -> list[int]:
    """The processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader:
            found.append(int(stat.parent.name))
    return found


@pytest.fixture
def scene(tiny_engine: ForkServer, home: Path) -> Iterator[Scene]:
    home.mkdir()
    with Tty() as tty:
        yield Scene(tiny_engine, home, tty)


# --- what must hold of a run ------------------------------------------------------------------------------------------


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch, one_thread: None) -> None:
    """The same digits and habits here as in slow_commands.py."""
    names = [("engine.data.mnist", "load"), ("engine.compute.autotune", "measure"), ("engine.cli.train", "Jobs")]
    for module, name in names:
        monkeypatch.setattr(f"{module}.{name}", getattr(sys.modules[module], name))
    for preset, config in slow_commands.c.PRESETS.items():
        monkeypatch.setitem(slow_commands.c.PRESETS, preset, config)  # type: ignore[arg-type]
    slow_commands.quick()


@pytest.fixture(scope="module")
def unbroken() -> dict[int, float]:
    """The losses of the run that nobody asked to leave, once it was trained."""
    return {}


@pytest.fixture
def goes_on(in_process: None, unbroken: dict[int, float]) -> Callable[[Run], bool]:
    """Whether a run, resumed, becomes the one that nobody asked to leave."""

    def losses(run: Run) -> dict[int, float]:
        return {record["step"]: record["loss"] for record in Follower(run.metrics_path).records() if "loss" in record}

    def goes_on(run: Run) -> bool:
        jobs = Jobs("cpu", "fp32", cadence=slow_commands.CADENCE)
        if not unbroken:
            list(jobs.train(TrainRequest(slow_commands.TINY, run="unbroken")))
            unbroken.update(losses(find_run("unbroken")))
        list(jobs.train(TrainRequest(run.config(), resume=run.name)))
        return run.state() == "finished" and losses(run) == unbroken

    return goes_on


def check_saved(run: Run, state: str = "stopped") -> None:
    """What an orderly end leaves: the newest state, the last line, and nothing half done."""
    assert (run.state(), run.running()) == (state, False)
    step, path = run.states()[-1]
    assert step == run.step() == load_state(path).step
    assert not list(run.path.rglob("*.part"))


# --- training ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("slow", "step"), [("step", 6), ("save", 4), ("drawing", 1)])  # the first preview is drawn after a step
def test_training_leaves_in_order(scene: Scene, goes_on: Callable[[Run], bool], slow: str, step: int, way: str) -> None:
    scene.begins("train --preset quick --run r", slow)
    scene.asks(way)
    assert scene.left() == 128 + WAYS[way]
    run = find_run("r")
    check_saved(run)
    assert run.step() == step
    if way != "hang-up":
        assert f"run r stopped at step {step} and is saved; resume it with: digitty train --resume r" in scene.tty.text
        assert "Traceback" not in scene.tty.text
    assert goes_on(run)


def test_json_tells_how_it_ended(scene: Scene) -> None:
    scene.begins("train --preset quick --run r --json", "drawing")
    scene.asks("SIGTERM")
    assert scene.left() == 128 + signal.SIGTERM
    scene.until(lambda: "TrainStopped" in scene.tty.text)
    assert json.loads(scene.tty.text.splitlines()[-1]) == {"event": "TrainStopped", "run": "r", "step": 1}


@pytest.mark.parametrize("way", ["SIGINT", "SIGTERM", "hang-up"])
@pytest.mark.parametrize(("slow", "step"), [("step", 6), ("save", 4), ("drawing", 1)])
def test_the_screen_leaves_in_order(scene: Scene, goes_on: Callable[[Run], bool], slow: str, step: int, way: str) -> None:
    """With the engine as it is; test_screen.py has the phases that need none."""
    scene.begins("", slow, keys={"Type a digit": b"\x1b[15~", "No run yet": b"n", "Cancel": b"\x13"})
    scene.asks(way)
    assert scene.left() == 128 + SIGNALS[way]
    (run,) = all_runs()
    check_saved(run)
    assert run.step() == step
    if way != "hang-up":
        assert scene.tty.text.rfind("\x1b[?1049l") > scene.tty.text.rfind("\x1b[?1049h"), "the terminal is the shell's again"
        assert "Traceback" not in scene.tty.text
    assert goes_on(run)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("arguments", ["train --preset quick --run r", "generate 7 --out x.png", "evaluate --count 9"])
def test_nothing_is_begun_yet(scene: Scene, arguments: str, way: str) -> None:
    scene.begins(arguments, "starting", seconds=LONG)
    scene.asks(way)
    assert scene.left() in (128 + WAYS[way], -WAYS[way])
    assert "Traceback" not in scene.tty.text
    assert not list(scene.home.rglob("*.p*")), "no picture, no half of anything"
    assert all(run.config() for run in all_runs())


@pytest.mark.parametrize("arguments", ["train --preset quick --run r", "generate 7", "evaluate"])
def test_the_interpreter_and_torch_are_still_being_loaded(home: Path, tmp_path: Path, arguments: str) -> None:
    """The real command, asked at some moment of its first second, which is all imports."""
    rng = random.Random(arguments)
    with ExitStack() as stack:
        terminals = {way: stack.enter_context(Terminal(arguments.split(), environment(home), tmp_path)) for way in WAYS}
        for way, terminal in terminals.items():
            time.sleep(rng.uniform(0.01, 0.3))
            if way == "hang-up":
                terminal.hang_up()
            elif way == "ctrl+c":
                terminal.type("\x03")
            else:
                terminal.process.send_signal(WAYS[way])
        for way, terminal in terminals.items():
            code = terminal.left(LONG)
            # Python's own start, before a line of ours, has messages and a code for ctrl+c that nobody can help.
            in_python = way == "ctrl+c" and code == 1 and re.search(r"Fatal Python error|Could not import runpy", terminal.text)
            assert in_python or code in (128 + WAYS[way], -WAYS[way]), terminal.text
            assert session_of(terminal.process.pid) == []
    assert all(run.config() for run in all_runs())


@pytest.mark.parametrize("imported", ["signal", "click"])
@pytest.mark.parametrize("module", ["engine.cli", "tui"])
def test_ctrl_c_amid_the_first_imports_is_no_traceback(home: Path, tmp_path: Path, module: str, imported: str) -> None:
    """Not even while `signal` is imported, which takes a while."""
    (tmp_path / f"{imported}.py").write_text("import os, time\nos.kill(os.getpid(), 2)\ntime.sleep(60)")
    env = environment(home, PYTHONPATH=os.pathsep.join([str(tmp_path), environment(home)["PYTHONPATH"]]))
    died = subprocess.run([sys.executable, "-m", module, "runs"], env=env, cwd=tmp_path, capture_output=True, timeout=LONG, check=False)
    assert (died.returncode, died.stdout, died.stderr) == (-signal.SIGINT, b"", b""), "a shell calls that 130"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("arguments", ["generate 0-9 --out x.png", "generate 0-9 --count 7 --out x.npz", "evaluate --count 40"])
def test_drawing_leaves_at_once_and_writes_nothing(scene: Scene, tiny_weights: Path, arguments: str, way: str) -> None:
    scene.begins(f"{arguments} --weights {tiny_weights}", "drawing")
    scene.asks(way)
    assert scene.left() == 128 + WAYS[way]
    assert "Traceback" not in scene.tty.text
    assert [path.name for path in scene.home.iterdir()] == ["marker"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("arguments", ["generate 7 --out x.png --weights", "generate 7 --out x.gif --weights", "generate 7 --out x.npz --weights"])
def test_a_picture_that_is_being_written_is_not_there(scene: Scene, tiny_weights: Path, arguments: str, way: str) -> None:
    check_nothing_written(scene, f"{arguments} {tiny_weights}", way)


@pytest.mark.parametrize("file", ["x.pth", "x.safetensors"])
def test_weights_that_are_being_written_are_not_there(scene: Scene, tiny_weights: Path, file: str) -> None:
    check_nothing_written(scene, f"export {tiny_weights} {file}", "SIGTERM")


def check_nothing_written(scene: Scene, arguments: str, way: str) -> None:
    scene.begins(arguments, "writing", seconds=LONG)
    assert len(list(scene.home.glob(".x.*.part"))) == 1
    scene.asks(way)
    assert scene.left() == 128 + WAYS[way]
    assert "Traceback" not in scene.tty.text
    assert [path.name for path in scene.home.iterdir()] == ["marker"]


@pytest.mark.parametrize("way", ["ctrl+c", "SIGTERM"])
def test_a_second_request_to_leave_acts_at_once(scene: Scene, goes_on: Callable[[Run], bool], way: str) -> None:
    """And costs what was not saved; the last save stands."""
    scene.begins("train --preset quick --run r", "step", seconds=LONG)
    scene.asks(way)
    scene.noted(signal.SIGTERM)
    assert session_of(scene.pid) == [scene.pid], "it finishes its step"
    scene.asks(way)
    assert scene.left() in (128 + WAYS[way], -WAYS[way])
    run = find_run("r")
    assert (run.state(), run.step(), run.states()[-1][0]) == ("interrupted", 5, 4)
    assert not list(run.path.rglob("*.part"))
    assert goes_on(run)


TOGETHER_WAYS = ["SIGHUP SIGHUP", "SIGHUP hang-up", "SIGTERM SIGHUP", "ctrl+c hang-up", "ctrl+c ctrl+c", "SIGTERM ctrl+c"]


@pytest.mark.parametrize("ways", TOGETHER_WAYS)
def test_signals_that_come_together_count_as_one(scene: Scene, goes_on: Callable[[Run], bool], ways: str) -> None:
    """systemd ends a login by SIGTERM and, at once, SIGHUP; a shell may pass on what the system sends too; and people press ctrl+c twice."""
    first, second = ways.split()
    scene.begins("train --preset quick --run r", "step", seconds=2.0)
    scene.asks(first)
    time.sleep(0.2)
    scene.asks(second)
    assert scene.left() == 128 + WAYS[first]
    check_saved(find_run("r"))
    assert goes_on(find_run("r"))


@pytest.mark.parametrize("lost", ["folder", "config.json"])
def test_what_became_of_the_folder_changes_no_exit_code(scene: Scene, lost: str) -> None:
    """It is saved where it is, and says so."""
    scene.begins("train --preset quick --run r", "step", seconds=2.0)
    run = find_run("r")
    if lost == "folder":
        run.path.rename(run.path.with_name("moved"))
        run = find_run("moved")
    else:
        (run.path / lost).unlink()
    scene.asks("SIGTERM")
    assert scene.left() == 128 + signal.SIGTERM
    assert run.states()[-1][0] == 6
    assert ("moved" if lost == "folder" else "stopped at step 6") in scene.tty.text


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("slow", ["hanging save", "hanging last save"])
def test_a_disk_that_never_answers_is_waited_for_so_long(scene: Scene, goes_on: Callable[[Run], bool], slow: str, way: str) -> None:
    scene.begins("train --preset quick --run r", slow)
    scene.asks(way)
    assert scene.left() == 128 + WAYS[way]
    run = find_run("r")
    assert (run.state(), [step for step, _ in run.states()]) == ("interrupted", [4])
    if way != "hang-up":
        assert "the disk does not respond, so digitty exits without saving" in scene.tty.text
    assert goes_on(run)


@pytest.mark.parametrize("more", ["", " --json"])
@pytest.mark.parametrize("slow", ["starting", "step", "save", "drawing"])
def test_nohup_outlives_the_terminal(scene: Scene, goes_on: Callable[[Run], bool], slow: str, more: str) -> None:
    scene.begins("train --preset quick --run r" + more, slow, ignore=[signal.SIGHUP])
    scene.asks("hang-up")
    assert scene.left() == 0
    run = find_run("r")
    check_saved(run, "finished")
    assert run.step() == slow_commands.TINY.total_steps
    assert not (scene.home / "log").exists(), "a fault was logged"


@pytest.mark.parametrize("way", ["SIGTERM", "SIGHUP"])
def test_what_outlives_its_terminal_can_still_be_asked(scene: Scene, goes_on: Callable[[Run], bool], way: str) -> None:
    ignored = [signal.SIGHUP] if way == "SIGTERM" else []
    scene.begins("train --preset quick --run r", "step", ignore=ignored)
    scene.asks("hang-up")
    if way == "SIGTERM":
        scene.asks(way)
    assert scene.left() == 128 + WAYS[way]
    check_saved(find_run("r"))
    assert goes_on(find_run("r"))
