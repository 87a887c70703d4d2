"""One process that has imported torch and forks others at a word: an import costs seconds, a fork nothing.

It runs nothing with torch itself, since a pool of threads does not survive a fork. It speaks JSON, a line each way:

    {"call": "module:function", "arguments": [...], "env": {...}, "cwd": "...", "tty": "/dev/pts/3", "ignore": [1]}   ->   1234
    {"reap": 1234, "seconds": 300}   ->   [-9, 0.25]        exit code as `subprocess` has it, and seconds of processor time; null: it hung
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
HUNG = 180.0
"""Seconds after which who is waited for has hung, however busy the machine."""


class Exit(NamedTuple):
    code: int
    """Negative for a signal."""
    seconds: float
    """Of processor time, in a whole life."""


class ForkServer:
    """`with ForkServer(folder of the modules, "module", …) as server:` the modules are imported before the first fork."""

    def __init__(self, folder: Path, *modules: str) -> None:
        path = os.pathsep.join(map(str, (ROOT, folder, ROOT / "tests")))
        self._process = subprocess.Popen(
            [sys.executable, __file__, *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        )
        self._alive: set[int] = set()

    def fork(
        self,
        call: str,
        *arguments: object,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        tty: str | None = None,
        ignore: Sequence[int] = (),
    ) -> int:
        """A process that calls `module:function`; with a `tty` a session of its own there. Returns its id, good until `reap`."""
        request = {"call": call, "arguments": arguments, "env": {**(env or {})}, "cwd": str(cwd or ROOT), "tty": tty, "ignore": [*ignore]}
        pid = int(self._asked(request))
        self._alive.add(pid)
        return pid

    def reap(self, pid: int, seconds: float = HUNG) -> Exit:
        """Waits for its end; one that hangs says where, on its standard error, and is killed."""
        told = self._asked({"reap": pid, "seconds": seconds})
        self._alive.discard(pid)
        assert told is not None, f"process {pid} hung for {seconds:g} s; its standard error says where"
        return Exit(*told)

    def _asked(self, request: Mapping[str, object]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the server died; its words are on standard error"
        return json.loads(answer)

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        for pid in self._alive:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(HUNG)  # it may still be importing
        self._process.stdout.close()


# --- inside -----------------------------------------------------------------------------------------------------------


def serve() -> None:
    """Forks until the requests end; a child leaves the loop, and then the interpreter as any program does."""
    for module in sys.argv[1:]:
        importlib.import_module(module)
    gc.freeze()  # else a child's first collection copies all that is shared
    with os.fdopen(os.dup(0)) as requests, os.fdopen(os.dup(1), "w") as answers:
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 0)
        os.dup2(2, 1)
        for line in requests:
            request = json.loads(line)
            if "reap" in request:
                answer: object = _reaped(request["reap"], request["seconds"])
            elif not (answer := os.fork()):
                break
            print(json.dumps(answer), file=answers, flush=True)
        else:
            os._exit(0)
    _live(request)


def _reaped(pid: int, seconds: float) -> tuple[int, float] | None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ended, status, used = os.wait4(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime
        time.sleep(0.002)
    for number in (signal.SIGABRT, signal.SIGKILL):  # faulthandler answers the first
        os.kill(pid, number)
        time.sleep(0.5)
    os.waitpid(pid, 0)
    return None


def _live(request: Mapping[str, Any]) -> None:
    """As if the command had been started anew."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL), (signal.SIGHUP, signal.SIG_DFL)):
        signal.signal(number, signal.SIG_IGN if number in request["ignore"] else handler)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    os.chdir(request["cwd"])
    os.environ.update(request["env"])
    if request["tty"]:
        os.setsid()
        terminal = os.open(request["tty"], os.O_RDWR)  # the first one that a session's leader opens is the session's own
        for stream in (0, 1, 2):
            os.dup2(terminal, stream)
        os.close(terminal)
    module, _, function = request["call"].partition(":")
    getattr(importlib.import_module(module), function)(*request["arguments"])


if __name__ == "__main__":
    serve()
