"""What was tried to make a training step on a CPU faster, and was not worth keeping: each idea beside what digitty does, in turn, in one run.

    python benchmarks/step_ideas.py
    python benchmarks/step_ideas.py gradients muon

`weights`: forward and backward of a network whose weights are in bf16, beside one whose fp32 weights autocast casts: the most that keeping both could
save. `gradients`: the gradient of a 3×3 convolution's weights as one matrix product over all patches, and as nine over shifted views, beside
oneDNN's. `muon`: its iterations on the matrix of inner products, which is smaller, in fp32, beside those on the whole matrix; and how far each is
from the same in fp64. `pages` and `compile`: steps in processes with huge pages from torch's allocator, with huge pages from glibc's, and with
torch.compile. Times are the processor's, the least of all rounds. Needs a CPU with AVX512-BF16.
"""

from __future__ import annotations

import argparse
import copy
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.compute.precision import Numerics
from engine.config.training import PRESETS
from engine.data import mnist as data
from engine.models.build import build_network
from engine.process.malloc import keep_freed_memory
from engine.training.muon import ITERATIONS, NEWTON_SCHULZ, muon_parameters, orthogonal
from engine.training.trainer import Trainer

NUMERICS = Numerics("bf16", channels_last=True)
AS_IT_IS = Numerics("fp32", channels_last=True)
CPU = torch.device("cpu")
ENVIRONMENTS: Mapping[str, Mapping[str, str]] = {
    "pages": {"torch's huge pages": "THP_MEM_ALLOC_ENABLE=1", "glibc's huge pages": "GLIBC_TUNABLES=glibc.malloc.hugetlb=1"},
    "compile": {"torch.compile": "DIGITTY_COMPILE=1"},
}


def least(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The least processor seconds of each way, in turn; the first round does not count."""
    best: dict[str, float] = {}
    for i in range(rounds + 1):
        for name, way in ways.items():
            start = time.process_time()
            way()
            if i:
                best[name] = min(best.get(name, float("inf")), time.process_time() - start)
    return best


def tell(what: str, best: Mapping[str, float], note: str = "") -> None:
    """The first of them in milliseconds, the others relative to it."""
    (first, base), *others = best.items()
    print(f"{what:<34}{first} {1000 * base:.1f} ms; " + ", ".join(f"{name} {spent / base:.2f} times" for name, spent in others) + note, flush=True)


def weights(rounds: int) -> None:
    for preset in ("quick", "best", "seed"):
        network = NUMERICS.place(build_network(PRESETS[preset].model), CPU)
        lowered = NUMERICS.cast(copy.deepcopy(network), CPU)
        x, t = torch.randn(128, 1, 28, 28).contiguous(memory_format=NUMERICS.format), torch.randint(1000, (128,))

        def step(model: torch.nn.Module, given: Tensor, how: Numerics, x: Tensor = x, t: Tensor = t) -> None:
            model.zero_grad(set_to_none=True)
            with how.autocast(CPU):
                out = model(given, t, t % 10)
            (out.float() - x).square().mean().backward()

        ways = {
            "autocast": lambda m=network, x=x, s=step: s(m, x, NUMERICS),
            "weights in bf16": lambda m=lowered, x=x, s=step: s(m, x.bfloat16(), AS_IT_IS),
        }
        tell(f"forward and backward of {preset}", least(ways, rounds))


def gradients(rounds: int) -> None:
    for n, i, o, side in ((128, 128, 128, 7), (128, 64, 64, 14), (128, 384, 192, 7), (128, 192, 96, 14), (128, 64, 64, 28)):
        x, g, w = (
            torch.randn(shape).bfloat16().contiguous(memory_format=torch.channels_last)
            for shape in ((n, i, side, side), (n, o, side, side), (o, i, 3, 3))
        )

        def by_onednn(x: Tensor = x, g: Tensor = g, w: Tensor = w) -> Tensor:
            ones = [1, 1]
            found: Tensor = torch.ops.aten.convolution_backward(g, x, w, None, ones, ones, ones, False, [0, 0], 1, [False, True, False])[1]
            return found

        def by_patches(x: Tensor = x, g: Tensor = g) -> Tensor:
            n, i, side, _ = x.shape
            padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
            a, b = padded.stride(0), padded.stride(1)
            patches = padded.as_strided((n, side, side, 3, 3 * i), (a, b, i, b, 1)).reshape(-1, 9 * i)
            return (g.permute(0, 2, 3, 1).flatten(0, 2).T @ patches).view(-1, 3, 3, i).permute(0, 3, 1, 2)

        def by_shifts(x: Tensor = x, g: Tensor = g) -> Tensor:
            rows, columns = (F.pad(v.permute(0, 2, 3, 1), (0, 0, 0, 1, 0, 1)).flatten(0, 2) for v in (g, x))  # one zero between two lines serves both
            shifts = [dy * (x.shape[2] + 1) + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
            length = len(rows)
            parts = [rows[max(0, -s) : length - max(0, s)].T @ columns[max(0, s) : length + min(0, s)] for s in shifts]
            return torch.stack(parts, -1).view(*parts[0].shape, 3, 3)

        exact = by_onednn().float()
        for other in (by_patches(), by_shifts()):
            assert (other.float() - exact).norm() < 0.01 * exact.norm()
        tell(f"{i} to {o} channels, {side}×{side}", least({"oneDNN": by_onednn, "patches": by_patches, "shifts": by_shifts}, rounds))


def by_products(matrix: Tensor, dtype: torch.dtype) -> Tensor:
    """As `orthogonal`. Every factor is a polynomial of G = X Xᵀ, so the iterations need only G and the product Q of the factors so far."""
    a, b, c = NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    X = matrix.T if tall else matrix
    X = X / (X.norm() + 1e-7)
    G = X @ X.T
    Q = torch.eye(len(G), dtype=G.dtype)
    for i in range(ITERATIONS):
        factor = torch.addmm(b * G, G, G, alpha=c)
        factor.diagonal().add_(a)
        Q = factor @ Q if i else factor
        G = factor @ G @ factor if i < ITERATIONS - 1 else G
    out = Q.to(dtype) @ X.to(dtype)
    return out.T if tall else out


def muon(rounds: int) -> None:
    for preset in ("quick", "best"):
        matrices = [torch.randn_like(w.flatten(1)) for w in muon_parameters(build_network(PRESETS[preset].model))]
        ways = {"whole": orthogonal, "products": by_products}
        exact = [orthogonal(m.double(), torch.float64) for m in matrices]
        errors = {
            name: max(float((way(m, torch.bfloat16) - e).norm() / e.norm()) for m, e in zip(matrices, exact, strict=True))
            for name, way in ways.items()
        }
        best = least({name: lambda way=way, all=matrices: [way(m, torch.bfloat16) for m in all] for name, way in ways.items()}, rounds)
        tell(f"all matrices of {preset}", best, "; from fp64: " + ", ".join(f"{name} {error:.1%}" for name, error in errors.items()))


def steps(rounds: int) -> float:
    """The least processor seconds of a training step of `quick`."""
    keep_freed_memory()
    config = replace(PRESETS["quick"], compile="DIGITTY_COMPILE" in os.environ)
    trainer = Trainer(config, *data.load(True, CPU), NUMERICS, CPU)
    for _ in range(2):
        trainer.train_step()
    return least({"step": trainer.train_step}, rounds)["step"]


def in_processes(case: str, rounds: int) -> None:
    best: dict[str, float] = {}
    for _ in range(3):
        for name, variable in {"as digitty does": "", **ENVIRONMENTS[case]}.items():
            environment = dict([variable.split("=", 1)]) if variable else {}
            command = [sys.executable, __file__, "--rounds", str(rounds), "step"]
            told = subprocess.run(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True).stdout
            best[name] = min(best.get(name, float("inf")), float(told))
    tell("a step of quick", best)


IDEAS: Mapping[str, Callable[[int], None]] = {"weights": weights, "gradients": gradients, "muon": muon}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ideas", nargs="*", metavar="IDEA", help=f"{', '.join([*IDEAS, *ENVIRONMENTS])}; default: all")
    parser.add_argument("--rounds", type=int, default=6)
    given = parser.parse_args()
    if given.ideas == ["step"]:
        print(steps(given.rounds))
        return
    for idea in given.ideas or [*IDEAS, *ENVIRONMENTS]:
        if idea in IDEAS:
            IDEAS[idea](given.rounds)
        else:
            in_processes(idea, given.rounds)


if __name__ == "__main__":
    main()
