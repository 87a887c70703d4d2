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

RECIPE = ["--preset", "quick", "--limit", "90", "--batch-size", "16", "--device", "cpu", "--precision", "fp32", "--epochs", "4"]
STEPS = 24


def start(*options: str, ranks: int) -> subprocess.Popen[bytes]:
    several = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)] if ranks > 1 else []
    command = [sys.executable, "-P", *several, "-m", "engine.cli", "train", "--device", "cpu", *options]
    return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


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


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are looked up in /proc")
def test_one_run_whatever_the_number_of_processes() -> None:
    said, _ = start(*RECIPE, "--name", "alone", ranks=1).communicate(timeout=240)
    assert find_run("alone").state() == "finished", said.decode()

    process = start(*RECIPE, "--name", "several", ranks=2)
    until(lambda: any(run.step() >= 3 for run in all_runs() if run.name == "several"), process)
    run = find_run("several")
    assert run.running()
    process.terminate()  # torchrun passes it on to every rank, at different steps
    said, _ = process.communicate(timeout=240)
    assert run.state() == "stopped", said.decode()
    stopped = run.states()[-1][0]
    assert stopped == run.step() >= 3

    process = start("--resume", "several", ranks=2)
    until(lambda: run.step() >= stopped + 2, process)
    os.kill(workers(process.pid)[-1], signal.SIGKILL)
    said, _ = process.communicate(timeout=240)
    assert process.returncode != 0
    assert run.state() in ("failed", "interrupted"), said.decode()
    assert not run.running()

    said, _ = start("--resume", "several", ranks=1).communicate(timeout=240)
    assert run.state() == "finished", said.decode()
    assert len(losses("several")) == STEPS
    assert losses("several") == pytest.approx(losses("alone"), abs=1e-4)
