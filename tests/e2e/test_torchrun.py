"""One run, trained by several processes: started by torchrun, stopped, robbed of a rank, and ended by one process alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.runs import export
from engine.runs.run import all_runs, find_run

RECIPE = ["--preset", "quick", "--limit", "22", "--batch-size", "4", "--device", "cpu", "--precision", "fp32", "--epochs", "4"]
STEPS = 24


def start(*options: str) -> subprocess.Popen[bytes]:
    """Two ranks, under torchrun."""
    torchrun = [sys.executable, "-P", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.Popen(
        [*torchrun, "-m", "engine.cli", "train", "--device", "cpu", *options],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()[0].decode()
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)


def workers(parent: int) -> list[int]:
    """The child processes of one."""
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def losses(name: str) -> list[float]:
    return [row["loss"] for row in export.rows(find_run(name))]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are looked up in /proc")
def test_one_run_whatever_the_number_of_processes(command: Callable[..., tuple[int, str, str]], one_thread: None) -> None:
    """Two starts by torchrun; where one process is enough, this one."""
    code, _, said = command("train", *RECIPE, "--name", "alone")
    assert (code, find_run("alone").state()) == (0, "finished"), said

    process = start(*RECIPE, "--name", "several")
    until(lambda: any(run.step() >= 3 for run in all_runs() if run.name == "several"), process)
    run = find_run("several")
    assert run.running()
    process.terminate()  # torchrun passes it on to every rank, at different steps
    output, _ = process.communicate(timeout=240)
    assert run.state() == "stopped", output.decode()
    stopped = run.states()[-1][0]
    assert stopped == run.step() >= 3

    process = start("--resume", "several")
    until(lambda: run.step() >= stopped + 2, process)
    os.kill(workers(process.pid)[-1], signal.SIGKILL)
    output, _ = process.communicate(timeout=240)
    assert process.returncode != 0
    assert run.state() in ("failed", "interrupted"), output.decode()
    assert not run.running()

    code, _, said = command("train", "--device", "cpu", "--resume", "several")
    assert (code, run.state()) == (0, "finished"), said
    assert len(losses("several")) == STEPS
    assert losses("several") == pytest.approx(losses("alone"), abs=1e-4)
