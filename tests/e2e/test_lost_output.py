"""Output that is lost, on every command: the exit code says so, in one line or quietly. Output that is slow arrives whole."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import click
import numpy as np
import pytest
from fork_server import ForkServer
from PIL import Image
from terminal import environment

from engine.checkpoints.training_state import load_state
from engine.config.serialize import with_changes
from engine.config.training import PRESETS
from engine.data import mnist
from engine.runs.manage import delete_run
from engine.runs.run import find_run, latest_state
from tui.cli.main import digitty

LIGHT = {
    "runs": "runs",
    "watch": "watch old",
    "config": "config",
    "completion": "completion bash",
}
"""What commands that need no engine are started with, where they write data."""
HEAVY = {
    "generate": "generate 7 --steps 1 --redraw-below 0 --weights WEIGHTS",
    "sweep": "sweep 7 --guidance 1,2 --steps 1 --weights WEIGHTS",
    "train": "train --preset quick --run new --json",
    "evaluate": "evaluate --count 9 --steps 1 --weights WEIGHTS",
    "export": "export WEIGHTS x.safetensors",
    "measure": "measure few.npz",
    "rank": "rank seven few.png",
    "data": "data check few.npz --plain",
    "doctor": "doctor",
    "serve": "serve --port 0",
}
COMMANDS = {**LIGHT, **HEAVY}
SEVERAL = {name: COMMANDS[name] for name in (*LIGHT, "generate", "train")}
"""Those that end, and write in each of the ways there are."""
WITHOUT_DATA = ("stop", "pause", "resume", "delete", "rename", "gallery")
"""Commands that write to standard error alone; `gallery` does while there are no pictures."""
FULL = ["full"] if Path("/dev/full").exists() else []


def all_commands(group: click.Group) -> Iterator[str]:
    """The names of a group's commands, and of the groups in it."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from (f"{name} {inner}" for inner in all_commands(command))
        elif not command.hidden:
            yield name


class Scene:
    """Commands with an outlet each, in a home of their own that holds the run `old`."""

    def __init__(self, servers: dict[str, ForkServer], home: Path, weights: Path) -> None:
        self.servers, self.home, self.weights = servers, home, weights
        self.target, self.errors = home / "out", home / "err"
        self.env = {**environment(home), "DIGITTY_HOME": str(home), "PYTHONUNBUFFERED": ""}

    def ran(self, arguments: str, outlet: str) -> tuple[int, str]:
        """Exit code and standard error."""
        return self.begins(arguments, outlet)(), self.errors.read_text()

    def begins(self, arguments: str, outlet: str) -> Callable[[], int]:
        """What waits for its end, and returns the exit code."""
        weight = "heavy" if arguments in HEAVY.values() else "light"
        words, server = arguments.replace("WEIGHTS", str(self.weights)).split(), self.servers[weight]
        pid = server.fork(f"outlets:{weight}", words, outlet, str(self.target), str(self.errors), env=self.env, cwd=self.home)
        return lambda: server.reap(pid).code


@pytest.fixture(scope="module")
def servers(tiny_engine: ForkServer) -> Iterator[dict[str, ForkServer]]:
    with ForkServer(Path(__file__).parent, "outlets") as light:
        yield {"light": light, "heavy": tiny_engine}


@pytest.fixture
def scene(servers: dict[str, ForkServer], home: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "tui")
    from fakes import finished_run

    home.mkdir()
    finished_run("old", with_changes(PRESETS["quick"], limit=64))
    images, labels = mnist.load(False, limit=12)
    np.savez(home / "few.npz", images=images.numpy(), labels=labels.numpy())
    Image.fromarray(images[0].numpy()).save(home / "few.png")
    return Scene(servers, home, tiny_weights)


def test_no_command_is_left_out() -> None:
    assert set(all_commands(digitty)) == {*COMMANDS, *WITHOUT_DATA}


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("outlet", ["gone", *FULL])
def test_lost_output_is_an_exit_code(scene: Scene, outlet: str, arguments: str) -> None:
    code, said = scene.ran(arguments, outlet)
    assert code == {"gone": 141, "full": 3}[outlet], said
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    if outlet == "gone":
        assert "digitty:" not in said, "a closed pipe is quiet"
    else:
        assert said.splitlines()[-1].startswith("digitty: can't write to standard output: No space left on device")
    if "train" in arguments and outlet == "full":
        assert find_run("new").state() == "finished", "no work is lost for want of a log"


def test_a_reader_that_has_had_enough_stops_the_training_which_is_saved(scene: Scene) -> None:
    """train --json | head"""
    os.mkfifo(scene.target)
    reader = os.open(scene.target, os.O_RDONLY | os.O_NONBLOCK)
    ended = scene.begins(HEAVY["train"], "roomy")
    took = b""
    while b"TrainStep" not in took:
        select.select([reader], [], [], 0.1)
        with suppress(BlockingIOError):
            took += os.read(reader, 4096)
    os.close(reader)
    assert ended() == 141
    assert "digitty:" not in scene.errors.read_text()
    run = find_run("new")
    assert run.state() == "stopped"
    assert load_state(latest_state(run)).step == run.step()


@pytest.mark.parametrize("arguments", SEVERAL.values(), ids=SEVERAL)
def test_a_closed_output_is_no_failure(scene: Scene, arguments: str) -> None:
    code, said = scene.ran(arguments, "closed")
    assert code == 0, said
    assert "Traceback" not in said


@pytest.mark.parametrize("arguments", [*(f"{name} --help" for name in all_commands(digitty)), "--help", "--version"])
def test_help_and_version(scene: Scene, arguments: str) -> None:
    for outlet, expected in (("gone", 141), *((full, 3) for full in FULL), ("closed", 0)):
        code, said = scene.ran(arguments, outlet)
        assert code == expected, said
        assert said.count("\n") == (outlet == "full"), said


@pytest.mark.parametrize("arguments", SEVERAL.values(), ids=SEVERAL)
def test_a_slow_reader_gets_everything(scene: Scene, arguments: str) -> None:
    """Through a pipe that another process made non-blocking."""
    assert scene.ran(arguments, "roomy")[0] == 0
    whole = scene.target.read_bytes()
    scene.target.unlink()
    if "train" in arguments:
        delete_run(find_run("new"))
    os.mkfifo(scene.target)
    reader = os.open(scene.target, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(scene.target, os.O_WRONLY | os.O_NONBLOCK)
    filled = 0
    while filled % 4096 == 0:
        filled += fill(writer)
    os.close(writer)
    took, ended = bytearray(), threading.Event()

    def take() -> None:
        """Nothing until the command waits, or ends because it did not."""
        while not Path(f"{scene.target}.waits").exists() and not ended.wait(0.01):
            pass
        while not ended.is_set() or took_more():
            if not took_more():
                ended.wait(0.002)

    def took_more() -> bool:
        try:
            data = os.read(reader, 512)
        except BlockingIOError:
            return False
        took.extend(data)
        return bool(data)

    taking = threading.Thread(target=take)
    begun = scene.begins(arguments, "slow")
    taking.start()
    try:
        code = begun()
    finally:
        ended.set()
        taking.join()
        os.close(reader)
    assert code == 0, scene.errors.read_text()
    assert took[filled:].count(b"\n") == whole.count(b"\n")
    assert took.endswith(b"\n") == whole.endswith(b"\n")


def fill(writer: int) -> int:
    """As much as fits; a byte less than a page at the end, so that the caller knows."""
    try:
        return os.write(writer, b"-" * 4096)
    except BlockingIOError:
        return 1


@pytest.mark.parametrize(("arguments", "code"), [(HEAVY["train"], 3), ("config --init", 3), ("runs", 0), ("--help", 0)])
def test_everything_is_full(scene: Scene, arguments: str, code: int) -> None:
    """Home, working folder, temporary files and the log: no file takes a byte. Nothing waits, and nothing is a traceback."""
    server = scene.servers["heavy"]
    pid = server.fork("outlets:everything_full", arguments.split(), str(scene.errors), env=scene.env, cwd=scene.home)
    assert server.reap(pid).code == code
    said = scene.errors.read_text()
    assert "Traceback" not in said
    assert "Logging error" not in said
    if code:
        assert said.splitlines()[-1].startswith("digitty: can't write")
        assert "free some space" in said.splitlines()[-1]
