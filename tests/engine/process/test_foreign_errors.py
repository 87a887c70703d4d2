"""What is no fault of digitty's is said in words, with the way out; what is one stays one."""

from __future__ import annotations

import errno
import os
import queue
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import DeviceError, InputError, PackageError
from engine.jobs.worker import Worker
from engine.process.foreign_errors import explain
from engine.protocol.events import Ended, Event

ROOT = Path(__file__).parents[3]
UNDEFINED = "/lib/libtorch.so: undefined symbol: \x1b[31mx"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModuleNotFoundError("No module named 'torch'", name="torch"), "torch is not installed; install it with: * -m pip install torch torchvision"),
        (ModuleNotFoundError("No module named 'PIL'", name="PIL"), "PIL is not installed; install it with: * -m pip install pillow"),
        (ImportError(UNDEFINED, name="torch._C"), "torch can't be loaded (*symbol: ·[31mx); reinstall it with: * torch torchvision"),
        (ImportError(UNDEFINED), "a package can't be loaded (*); reinstall digitty's packages"),
        (ModuleNotFoundError("No module named 'numpy._core'", name="numpy._core"), "numpy can't be loaded (*); reinstall it with: * numpy"),
    ],
)
def test_a_package_that_is_missing_or_damaged(error: ImportError, words: str) -> None:
    found = explain(error)
    assert isinstance(found, PackageError)
    assert found.exit_code == 4
    said = str(found)
    for part in words.split("*"):
        assert part in said
        said = said.partition(part)[2]


@pytest.mark.parametrize(
    ("error", "loading"),
    [
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), True),
        (OSError("libcublas.so.12: failed to map segment from shared object"), True),
        (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), False),
        (MemoryError(), False),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
            False,
        ),
    ],
)
def test_memory_that_does_not_suffice(error: BaseException, loading: bool) -> None:
    found = explain(error)
    assert type(found) is DeviceError
    assert str(found).startswith("not enough memory")
    assert ("to load its libraries" in str(found)) == loading


@pytest.mark.parametrize("number", [errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES, errno.EPERM])
def test_a_path_that_cannot_be_used(number: int) -> None:
    found = explain(OSError(number, os.strerror(number), "x" * 5000 + "\x1b"))
    assert type(found) is InputError
    assert str(found).startswith("can't use xxx")
    assert os.strerror(number) in str(found)
    assert len(str(found)) < 400


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("No module named 'engine.nothing'", name="engine.nothing"),
        ImportError("cannot import name 'x' from 'tui.cli.main'", name="tui.cli.main"),
        OSError(errno.EBADF, os.strerror(errno.EBADF)),
        RuntimeError("shapes do not fit"),
        KeyError("memory"),
    ],
)
def test_digittys_own_faults_stay_faults(error: BaseException) -> None:
    assert explain(error) is None


def test_a_job_that_lacks_a_package_fails_in_words() -> None:
    told: queue.Queue[Event] = queue.Queue()

    def job() -> object:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    worker = Worker(lambda _, event: told.put(event))
    worker.submit("draw", job)  # type: ignore[arg-type]
    ended = told.get(timeout=60)
    worker.close(60)
    assert isinstance(ended, Ended)
    assert (ended.outcome, ended.unexpected) == ("failed", False)
    assert ended.message.startswith("torch is not installed")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems do not limit address space")
def test_too_little_address_space_for_torch(home: Path) -> None:
    """As under `ulimit -v`: 300 MB hold the command, and no build of torch."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (300_000_000, 300_000_000))

    command = [sys.executable, "-m", "tui", "generate", "seven"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=home.parent, env=env, capture_output=True, text=True, preexec_fn=limit, timeout=120)
    assert done.returncode == 4, done.stderr
    assert "digitty: not enough memory to load its libraries; raise the memory limit" in done.stderr
    assert "Traceback" not in done.stderr
