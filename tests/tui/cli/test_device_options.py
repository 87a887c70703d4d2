"""--device and --threads: on every command that computes, in config.toml, and passed on to detached runs."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.cli.entry import run
from engine.config import training as c
from engine.errors import SettingError
from engine.jobs import detach
from engine.jobs.detach import DetachedProcess
from engine.jobs.jobs import Jobs
from engine.process import processors as processors_module
from engine.process.distributed import ProcessGroup
from engine.protocol.events import Detached
from engine.protocol.requests import TrainRequest
from engine.storage import paths
from tui.cli import screen
from tui.cli.main import digitty

Asked = Callable[..., tuple[str, int | None]]


@pytest.fixture(autouse=True)
def eight_processors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: Path) -> None:
    monkeypatch.setattr(processors_module, "ROOT", tmp_path)
    monkeypatch.setattr(processors_module, "_affinity", lambda: 8)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Runs digitty up to the engine's door; the device and the number of threads that it was asked for there."""
    got: list[tuple[str, int | None]] = []

    def caught(self: Jobs, *_: object) -> None:
        got.append((self._device, self._threads))
        raise SystemExit(0)

    for name in ("draw", "train", "evaluate"):
        monkeypatch.setattr(Jobs, name, caught)
    monkeypatch.setattr(screen, "open_screen", lambda jobs, *_, **__: caught(jobs))

    def ran(*arguments: str) -> tuple[str, int | None]:
        got.clear()
        assert run(digitty, list(arguments)) == 0
        return got[0]

    return ran


def configured(text: str) -> None:
    paths.config_dir().mkdir(parents=True, exist_ok=True)
    (paths.config_dir() / "config.toml").write_text(text)


COMMANDS: list[list[str]] = [[], ["generate", "7"], ["train"], ["evaluate"], ["doctor", "--plain"]]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_that_computes_has_them(asked: Asked, command: list[str]) -> None:
    assert asked(*command) == ("auto", None)
    assert asked(*command, "--device", "cuda:1", "--threads", "3") == ("cuda:1", 3)
    assert asked("--device", "cuda:1", "--threads", "3", *command) == ("cuda:1", 3), "before the command as well"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_config_toml_sets_them(asked: Asked, command: list[str]) -> None:
    configured('[engine]\ndevice = "cuda:1"\nthreads = 3\n')
    assert asked(*command) == ("cuda:1", 3)
    assert asked(*command, "--device", "cpu", "--threads", "5") == ("cpu", 5)
    configured("[engine]\nthreads = 64\n")
    assert asked(*command) == ("auto", 8), "one file may serve several machines"
    configured('[engine]\nthreads = "auto"\n')
    assert asked(*command) == ("auto", None)


@pytest.mark.parametrize("setting", ['device = "cuda:x"', "device = 1", "threads = 0", "threads = true", "threads = 1.5", 'threads = "many"'])
def test_config_toml_is_checked(setting: str, capsys: pytest.CaptureFixture[str]) -> None:
    configured(f"[engine]\n{setting}\n")
    assert run(digitty, ["generate", "7"]) == 2
    assert f"config.toml, line 2: {setting.split()[0]} " in capsys.readouterr().err


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:-1", "cuda:x", "cpu:0", "mps:1", "CUDA", "cuda:1 ", "", "cuda:٣", "cuda:1\n"])
def test_what_names_no_device_is_refused(device: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(digitty, ["generate", "7", "--device", device]) == 2
    assert "is not one of auto, cpu, cuda, mps or cuda:N, such as cuda:1" in capsys.readouterr().err
    with pytest.raises(SettingError):
        Jobs(device)


@pytest.mark.parametrize("threads", ["0", "-2", "9"])
def test_a_number_of_threads_that_the_machine_lacks_is_refused(threads: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(digitty, ["train", "--threads", threads]) == 2
    assert f"threads {threads} is outside 1 to 8, the number of processors that this process may use" in capsys.readouterr().err


def test_config_shows_them(capsys: pytest.CaptureFixture[str]) -> None:
    configured("[engine]\nthreads = 3\n")
    assert run(digitty, ["config"]) == 0
    out = capsys.readouterr().out
    assert "threads      3                config.toml" in out
    (paths.config_dir() / "config.toml").unlink()
    assert run(digitty, ["config", "--init"]) == 0
    assert '# threads = "auto"' in (paths.config_dir() / "config.toml").read_text()


def test_under_torchrun_the_local_rank_decides() -> None:
    with pytest.raises(SettingError, match="--device cuda:1 is for one process only; under torchrun use --device cuda"):
        Jobs("cuda:1", group=ProcessGroup(0, 2))
    Jobs("cuda", group=ProcessGroup(0, 2))
    Jobs("cuda:1", group=ProcessGroup(0, 1))


def test_a_detached_run_gets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    class Pipe(io.StringIO):
        def write(self, text: str) -> int:
            told.append(text)
            return len(text)

    class Process:
        pid, stdout = 1, io.StringIO('{"event": "TrainStarted", "run": "r"}\n')

        def __init__(self, _: list[str], **__: Any) -> None:
            self.stdin = Pipe()

        def wait(self) -> int:
            return 0

    monkeypatch.setattr(detach.subprocess, "Popen", Process)
    assert list(Jobs("cuda:1", "fp32", 3).detach(TrainRequest(c.PRESETS["quick"])))[-1] == Detached("r")
    DetachedProcess(TrainRequest(c.PRESETS["quick"]))
    with_them, without = map(json.loads, told)
    assert (with_them["device"], with_them["precision"], with_them["threads"]) == ("cuda:1", "fp32", 3)
    assert (without["device"], without["precision"], without["threads"]) == ("auto", "auto", None)
