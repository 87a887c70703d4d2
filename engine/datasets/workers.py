"""Processes that decode pictures side by side, and give back the results in order.

They are started as plain interpreters rather than by multiprocessing, which would run the user's own script again in each of them. All
end at once when this process closes their connections, and also when it is killed. A picture that kills its worker costs only that picture.
"""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Generic, Self, TypeVar, cast

from engine.datasets.decoder import Answer, Task
from engine.datasets.sources.source import Source
from engine.errors import DeviceError

T = TypeVar("T")

WAIT = 0.1
"""Seconds after which a caller that waits for results may do something else."""
AHEAD = 4
"""Tasks for each worker that may be under way or wait for an earlier one: limits the memory that results take."""
START = (
    "import sys; from multiprocessing.connection import Connection; c = Connection(int(sys.argv[1])); sys.path[:] = c.recv(); "
    "from engine.datasets.decoder import serve; serve(c)"
)
"""What a worker runs."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
NOT_STARTED = "no process can be started to decode pictures; raise the limits (ulimit -u, ulimit -n, ulimit -v), or end some processes"


class WorkerPool:
    """Worker processes for one source, as a context manager that ends them. With `count` 0, tasks run in this process.

    Raises DeviceError if no worker can be started; if only some can, those do the work.
    """

    def __init__(self, source: Source, count: int) -> None:
        self.source = source
        self.workers: list[Worker] = []
        self._count = count
        self._pickled = pickle.dumps(source) if count else b""

    def __enter__(self) -> Self:
        try:
            with suppress(OSError):  # no more processes or files
                for _ in range(self._count):
                    self.workers.append(Worker())
            for worker in self.workers:
                worker.send_source(self._pickled)
            if self._count and not self.workers:
                raise DeviceError(NOT_STARTED)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self.workers:
            worker.process.kill()  # all of them, before waiting for any
        for worker in self.workers:
            worker.stop()
        self.workers = []

    def run(self, tasks: Iterable[Task[T]]) -> Iterator[T | None]:
        """The results in the order of the tasks. None whenever the next one is not finished yet, at least every WAIT seconds."""
        if self._count:
            yield from _Queue(self, tasks).results()
            return
        for task in tasks:
            yield None
            yield task.run(self.source)

    def replace(self, worker: Worker) -> None:
        """Starts another worker in place of one that died, unless that died while it started. Raises DeviceError where none is left."""
        worker.stop()
        self.workers.remove(worker)
        if worker.ready:
            with suppress(OSError):
                fresh = Worker()
                self.workers.append(fresh)
                fresh.send_source(self._pickled)
        if not self.workers:
            raise DeviceError(NOT_STARTED)


class Place(Generic[T]):
    """A task in the order of all tasks, and its result once that is there."""

    def __init__(self, task: Task[T], single: bool = False) -> None:
        self.task = task
        self.single = single
        """Whether it is one picture of a task whose worker died."""
        self.result: T | None = None
        self.finished = False

    def finish(self, result: T | None) -> None:
        self.result, self.finished = result, True


class Worker:
    """One process, and the connection to it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,  # ctrl+c in the terminal is for the process that started it, which then ends its workers
                env=os.environ | ONE_THREAD,
            )
            self.connection = Connection(ours.detach())
        self.ready = False
        """Whether it has started and has the source."""
        self.place: Place[object] | None = None
        """What it works on."""

    def send_source(self, pickled: bytes) -> None:
        self.send(sys.path)
        with suppress(OSError):
            self.connection.send_bytes(pickled)

    def send(self, message: object) -> None:
        """A worker that has died is found when its answer is received, not here."""
        with suppress(OSError):
            self.connection.send(message)

    def stop(self) -> None:
        """Ends the process now."""
        self.process.kill()
        self.process.wait()
        self.connection.close()


class _Queue(Generic[T]):
    """The order of the tasks: those that wait for a worker, are under way, or are finished before an earlier one is."""

    def __init__(self, pool: WorkerPool, tasks: Iterable[Task[T]]) -> None:
        self._pool = pool
        self._tasks = iter(tasks)
        self._order: deque[Place[T]] = deque()
        """All whose result is not delivered."""
        self._waiting: deque[Place[T]] = deque()
        """Those of them that no worker has."""

    def results(self) -> Iterator[T | None]:
        while self._assign():
            self._receive()
            if not self._order[0].finished:
                yield None
            while self._order and self._order[0].finished:
                self._assign()  # so that workers don't wait while the caller uses the result
                yield self._order.popleft().result

    def _assign(self) -> bool:
        """Gives every idle worker a task. Whether any result is left to deliver."""
        while len(self._order) < AHEAD * len(self._pool.workers) and (task := next(self._tasks, None)) is not None:
            self._order.append(Place(task))
            self._waiting.append(self._order[-1])
        for worker in self._pool.workers:
            if self._waiting and worker.ready and worker.place is None:
                place = self._waiting.popleft()
                worker.place = cast(Place[object], place)
                worker.send(place.task)
        return bool(self._order)

    def _receive(self) -> None:
        """Takes the answers that are there, after waiting for at most WAIT seconds. Raises the error that a worker reports."""
        workers = {worker.connection: worker for worker in self._pool.workers}
        for connection in wait(list(workers), WAIT):
            worker = workers[cast(Connection, connection)]
            try:
                answer: Answer[T] = worker.connection.recv()
            except (EOFError, OSError):
                self._lose(worker)
                continue
            if answer.error is not None:
                raise answer.error
            worker.ready = True
            if worker.place is not None:
                worker.place.finish(answer.result)
                worker.place = None

    def _lose(self, worker: Worker) -> None:
        """The worker died: its pictures are tried one by one, and one that kills a worker alone is given up."""
        self._pool.replace(worker)
        if worker.place is None:
            return
        place = cast(Place[T], worker.place)
        if place.single:
            place.finish(place.task.give_up(self._pool.source))
            return
        singles = [Place(task, single=True) for task in place.task.split()]
        self._order = deque(each for old in self._order for each in (singles if old is place else [old]))
        self._waiting.extendleft(reversed(singles))
