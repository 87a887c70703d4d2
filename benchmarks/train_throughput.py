"""Training images a second: digitty's Trainer against the loop that one would write first, on the same network and machine, in one run.

    python benchmarks/train_throughput.py
    python benchmarks/train_throughput.py --rounds 2 --steps 3      # a quick look
    python benchmarks/train_throughput.py --device cuda --steps 200 --compile

The plain loop is fp32 and eager, with torchvision's MNIST, ToTensor and Normalize in a DataLoader, Adam, and `loss.item()` at every
step. Ours is `Trainer.train_step` in the precision and layout that the engine measures and chooses here, with label dropout,
gradient clipping and the average weights, and its losses read as the training job reads them. Both take batches of 128 to engine.models.unet.UNet.

Each has a process of its own, started as a user would: ours holds freed memory and lets idle threads sleep, as digitty does. The
rounds alternate, plain, ours, plain, ours, …, so that a machine that slows down slows both; the ratio is the median of the
rounds' own ratios. Needs an idle machine, while it measures precisions too. On CUDA the plain loop has torch's defaults
(TF32 in convolutions, no cudnn.benchmark).
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import MNIST

from engine.compute.autotune import measure
from engine.compute.device import select_device
from engine.compute.precision import Numerics
from engine.config.training import TrainConfig
from engine.data import mnist as data
from engine.diffusion.schedule import NoiseSchedule
from engine.models.unet import UNet
from engine.process.malloc import keep_freed_memory
from engine.training.cadence import Cadence
from engine.training.trainer import Trainer

BATCH = 128


def plain_loop(device: torch.device, workers: int) -> tuple[Callable[[int], None], UNet]:
    """A function that trains so many steps, as a tutorial would, and what it trains."""
    loader = DataLoader(_dataset(), batch_size=BATCH, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0)
    batches = itertools.chain.from_iterable(itertools.repeat(loader))
    model = UNet().to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    a, s = NoiseSchedule().tables_on(device)

    def train(steps: int) -> None:
        with torch_defaults():
            for images, labels in itertools.islice(batches, steps):
                x0, label = images.to(device), labels.to(device)
                t = torch.randint(0, 1000, (len(x0),), device=device)
                eps = torch.randn_like(x0)
                x_t = a[t].view(-1, 1, 1, 1) * x0 + s[t].view(-1, 1, 1, 1) * eps
                loss = nn.functional.mse_loss(model(x_t, t, label), eps)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                loss.item()

    return train, model


def _dataset() -> MNIST:
    """torchvision's MNIST, which reads unpacked files and then holds them in memory."""
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for name in data.MD5:
            (raw / name).write_bytes(data.unpack(name))
        return MNIST(folder, train=True, transform=transform)


@contextmanager
def torch_defaults() -> Iterator[None]:
    """The engine sets what its precision needs for the whole process; a plain loop would not have it."""
    ours = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=False, allow_tf32=True):
        yield
    torch.backends.cuda.matmul.allow_tf32 = ours


def ours(device: torch.device, how: Numerics, compiled: bool) -> Callable[[int], None]:
    """A function that trains so many steps, as engine.training.job does."""
    config = TrainConfig(batch_size=BATCH, compile=compiled)
    trainer = Trainer(config, *data.load(True, device), how, device)

    def train(steps: int) -> None:
        read = time.perf_counter()
        for _ in range(steps):
            trainer.train_step()
            if time.perf_counter() - read >= Cadence.read_every:
                trainer.read_losses()
                read = time.perf_counter()
        trainer.read_losses()

    return train


def rate(train: Callable[[int], None], steps: int) -> float:
    """Images a second. Both loops end with a read from the device, so nothing is still under way."""
    start = time.perf_counter()
    train(steps)
    return steps * BATCH / (time.perf_counter() - start)


def asked(pipe: Connection, steps: int) -> float:
    pipe.send(steps)
    answer: float = pipe.recv()
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10, help="steps of each loop in a round")
    parser.add_argument("--warm-up", type=int, default=2, help="steps of each loop before the first round")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto")
    parser.add_argument("--precision", choices=["auto", "fp32", "tf32", "bf16"], default="auto", help="ours")
    parser.add_argument("--compile", action="store_true", help="ours with torch.compile")
    parser.add_argument("--workers", type=int, default=0, help="of the plain loop's DataLoader")
    given = parser.parse_args()

    with tempfile.TemporaryDirectory() as home:
        os.environ["DIGITTY_HOME"] = home  # so that precisions are measured now, on the machine as it is
        compare(given)


def host(plainly: bool, given: argparse.Namespace, pipe: Connection) -> None:
    """A process that trains as many steps as it is told, and says the images a second; told 0, it ends."""
    device = select_device(given.device)
    if plainly:
        loop, said = plain_loop(device, given.workers)[0], f"torch {torch.__version__}, {device}, {torch.get_num_threads()} threads"
    else:
        keep_freed_memory()
        *_, how = measure(device, TrainConfig().model, training=True, precision=given.precision)
        assert isinstance(how, Numerics)
        loop, said = ours(device, how, given.compile), f"ours in {how.precision}, {how.layout}; images/s"
    loop(given.warm_up)
    pipe.send(said)
    while steps := pipe.recv():
        pipe.send(rate(loop, steps))


def compare(given: argparse.Namespace) -> None:
    spawn, pipes = multiprocessing.get_context("spawn"), []
    for plainly in (True, False):
        if not plainly:
            os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # as `Jobs` sets it before torch is loaded
        here, there = spawn.Pipe()
        spawn.Process(target=host, args=(plainly, given, there), daemon=True).start()
        print(here.recv())
        pipes.append(here)
    print(f"{'round':>6}{'plain':>10}{'ours':>10}{'ratio':>8}")
    rounds = []
    for i in range(1, given.rounds + 1):
        a, b = (asked(pipe, given.steps) for pipe in pipes)
        rounds.append((a, b, b / a))
        print(f"{i:>6}{a:>10.1f}{b:>10.1f}{b / a:>8.2f}", flush=True)
    for pipe in pipes:
        pipe.send(0)
    a, b, ratio = (median(column) for column in zip(*rounds, strict=True))
    print(f"{'median':>6}{a:>10.1f}{b:>10.1f}{ratio:>8.2f}")


if __name__ == "__main__":
    main()
