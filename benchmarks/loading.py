"""Loading images: preparing a folder of JPEGs, the second start, training from the memory map, and a million images in little memory.

    python benchmarks/loading.py
    python benchmarks/loading.py --cases folder again --pictures 500 --rounds 1      # a quick look

folder  made-up JPEGs of 256×256 to 64×64 in colour: `digitty data check`'s own work against the same calls of Pillow in a process pool that writes
        the same pixels to a file. Both must give the same images, to the bit. Each side is a process of its own, in turn.
again   a process that finds these images in the cache and maps them, beyond one that only imports torch.
map     steps of training with `quick` at 64×64 in colour, with images in the memory map and in memory, in turn. Both must give the same loss.
memory  a whole training on a million images of 28×28 out of an IDX file, and one on a few: anonymous memory, as the kernel counts it, while the
        images are prepared and while the network trains. Needs Linux, and 1.6 GB of disk, which is freed at the end.

Times are CPU time (user and system, with all processes that a side starts) and wall clock; on a machine with other work compare CPU times.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from engine.process.processors import processors

SIDE, SMALL = 256, 64
"""Pixels of a JPEG's side, and of an image's."""
AT_ONCE = 16
"""Pictures that a process of the pool gets at once: as many as one of digitty's."""
MILLION = 1_000_000
FEW = 1_000
"""Images of the training that a million are compared with."""
MB = 1 << 20
EVERY = 0.25
"""Seconds between two looks at a process's memory."""


# --- what is loaded ---------------------------------------------------------------------------------------------------


def write_jpegs(folder: Path, count: int) -> None:
    """Pictures like blurred photographs with grain, in two classes."""
    from PIL import Image

    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).resize((1280, 1280), Image.Resampling.BICUBIC)
    grain = rng.normal(0, 9, (1280, 1280, 1))
    canvas = np.clip(np.asarray(coarse) + grain, 0, 255).astype(np.uint8)
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
    for k in range(count):
        x, y = rng.integers(0, len(canvas) - SIDE, 2)
        Image.fromarray(canvas[y : y + SIDE, x : x + SIDE]).save(folder / "ab"[k % 2] / f"{k:06}.jpg", quality=90)


def write_idx(folder: Path, count: int) -> Path:
    """`count` images of 28×28 and their labels, as IDX files. Returns the file of images."""
    block = np.random.default_rng(0).integers(0, 256, (10_000, 28, 28), dtype=np.uint8)
    images = folder / "train-images-idx3-ubyte"
    with open(images, "wb") as file:
        file.write(b"\0\0\x08\x03" + b"".join(side.to_bytes(4, "big") for side in (count, 28, 28)))
        for first in range(0, count, len(block)):
            file.write(block[: count - first].tobytes())
    (folder / "train-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + count.to_bytes(4, "big") + (np.arange(count) % 10).astype(np.uint8).tobytes())
    return images


# --- sides of the comparisons, each in its own process ----------------------------------------------------------------


def by_digitty(folder: str, _: str) -> Any:
    """Prepares the folder, or finds it prepared."""
    return str(_prepare(folder).images.folder)


def _prepare(folder: str) -> Any:
    from engine.datasets.options import DataOptions
    from engine.datasets.prepare import prepare_with_findings

    job = prepare_with_findings(folder, DataOptions((SMALL, SMALL)))
    while True:
        try:
            next(job)
        except StopIteration as end:
            return end.value


def by_pool(folder: str, out: str) -> Any:
    """The same calls of Pillow, in a pool of as many processes."""
    paths = sorted(str(path) for path in Path(folder).rglob("*.jpg"))
    with open(out, "wb") as file, multiprocessing.get_context("fork").Pool(processors()) as pool:
        for pixels in pool.imap(decode, paths, AT_ONCE):
            file.write(pixels)
        file.flush()
        os.fsync(file.fileno())
    return out


def decode(path: str) -> np.ndarray[Any, Any]:
    """What digitty has Pillow do with a JPEG: decode it at half its size, turn it upright, shrink it."""
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        image.draft(None, (SIDE // 2, SIDE // 2))
        upright = ImageOps.exif_transpose(image)
        return np.asarray(upright.resize((SMALL, SMALL), Image.Resampling.LANCZOS, reducing_gap=2.0))


def torch_alone(*_: str) -> Any:
    import torch  # noqa: F401


def second_start(folder: str, _: str) -> Any:
    import torch  # noqa: F401

    from engine.data.registry import load_images

    images, labels = load_images(_prepare(folder).spec, True)
    return [list(images.shape), int(images[-1].sum()), len(labels)]


def train_on(source: str, steps: str) -> Any:
    """A whole training from the source on, which says when its first step is done."""
    from dataclasses import replace

    from engine.config.data_choice import DataChoice
    from engine.config.training import PRESETS
    from engine.jobs.jobs import Jobs
    from engine.protocol.events import TrainStep
    from engine.protocol.requests import TrainRequest

    begun = False
    config = replace(PRESETS["quick"], steps=int(steps), batch_size=64, preview_every=0)
    for event in Jobs("cpu", "fp32").train(TrainRequest(config, data=DataChoice(source))):
        if isinstance(event, TrainStep) and not begun:
            begun = True
            print("training", flush=True)


SIDES = {"digitty": by_digitty, "pool": by_pool, "torch": torch_alone, "second": second_start, "train": train_on}


def start(side: str, home: Path, *given: str) -> subprocess.Popen[str]:
    env = {**os.environ, "DIGITTY_HOME": str(home)}
    return subprocess.Popen([sys.executable, __file__, "--side", side, *given], env=env, stdout=subprocess.PIPE, text=True)


def timed(side: str, home: Path, *given: str) -> tuple[float, float, Any]:
    """CPU seconds and wall clock of a side, and what it returned."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with start(side, home, *given) as process:
        assert process.stdout is not None
        answer = process.stdout.read()
    if process.returncode:
        raise SystemExit(f"{side} failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.perf_counter() - begun, json.loads(answer.splitlines()[-1])


# --- the cases --------------------------------------------------------------------------------------------------------


def compare_folder(place: Path, given: argparse.Namespace) -> None:
    folder, ours, theirs = place / "pictures", [], []
    write_jpegs(folder, given.pictures)
    for number in range(given.rounds):
        ours.append(timed("digitty", place / f"home{number}", str(folder), ""))
        theirs.append(timed("pool", place, str(folder), str(place / "pool")))
        made = np.load(Path(ours[-1][2]) / "images.npy")
        if made.tobytes() != (place / "pool").read_bytes():
            raise SystemExit("the two sides gave different images")
    for at, kind in enumerate(("CPU time", "wall clock")):
        mine, others = (median(each[at] for each in side) for side in (ours, theirs))
        print(
            f"{given.pictures:,} JPEGs, {kind}: digitty {mine:.2f} s, pool {others:.2f} s; speed relative to the pool {others / mine:.2f}", flush=True
        )


def compare_second_start(place: Path, given: argparse.Namespace) -> None:
    folder, home = place / "pictures", place / "home0"
    if not folder.exists():
        write_jpegs(folder, given.pictures)
    timed("second", home, str(folder), "")  # prepares what is not there
    alone, second = [], []
    for _ in range(given.rounds):
        alone.append(timed("torch", home, "", ""))
        second.append(timed("second", home, str(folder), ""))
    cpu, wall = (median(each[at] for each in second) - median(each[at] for each in alone) for at in (0, 1))
    print(f"second start beyond import torch: {cpu:.2f} s of CPU time, {wall:.2f} s of wall clock", flush=True)


def compare_map(place: Path, given: argparse.Namespace) -> None:
    import torch

    from engine.compute.candidates import candidates
    from engine.compute.device import select_device
    from engine.config.data import DataSpec
    from engine.config.fit_to_data import fit_to
    from engine.config.training import PRESETS
    from engine.data.prepared import map_bytes
    from engine.process.malloc import keep_freed_memory
    from engine.training.trainer import Trainer

    keep_freed_memory()
    count, path = 20_000, place / "images.npy"
    pixels = np.random.default_rng(0).integers(0, 256, (count, SMALL, SMALL, 3), dtype=np.uint8)
    np.save(path, pixels)
    data = DataSpec("made up", SMALL, SMALL, 3, (), count, 0.0, 0.58, "made up", "made:up")
    config = fit_to(PRESETS["quick"], data)
    device = select_device("cpu")
    numerics = candidates(device, "auto")[0]
    sets = {"map": map_bytes(path, pixels.shape), "memory": torch.from_numpy(pixels)}
    trainers = {name: Trainer(config, images, torch.zeros(count, dtype=torch.long), numerics, device) for name, images in sets.items()}
    times: dict[str, list[float]] = {name: [] for name in sets}
    losses: dict[str, list[float]] = {name: [] for name in sets}
    for number in range(given.steps + 1):
        for name in sorted(sets, reverse=number % 2 == 1):
            begun = time.process_time()
            trainers[name].train_step()
            losses[name] += trainers[name].read_losses()
            times[name] += [time.process_time() - begun] if number else []  # the first builds kernels
    if losses["map"] != losses["memory"]:
        raise SystemExit("the two trainings gave different losses")
    ratio = median(one / other for one, other in zip(times["map"], times["memory"], strict=True))
    print(f"a step at 64×64 in colour from the map: {median(times['map']):.3f} s of CPU time, {ratio:.3f} times that from memory", flush=True)


def anonymous(pid: int) -> int:
    """Bytes of anonymous memory of a process and of those that it started; 0 of those that have ended."""
    total = 0
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Anonymous:"):
                total += int(line.split()[1]) * 1024
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            total += anonymous(int(child))
    except OSError:
        pass
    return total


def peaks(place: Path, count: int, steps: int) -> tuple[int, int]:
    """The most anonymous bytes of a training until its first step is done, and from then on."""
    folder = place / f"idx{count}"
    folder.mkdir()
    images, most = write_idx(folder, count), [0, 0]
    with start("train", place / f"home-idx{count}", str(images), str(steps)) as process:
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        training = 0
        while process.poll() is None:
            training = training or int(bool(process.stdout.readline()))
            most[training] = max(most[training], anonymous(process.pid))
            time.sleep(EVERY)
    if process.returncode or not training:
        raise SystemExit("the training failed")
    return most[0], most[1]


def compare_memory(place: Path, given: argparse.Namespace) -> None:
    few, many = (peaks(place, count, given.steps) for count in (FEW, given.images))
    for number, phase in enumerate(("up to the first step", "in training")):
        more = (many[number] - few[number]) / MB
        print(
            f"anonymous memory {phase}: {many[number] / MB:,.0f} MB with {given.images:,} images, {more:+,.0f} MB against {FEW:,} images", flush=True
        )


CASES = {"folder": compare_folder, "again": compare_second_start, "map": compare_map, "memory": compare_memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--pictures", type=int, default=10_000, help="JPEGs in the folder")
    parser.add_argument("--images", type=int, default=MILLION, help="of 28×28 that are trained on")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=12, help="of training")
    parser.add_argument("--side", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        side, *rest = given.side
        print(json.dumps(SIDES[side](*rest)))
        return
    with tempfile.TemporaryDirectory() as place:
        for case in given.cases:
            CASES[case](Path(place), given)


if __name__ == "__main__":
    main()
