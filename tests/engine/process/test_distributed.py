"""Several ranks against one process: the same curve and the same weights; agreements, losses that are not finite, ranks that are lost.

Ranks are processes joined by gloo over the loopback, forked from a server that has imported torch once.
"""

from __future__ import annotations

import io
import math
import multiprocessing
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from itertools import pairwise
from multiprocessing.connection import Connection
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torch.testing import assert_close

from engine.checkpoints.training_state import TrainingState
from engine.compute.precision import Numerics
from engine.config.model import ModelConfig, ScheduleConfig
from engine.config.training import TrainConfig
from engine.errors import DivergedError, GroupError, RunError, SettingError
from engine.process.distributed import ProcessGroup
from engine.protocol.events import Event, Preparing, Tick
from engine.training.trainer import Trainer

CPU = torch.device("cpu")
WAIT = 60.0
"""Seconds a rank may take for its part of a test."""


def ranks(size: int, work: Callable[..., Any], *args: object, lost: int | None = None) -> list[Any]:
    """What `work(group, *args)` returns or raises in each of `size` processes; None for the one that is lost, which is not waited for."""
    start = multiprocessing.get_context("forkserver")
    start.set_forkserver_preload(["torch._dynamo", "torch.distributed", "pytest", "engine.training.trainer"])
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # as torchrun does, so that no rank holds it
    pipes = [start.Pipe(duplex=False) for _ in range(size)]
    processes = [start.Process(target=_rank, args=(rank, size, store.port, say, work, args)) for rank, (_, say) in enumerate(pipes)]
    try:
        for process, (_, say) in zip(processes, pipes, strict=True):
            process.start()
            say.close()
        return [None if rank == lost else _told(hear) for rank, (hear, _) in enumerate(pipes)]
    finally:
        for process, (hear, _) in zip(processes, pipes, strict=True):
            process.kill()
            process.join()
            process.close()
            hear.close()


def _rank(rank: int, size: int, port: int, say: Connection, work: Callable[..., Any], args: tuple[object, ...]) -> None:
    torch.set_num_threads(1)
    told = {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "GLOO_SOCKET_IFNAME": "lo"}
    os.environ.update({name: str(value) for name, value in told.items()}, TORCHELASTIC_USE_AGENT_STORE="True")
    try:
        result = work(ProcessGroup.from_environment(), *args)
    except Exception as error:
        result = error
    say.send_bytes(pickle.dumps(result))


def _told(hear: Connection) -> Any:
    if not hear.poll(WAIT):
        raise TimeoutError
    return pickle.loads(hear.recv_bytes())


@pytest.fixture
def short(tiny: TrainConfig) -> TrainConfig:
    """Batches of 16, 16, 16 and 1: unequal shares for three ranks, and none for some. Half of the gradients are clipped."""
    return replace(tiny, limit=49, epochs=6, clip=1.15)


def made(config: TrainConfig, group: ProcessGroup) -> Trainer:
    images = torch.randint(256, (config.images, 28, 28), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    return Trainer(config, images, torch.arange(config.images) % 10, Numerics("fp32", channels_last=False), CPU, group)


def walk(group: ProcessGroup, config: TrainConfig, to: int, start: bytes | None = None, keep: int = 0) -> dict[str, Any]:
    """From the start, or a state, to a step; the state of step `keep` is kept, as bytes."""
    losses, averages, kept = [], [], b""
    with group.joined(CPU):
        trainer = made(config, group)
        if start:
            trainer.restore(TrainingState.from_values(torch.load(io.BytesIO(start), weights_only=True)))
        while trainer.step < to:
            trainer.train_step()
            if trainer.step % 3 == 0 or trainer.step in (keep, to) or trainer.step % 4 == 0:
                losses += trainer.read_losses()
            if trainer.step % 4 == 0:
                averages.append(trainer.end_epoch())
            if trainer.step == keep:
                kept = saved(trainer)
        return {"losses": losses, "averages": averages, "kept": kept, "state": saved(trainer)}


def saved(trainer: Trainer) -> bytes:
    file = io.BytesIO()
    torch.save(trainer.state().to_values(), file)
    return file.getvalue()


def tensors(state: bytes) -> dict[str, Tensor]:
    """Weights, averages and moments by name."""
    loaded = torch.load(io.BytesIO(state), weights_only=True)
    moments = {f"{i} {name}": tensor for i, of in loaded["optimizer"]["state"].items() for name, tensor in of.items()}
    return loaded["model"] | {f"ema {name}": tensor for name, tensor in loaded["ema"].items()} | moments


# --- the same run -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 3])
def test_ranks_train_as_one_process_does(short: TrainConfig, size: int) -> None:
    """Losses and epoch averages of 20 steps; weights, average and moments at the end, to the bit the same on all ranks."""
    alone = walk(ProcessGroup(), short, 20)
    told = ranks(size, walk, short, 20)
    for one in told:
        assert one["losses"] == told[0]["losses"]
        assert one["losses"] == pytest.approx(alone["losses"], abs=1e-4)
        assert one["averages"] == pytest.approx(alone["averages"], abs=1e-4)
        assert one["state"] == told[0]["state"]
    expected = tensors(alone["state"])
    for name, tensor in tensors(told[0]["state"]).items():
        assert_close(tensor, expected[name], rtol=1e-3, atol=2e-5)


def test_ranks_share_what_the_seed_has_not(tiny: TrainConfig) -> None:
    """Patches, attention, v-prediction and Muon: each rank makes the same orthogonal update of the gradient they share."""
    model = ModelConfig(channels=(12, 12), time_dim=16, emb_dim=16, groups=4, attention=True, prediction="v")
    config = replace(tiny, model=model, schedule=ScheduleConfig("cosine"), optimizer="muon", timesteps="lognormal")
    alone = walk(ProcessGroup(), config, 8)
    told = ranks(2, walk, config, 8)
    assert told[0]["losses"] == told[1]["losses"] == pytest.approx(alone["losses"], abs=1e-4)
    assert told[0]["state"] == told[1]["state"]


@pytest.mark.slow
def test_a_state_goes_on_with_another_number_of_ranks(short: TrainConfig) -> None:
    """Left by one process in mid-epoch, taken up by two, left, taken up by three and by one: the curve of a run that was never left."""
    whole = walk(ProcessGroup(), short, 15)
    first = walk(ProcessGroup(), short, 5)
    second = ranks(2, walk, short, 15, first["state"], 10)[0]
    ends = [ranks(3, walk, short, 15, second["kept"])[0], walk(ProcessGroup(), short, 15, second["kept"])]
    assert first["losses"] + second["losses"] == pytest.approx(whole["losses"], abs=1e-4)
    for last in ends:
        assert last["losses"] == pytest.approx(whole["losses"][10:], abs=1e-4)
        assert last["averages"] == pytest.approx(whole["averages"][-1:], abs=1e-4)


def test_labels_that_are_all_withheld_still_have_a_gradient(tiny: TrainConfig) -> None:
    """DistributedDataParallel refuses a second step where a parameter took no part in the first."""
    alone = walk(ProcessGroup(), replace(tiny, label_dropout=1.0), 4)
    assert ranks(2, walk, replace(tiny, label_dropout=1.0), 4)[1]["losses"] == pytest.approx(alone["losses"], abs=1e-4)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_shares_are_even_and_leave_nothing_out(size: int) -> None:
    for n in (0, 1, 2, 6, 96, 128):
        shares = [ProcessGroup(rank, size).shard(n) for rank in range(size)]
        assert (shares[0].start, shares[-1].stop) == (0, n)
        assert all(a.stop == b.start for a, b in pairwise(shares))
        lengths = {share.stop - share.start for share in shares}
        assert max(lengths) - min(lengths) <= 1


# --- agreements -------------------------------------------------------------------------------------------------------


def agreements(group: ProcessGroup) -> dict[str, Any]:
    """What a rank of three learns."""

    def work(error: bool) -> Generator[Event, None, list[str]]:
        yield Preparing("rank 0's work")
        if error:
            raise RunError("no run 'é'; digitty runs lists them")
        return ["bf16", "channels_last"]

    told: dict[str, Any] = {}
    with group.joined(CPU):
        told["nothing"] = group.max_over_ranks()
        told["greatest"] = group.max_over_ranks([3, 0, 1][group.rank], [5.9, 1e9, 0.1][group.rank])
        told["due"] = [group.due(steps, late=True) for steps in (4, 5, 6)]
        told["still"] = (group.max_over_ranks([0, 0, 2][group.rank]), [group.due(steps, late=False) for steps in (4, 5)])
        told["slow"] = (group.max_over_ranks(stride=0.01), group.due(1, late=False))
        told["word"] = group.broadcast({"path": "/r/é", "steps": [1, None]} if group.leader else "ignored")
        told["gathered"] = group.gather(torch.tensor([group.rank, 2.0**40]))
        events = []
        work_done = group.stream_on_leader(work(False))
        try:
            while True:
                events.append(next(work_done))
        except StopIteration as stop:
            told["led"] = stop.value
        told["events"] = events
        with pytest.raises(RunError, match="no run 'é'; digitty") as raised:
            list(group.stream_on_leader(work(True)))
        told["raised"] = type(raised.value).__name__
        told["called"] = group.on_leader(lambda: ["run", group.rank])
        with pytest.raises(RunError, match="no run 'é'; digitty"):
            group.on_leader(lambda: list(work(True)))
    return told


def long_work(group: ProcessGroup) -> str:
    """What rank 0 returns from work that takes three times as long as the others wait for an answer."""

    def work() -> Generator[Event, None, str]:
        end = time.monotonic() + 3 * group._timeout
        while time.monotonic() < end:
            time.sleep(0.05)
            yield Tick()
        return "done"

    group._timeout = 1.0
    with group.joined(CPU):
        streamed = group.stream_on_leader(work())
        while True:
            try:
                next(streamed)
            except StopIteration as stop:
                return str(stop.value)


def test_ranks_wait_for_long_work_of_rank_0() -> None:
    assert ranks(2, long_work) == ["done", "done"]


def test_ranks_agree() -> None:
    told = ranks(3, agreements)
    events = [one.pop("events") for one in told]
    assert events == [[Preparing("rank 0's work")], [], []]  # the work is rank 0's alone
    assert told[0] == told[1] == told[2]
    assert told[0] == {
        "nothing": 0,
        "greatest": 3,
        "due": [False, True, True],
        "still": (2, [False, True]),
        "slow": (0, True),
        "word": {"path": "/r/é", "steps": [1, None]},
        "gathered": [[0, 2.0**40], [1, 2.0**40], [2, 2.0**40]],
        "led": ["bf16", "channels_last"],
        "raised": "RunError",
        "called": ["run", 0],
    }


def test_alone_everything_is_local() -> None:
    group = ProcessGroup()
    assert (group.leader, group.shard(7), group.wrap(model := torch.nn.Linear(1, 1))) == (True, slice(0, 7), model)
    with group.joined(CPU):
        assert not dist.is_initialized()
        assert (group.max_over_ranks(2, 5.0), group.due(1, late=True), group.due(9, late=False)) == (2, True, False)
        assert (group.broadcast("word"), group.gather(torch.ones(2))) == ("word", [[1.0, 1.0]])


def test_the_environment_says_who_is_who(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert ProcessGroup.from_environment().size == 1
    for name, value in {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "MASTER_ADDR": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    group = ProcessGroup.from_environment()
    assert (group.rank, group.size, group.local_rank, group.leader) == (5, 8, 1, False)
    for nonsense in ("8", "-1", "", "five"):
        monkeypatch.setenv("RANK", nonsense)
        with pytest.raises(SettingError, match="torchrun"):
            ProcessGroup.from_environment()


def test_several_processes_need_a_device_that_can() -> None:
    with pytest.raises(SettingError, match="--device cpu"), ProcessGroup(0, 2).joined(torch.device("mps")):
        pass


# --- losses that are not finite ---------------------------------------------------------------------------------------


def poisoned(group: ProcessGroup, config: TrainConfig) -> list[tuple[int, bool]]:
    """In their third step rank 1 alone sees an infinite loss. Which step is given up, and whether the weights stayed.

    Once its gradient is not finite either; once a single pixel is 2e19 off, so that its square is too much for float32 and its gradient is not.
    """
    told = []
    with group.joined(CPU):
        for off in (math.inf, 2e19):
            trainer = made(config, group)
            good = trainer.network
            for _ in range(2):
                trainer.train_step()
            trainer.read_losses()
            before = tensors(saved(trainer))
            spoilt = torch.zeros(28, 28).index_put((torch.tensor(3), torch.tensor(3)), torch.tensor(off))
            if group.rank == 1:
                trainer.network = lambda *given, good=good, spoilt=spoilt: good(*given) + spoilt  # type: ignore[assignment, misc]
            for _ in range(3):
                trainer.train_step()
            with pytest.raises(DivergedError, match="--lr") as raised:
                trainer.read_losses()
            with pytest.raises(DivergedError):
                trainer.state()
            trainer.guard.bad_step.fill_(-1)  # so that it can be looked at
            after = tensors(saved(trainer))
            told.append((raised.value.step, all(torch.equal(after[name], tensor) for name, tensor in before.items())))
    return told


def test_a_loss_that_is_not_finite_on_one_rank_is_given_up_by_all(tiny: TrainConfig) -> None:
    assert ranks(2, poisoned, tiny) == [[(3, True), (3, True)]] * 2


# --- ranks that are lost ----------------------------------------------------------------------------------------------

HANG = 4.0
"""The time-out of these tests in seconds."""


def bereft(group: ProcessGroup, config: TrainConfig, how: str) -> tuple[str, float]:
    """Rank 1 is lost before its third step. What the others raise, and how long after."""
    group = ProcessGroup(group.rank, group.size, group.local_rank, timeout=HANG)
    start = 0.0
    try:
        with group.joined(CPU):
            trainer = made(config, group)
            for step in range(3):
                if step == 2:
                    start = time.monotonic()
                    if group.rank == 1:
                        os._exit(1) if how.startswith("dies") else time.sleep(WAIT)
                group.max_over_ranks() if how.endswith("agreeing") else trainer.train_step()
    except GroupError as error:
        return str(error), time.monotonic() - start
    return "", 0.0


@pytest.mark.parametrize("how", ["dies", "dies, agreeing", "hangs"])
def test_the_rest_says_so_when_a_rank_is_lost(tiny: TrainConfig, how: str) -> None:
    told = ranks(3, bereft, tiny, how, lost=1)
    for message, seconds in (told[0], told[2]):
        assert "--resume" in message
        assert seconds < HANG / 2 if how.startswith("dies") else HANG / 2 < seconds < 5 * HANG


def faulty(group: ProcessGroup) -> None:
    with group.joined(CPU):
        if group.rank == 1:
            raise ValueError("a fault of rank 1's own")
        group.max_over_ranks()


def test_a_fault_of_one_rank_stays_its_own_and_ends_the_rest() -> None:
    told = ranks(2, faulty)
    assert [type(error) for error in told] == [GroupError, ValueError]


def last_to_leave(group: ProcessGroup) -> tuple[float, float]:
    with group.joined(CPU):
        group.max_over_ranks()
        if group.leader:
            time.sleep(0.5)  # it saves
        done = time.monotonic()
    return done, time.monotonic()


def test_no_rank_leaves_while_another_still_works() -> None:
    (leader_done, _), (_, left) = ranks(2, last_to_leave)
    assert left >= leader_done


@pytest.mark.parametrize(
    ("rank", "words"), [({}, "said\ntaken down\n"), ({"RANK": "0", "MASTER_ADDR": "127.0.0.1"}, "said\n")], ids=["alone", "rank"]
)
def test_a_rank_ends_without_taking_python_down(rank: dict[str, str], words: str) -> None:
    """gloo's threads outlive their group, and one of 33 runs ended with SIGABRT under them."""
    code = "import atexit\nfrom engine.cli.entry import exit_process\natexit.register(print, 'taken down')\nprint('said')\nexit_process(3)"
    ended = subprocess.run([sys.executable, "-c", code], env={**os.environ, **rank}, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout) == (3, words)
