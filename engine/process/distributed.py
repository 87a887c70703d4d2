"""What the processes (ranks) of one training share: the images of a batch, commands, and the decisions of rank 0.

torch is loaded only when a group of several joins.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from engine import errors
from engine.errors import DigittyError, GroupError, SettingError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from engine.protocol.events import Event

T = TypeVar("T")

TIMEOUT = 600.0
"""Seconds without an answer after which a rank counts as lost; the others notice at once when one ends. A rank may measure or compile for minutes."""
SIGN_OF_LIFE = 0.2
"""The share of the time-out after which rank 0, in long work of its own, tells the others that it goes on."""
STOPPING_TIMEOUT = 10.0
"""Seconds that a rank waits for its device once it was asked to stop. When torchrun misses a rank it stops all, and kills them 30 s later."""
LOST_RANK_SIGNS = ("gloo", "nccl", "connection", "pair closure", "timed out", "timeout")
"""Words in the plain RuntimeErrors with which torch reports a lost rank."""


class ProcessGroup:
    """One of `size` ranks. `ProcessGroup()` is a process that trains alone: every method is then local and costs next to nothing.

    All ranks must make the collective calls (max_over_ranks, gather, broadcast, on_leader, stream_on_leader, and a step of a wrapped model) in
    the same order. When a rank is lost, the others raise GroupError out of `joined`.
    """

    def __init__(self, rank: int = 0, size: int = 1, local_rank: int = 0, timeout: float = TIMEOUT) -> None:
        if not 0 <= rank < size or local_rank < 0:
            raise SettingError(f"rank {rank} of {size} is not a valid process group; start several processes with torchrun")
        self.rank, self.size, self.local_rank = rank, size, local_rank
        self.stopping: Callable[[], bool] = lambda: False
        """Whether this rank was asked to stop; it then waits STOPPING_TIMEOUT for its device and no longer."""
        self._timeout = timeout
        self._stride = 1

    @classmethod
    def from_environment(cls) -> ProcessGroup:
        """The group that torchrun describes (RANK, WORLD_SIZE, LOCAL_RANK); without torchrun, a process that is alone. Raises SettingError."""
        if not is_rank():
            return cls()
        variables = {name: os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
        try:
            return cls(*map(int, variables.values()))
        except ValueError:
            raise SettingError(f"{variables} is not a valid process group; start several processes with torchrun") from None

    @property
    def leader(self) -> bool:
        """Whether this is rank 0, which writes the run's files and decides for all."""
        return self.rank == 0

    @contextmanager
    def joined(self, device: torch.device) -> Iterator[None]:
        """Connects the ranks: NCCL between CUDA devices, gloo between CPUs and for everything small. Explains errors."""
        if self.size == 1:
            yield
            return
        import torch.distributed as dist

        if device.type not in ("cpu", "cuda"):
            raise SettingError(f"{device.type} trains in one process only; use --device cpu for several")
        cuda = device if device.type == "cuda" else None
        with self.explain_errors():
            try:
                limit = timedelta(seconds=self._timeout)
                dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", None, limit, self.size, self.rank, device_id=cuda)
                yield
            except BaseException:
                if dist.is_initialized():
                    with suppress(Exception):
                        dist.distributed_c10d._abort_process_group()  # else NCCL's kernels wait for the other ranks, and the exit for the kernels
                raise
            self._wait_for_all()
        dist.destroy_process_group()

    @contextmanager
    def explain_errors(self) -> Iterator[None]:
        """Turns torch's errors about a rank that ended or hangs into a GroupError that says what to do."""
        try:
            yield
        except RuntimeError as error:
            if self.size > 1 and _is_lost_rank(error):
                raise _lost_rank_error() from error
            raise

    # --- the batch ----------------------------------------------------------------------------------------------------

    def shard(self, n: int) -> slice:
        """Which of n samples are this rank's: contiguous and as even as possible. Some ranks get none where n < size."""
        return slice(self.rank * n // self.size, (self.rank + 1) * n // self.size)

    def wrap(self, model: nn.Module) -> nn.Module:
        """A model whose gradients are the mean over ranks; all ranks start from the weights of rank 0."""
        if self.size == 1:
            return model
        from torch.nn.parallel import DistributedDataParallel

        return DistributedDataParallel(model, gradient_as_bucket_view=True)

    # --- agreements ---------------------------------------------------------------------------------------------------

    def gather(self, values: Tensor) -> list[list[float]]:
        """values (k,) -> the k numbers of each rank, the same list on all ranks. Waits for the device."""
        if self.size == 1:
            return [values.tolist()]
        import torch
        import torch.distributed as dist

        if values.is_cuda:
            self._wait_for_device(values.device)
        own = torch.tensor(values.tolist(), dtype=torch.float64)
        rows = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(rows, own)
        return [row.tolist() for row in rows]

    def max_over_ranks(self, value: int = 0, stride: float | None = None) -> int:
        """The largest value of any rank, on all of them. `stride`, of rank 0, is the number of steps until the next boundary is `due`."""
        if self.size == 1:
            return value
        import torch

        rows = self.gather(torch.tensor([value, self._stride if stride is None else max(1, int(stride))]))
        self._stride = int(rows[0][1])
        return int(max(row[0] for row in rows))

    def due(self, steps: int, late: bool) -> bool:
        """Whether a boundary is due after `steps`: alone when it is `late` by the clock; in a group by count, as the clocks of ranks differ."""
        return late if self.size == 1 else steps >= self._stride

    def broadcast(self, value: Any) -> Any:
        """The value of rank 0, which must be JSON, on every rank; what the others pass is ignored."""
        if self.size == 1:
            return value
        import torch
        import torch.distributed as dist

        text = json.dumps(value).encode() if self.leader else b""
        length = torch.tensor([len(text)])
        dist.broadcast(length, 0)
        letters = torch.tensor(list(text), dtype=torch.uint8) if self.leader else torch.empty(int(length), dtype=torch.uint8)
        dist.broadcast(letters, 0)
        return json.loads(bytes(letters.tolist()))

    def on_leader(self, work: Callable[[], T]) -> T:
        """Rank 0 calls `work`. Every rank returns its value, which must be JSON, or raises its DigittyError."""
        if self.size == 1:
            return work()
        outcome: dict[str, Any] = {}
        if self.leader:
            with self._broadcast_error():
                outcome = {"value": work()}
        value: T = self._receive(outcome)
        return value

    def stream_on_leader(self, work: Generator[Event, None, T]) -> Generator[Event, None, T]:
        """As `on_leader`, for work that yields events; the other ranks yield none. It may take longer than they wait for one answer."""
        if self.size == 1:
            return (yield from work)
        outcome: dict[str, Any] = {}
        if self.leader:
            with self._broadcast_error(), closing(work):
                outcome = {"value": (yield from self._with_signs_of_life(work))}
        value: T = self._receive(outcome)
        return value

    def _with_signs_of_life(self, work: Generator[Event, None, T]) -> Generator[Event, None, T]:
        """On rank 0: the same, while the other ranks are told now and then that it goes on."""
        last = time.monotonic()
        while True:
            try:
                event = next(work)
            except StopIteration as stop:
                value: T = stop.value
                return value
            if time.monotonic() - last > self._timeout * SIGN_OF_LIFE:
                last = time.monotonic()
                self.broadcast({"working": True})
            yield event

    @contextmanager
    def _broadcast_error(self) -> Iterator[None]:
        """On rank 0: a DigittyError is raised on the other ranks too."""
        try:
            yield
        except DigittyError as error:
            self.broadcast({"error": type(error).__name__, "message": str(error)})
            raise

    def _receive(self, outcome: dict[str, Any]) -> Any:
        """The value that rank 0 broadcasts. Raises the DigittyError that it broadcasts instead."""
        while "working" in (outcome := self.broadcast(outcome)):
            pass
        if "error" in outcome:
            raise getattr(errors, outcome["error"])(outcome["message"])
        return outcome["value"]

    # --- waiting ------------------------------------------------------------------------------------------------------

    def _wait_for_all(self) -> None:
        """Returns when every rank is done. Rank 0 may still be saving, and a rank that left would break its connections; a lost one is no loss."""
        import torch

        with suppress(RuntimeError):
            self.gather(torch.zeros(1))

    def _wait_for_device(self, device: torch.device) -> None:
        """Returns when the device has caught up. NCCL's kernels wait for a lost rank for ever; this raises GroupError instead."""
        import torch

        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(device))
        start = time.monotonic()
        while not event.query():  # type: ignore[no-untyped-call]
            # half of the time-out: before NCCL's own watchdog, which ends the process
            if time.monotonic() - start > (STOPPING_TIMEOUT if self.stopping() else self._timeout / 2):
                raise _lost_rank_error()
            time.sleep(0.0005)


def is_rank() -> bool:
    """Whether torchrun started this process as one of several."""
    return os.environ.keys() >= {"RANK", "MASTER_ADDR"}


def _is_lost_rank(error: RuntimeError) -> bool:
    """Whether torch reports a failed collective call, which is a RuntimeError like any other."""
    import torch

    return not isinstance(error, torch.OutOfMemoryError) and any(sign in str(error).lower() for sign in LOST_RANK_SIGNS)


def _lost_rank_error() -> GroupError:
    return GroupError("a process of this training ended or hangs. All saves are kept. Resume with --resume, on any number of processes")
