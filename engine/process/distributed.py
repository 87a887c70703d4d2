"""What the ranks of one training share: who takes which images, what they agree on, rank 0's word. Loads torch only when opened."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
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
"""Seconds without an answer after which a rank is lost; one that ends is missed at once. A rank may measure or compile for minutes."""
HURRY = 10.0
"""The same for a device once this rank was asked to stop: torchrun asks all when it misses one, and kills 30 s later."""
LOST = ("gloo", "nccl", "connection", "pair closure", "timed out", "timeout")
"""How torch's plain RuntimeErrors tell of a rank that is gone."""


class ProcessGroup:
    """One of `size` ranks; `ProcessGroup()` is alone, and every method is then local and as good as free.

    What is called with others (agree, gather, tell, lead, and a step of what `wrap` gives) is called by all ranks, in the
    same order. A rank that is gone makes the rest raise GroupError out of `opened`.
    """

    def __init__(self, rank: int = 0, size: int = 1, local_rank: int = 0, timeout: float = TIMEOUT) -> None:
        if not 0 <= rank < size or local_rank < 0:
            raise SettingError(f"rank {rank} of {size} makes no group; start several processes with torchrun")
        self.rank, self.size, self.local_rank = rank, size, local_rank
        self.stopping: Callable[[], bool] = lambda: False
        """Whether this rank was asked to stop; then it waits HURRY for its device and no longer."""
        self._timeout = timeout
        self._stride = 1

    @classmethod
    def from_environment(cls) -> ProcessGroup:
        """As torchrun says (RANK, WORLD_SIZE, LOCAL_RANK); alone where it says nothing. Raises SettingError for nonsense."""
        if not is_rank():
            return cls()
        told = {name: os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
        try:
            return cls(*map(int, told.values()))
        except ValueError:
            raise SettingError(f"{told} makes no group; start several processes with torchrun") from None

    @property
    def leader(self) -> bool:
        """Whether this rank writes, and decides what is not agreed on."""
        return self.rank == 0

    @contextmanager
    def opened(self, device: torch.device) -> Iterator[None]:
        """Joined to the others: by NCCL between CUDA devices, by gloo between CPUs and for all that is small. Clears errors."""
        if self.size == 1:
            yield
            return
        import torch.distributed as dist

        if device.type not in ("cpu", "cuda"):
            raise SettingError(f"{device.type} trains in one process; use --device cpu for several")
        cuda = device if device.type == "cuda" else None
        with self.clear_errors():
            try:
                limit = timedelta(seconds=self._timeout)
                dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", None, limit, self.size, self.rank, device_id=cuda)
                yield
            except BaseException:
                if dist.is_initialized():
                    with suppress(Exception):
                        dist.distributed_c10d._abort_process_group()  # else NCCL's kernels wait for the others, and leaving for them
                raise
            self._meet()
        dist.destroy_process_group()

    @contextmanager
    def clear_errors(self) -> Iterator[None]:
        """A rank that is gone or hangs as a GroupError with the way out, whatever torch says of it."""
        try:
            yield
        except RuntimeError as error:
            if self.size > 1 and _lost(error):
                raise GroupError(_gone()) from error
            raise

    def share(self, n: int) -> slice:
        """Which of n samples are this rank's: contiguous, as even as can be, none where n < size leaves none."""
        return slice(self.rank * n // self.size, (self.rank + 1) * n // self.size)

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model, whose gradients are then the mean over ranks; it starts from rank 0's weights."""
        if self.size == 1:
            return model
        from torch.nn.parallel import DistributedDataParallel

        return DistributedDataParallel(model, gradient_as_bucket_view=True)

    def gather(self, values: Tensor) -> list[list[float]]:
        """values (k,) -> k numbers a rank, the same on all ranks. Waits for the device."""
        if self.size == 1:
            return [values.tolist()]
        import torch
        import torch.distributed as dist

        if values.is_cuda:
            self._wait(values.device)
        mine = torch.tensor(values.tolist(), dtype=torch.float64)
        rows = [torch.empty_like(mine) for _ in range(self.size)]
        dist.all_gather(rows, mine)
        return [row.tolist() for row in rows]

    def agree(self, wish: int = 0, stride: float | None = None) -> int:
        """The greatest wish of any rank, on all. Rank 0's stride says after how many steps the next boundary is `due`."""
        if self.size == 1:
            return wish
        import torch

        rows = self.gather(torch.tensor([wish, self._stride if stride is None else max(1, int(stride))]))
        self._stride = int(rows[0][1])
        return int(max(wished for wished, _ in rows))

    def due(self, steps: int, late: bool) -> bool:
        """Whether a stretch of so many steps ends: alone when it is late by the clock; in a group by count, as clocks differ."""
        return late if self.size == 1 else steps >= self._stride

    def tell(self, value: Any) -> Any:
        """Rank 0's value, JSON, on every rank; what the others hand in is ignored."""
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

    def lead(self, work: Generator[Event, None, T]) -> Generator[Event, None, T]:
        """Rank 0 alone does the work. Every rank returns its value, JSON, or raises its DigittyError."""
        if self.size == 1:
            return (yield from work)
        done: dict[str, Any] = {}
        if self.leader:
            try:
                done = {"value": (yield from work)}
            except DigittyError as error:
                self.tell({"error": type(error).__name__, "message": str(error)})
                raise
        done = self.tell(done)
        if "error" in done:
            raise getattr(errors, done["error"])(done["message"])
        value: T = done["value"]
        return value

    def _meet(self) -> None:
        """Waits until every rank is done: rank 0 may still save, and a rank that left would break its connections. A lost one is no loss now."""
        import torch

        with suppress(RuntimeError):
            self.gather(torch.zeros(1))

    def _wait(self, device: torch.device) -> None:
        """Until the device has caught up. NCCL's kernels wait for a lost rank for ever, so this does not."""
        import torch

        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(device))
        start = time.monotonic()
        while not event.query():  # type: ignore[no-untyped-call]
            # half: before NCCL's own watchdog, which ends the process
            if time.monotonic() - start > (HURRY if self.stopping() else self._timeout / 2):
                raise GroupError(_gone())
            time.sleep(0.0005)


def is_rank() -> bool:
    """Whether torchrun started this process as one of several."""
    return os.environ.keys() >= {"RANK", "MASTER_ADDR"}


def _lost(error: RuntimeError) -> bool:
    """Whether torch tells of a collective that failed, which is a RuntimeError like any other."""
    import torch

    return not isinstance(error, torch.OutOfMemoryError) and any(sign in str(error).lower() for sign in LOST)


def _gone() -> str:
    return "a process of this training is gone or hangs; what was saved stands: go on with --resume, with as many processes as there are now"
