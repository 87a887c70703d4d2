"""The names of weights: shipped, RUN, RUN:best, RUN:best-validation, RUN:epoch-N, or a file. No torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from engine.config.data import MNIST, DataSpec
from engine.config.model import ModelConfig
from engine.config.sampling import Sampler
from engine.config.serialize import from_dict
from engine.errors import DigittyError, RunError, SettingError
from engine.formatting import printable
from engine.protocol.recipe import WeightsInfo
from engine.runs.run import Run, find_run, latest_state
from engine.storage import paths
from engine.storage.atomic import open_regular, parse_json

SHIPPED = {
    "shipped": paths.ASSETS / "weights" / "words.safetensors",
    "shipped:labels": paths.ASSETS / "weights" / "digitty.safetensors",
    "shipped:one-step": paths.ASSETS / "weights" / "one-step.safetensors",
    "shipped:seed": paths.ASSETS / "weights" / "seed.safetensors",
    "shipped:fashion": paths.ASSETS / "weights" / "fashion.safetensors",
}
"""The weights that come with digitty: those that can be told the most, the ones that they were trained from, which know digits alone, a one-step
student of these, those of the preset `seed`, and some that draw clothes (Fashion-MNIST)."""
LABELS_DIGEST = "sha256:1baedcbac6414484"
"""Of `shipped:labels`, which was called `shipped` until others took its place. Older pictures name no digest."""
BEST_VALIDATION = "best-validation"
"""What the weights with the lowest loss on held-out images are called after the name of their run."""
_SNAPSHOT = re.compile(r"epoch-([1-9]\d{0,6})")
LARGEST_HEADER = 1 << 20
"""Bytes of a weights file's header, which is parsed into objects many times its size."""


def locate_weights(weights: str) -> tuple[Path, str, str | None]:
    """The file, name and kind of weights: one of SHIPPED, RUN, RUN:latest, RUN:best, RUN:best-validation, RUN:epoch-N, or a file.

    Raises RunError.
    """
    if weights in SHIPPED:
        return SHIPPED[weights], weights, None
    if "\0" in weights:
        raise RunError(f"the name of the weights, {printable(weights)}, contains a NUL character; name a run or a file")
    try:
        path = Path(weights).expanduser()
    except RuntimeError:
        raise RunError(f"no home folder is known for {printable(weights.partition('/')[0])} in {printable(weights)}; give the full path") from None
    if path.suffix in (".safetensors", ".pth") or "/" in weights:
        return path, path.name, None
    name, _, kind = weights.partition(":")
    epoch = _SNAPSHOT.fullmatch(kind)
    if epoch is None and kind not in ("", "latest", "best", BEST_VALIDATION, "live"):
        possible = f":latest, :best, :{BEST_VALIDATION}, :live or :epoch-N"
        raise RunError(f"weights {printable(weights)!r} are unknown; after the name of a run, only {possible} is possible")
    run = find_run(name)
    if epoch:
        return _find_snapshot(run, int(epoch[1])), name, snapshot_kind(int(epoch[1]))
    if kind == "live":
        raise RunError(f"run {name} is not being trained in this process; use {name}:latest or {name}:best")
    if kind == "best" and not run.best_path.exists():
        raise RunError(f"run {name} has no best weights yet, since they are first saved after a whole epoch; use {name}")
    if kind == BEST_VALIDATION and not run.best_validation_path.exists():
        raise RunError(f"run {name} has no weights chosen by held-out images: it has none, or has not trained long enough; use {name}")
    files = {"best": run.best_path, BEST_VALIDATION: run.best_validation_path}
    return (files[kind], name, kind) if kind in files else (latest_state(run), name, "average")


def snapshot_kind(epoch: int) -> str:
    """What the weights of a snapshot are called after the name of their run: epoch-5"""
    return f"epoch-{epoch}"


def _find_snapshot(run: Run, epoch: int) -> Path:
    """Raises RunError if the run has no snapshot of this epoch."""
    kept = dict(run.snapshots())
    if epoch in kept:
        return kept[epoch]
    names = ", ".join(snapshot_kind(number) for number in kept)
    more = f"existing snapshots: {names}" if kept else "start a run with --keep-every N to keep some"
    raise RunError(f"run {run.name} has no snapshot of epoch {epoch}; {more}")


def weights_of(info: WeightsInfo, sampler: Sampler, *folders: Path) -> str:
    """The name under which the weights of a recipe can be used again, with this sampler. Files are searched in `folders`.

    Whether they are still the same ones only their digest tells. Raises RunError if they are missing.
    """
    if info.name == "shipped" and info.digest in ("", LABELS_DIGEST):
        return "shipped:labels"
    if info.name in SHIPPED:
        return "shipped" if info.name == "shipped:one-step" and sampler != "one-step" else info.name
    if Path(info.name).suffix in (".safetensors", ".pth"):
        for folder in folders:
            if (path := folder / info.name).is_file():
                return str(path.absolute())
    else:
        own_file = info.kind in ("best", BEST_VALIDATION) or _SNAPSHOT.fullmatch(info.kind)
        name = f"{info.name}:{info.kind}" if own_file else info.name
        with suppress(RunError):
            locate_weights(name)
            return name
    step = f", step {info.step}" if info.step is not None else ""
    raise RunError(f"the weights {printable(info.name)} ({info.kind}{step}) are not here; to draw with others, name them with --weights")


def data_of(weights: str) -> DataSpec:
    """The data set that weights of this name draw, if their run or file records it; else MNIST, whose weights may not record it.

    Raises nothing for weights that are missing or damaged: drawing with them says what is wrong.
    """
    model = model_of(weights)
    return model.data if model else MNIST


def is_student(weights: str) -> bool:
    """Whether weights of this name draw in one step, as far as their run or file records it. Raises nothing."""
    model = model_of(weights)
    return model is not None and model.one_step


def draws(weights: str) -> bool:
    """Whether pictures can be drawn with weights of this name, as far as their run or file records it. Raises nothing."""
    model = model_of(weights)
    return model is None or model.draws


def fit_weights(weights: str, sampler: Sampler) -> str:
    """`weights` if this sampler can use them, else the shipped ones that it can use. Raises SettingError if those draw other pictures."""
    one_step = sampler == "one-step"
    if is_student(weights) == one_step:
        return weights
    if data_of(weights) != MNIST:
        if one_step:
            raise SettingError(f"{weights} can't draw in one step; distil a student: digitty train --preset one-step --teacher {weights}")
        raise SettingError(f"{weights} is a one-step student, which the sampler {sampler} can't use; choose other weights first")
    return "shipped:one-step" if one_step else "shipped"


def model_of(weights: str) -> ModelConfig | None:
    """The network that shipped weights, a run's config or a .safetensors file records; None where nothing can be read. Raises nothing."""
    name = weights.partition(":")[0]
    try:
        if weights in SHIPPED:
            return from_dict(ModelConfig, parse_json(read_metadata(SHIPPED[weights])["model"].encode()))
        if name.endswith(".safetensors") or "/" in weights:
            return from_dict(ModelConfig, parse_json(read_metadata(Path(weights).expanduser())["model"].encode()))
        return find_run(name).config().model
    except (DigittyError, OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError):
        return None


def read_metadata(path: Path) -> Mapping[str, str]:
    """The metadata of a safetensors file: eight bytes of length, then JSON. Raises OSError, ValueError or KeyError."""
    with open_regular(path) as file:
        length = int.from_bytes(file.read(8), "little")
        if length > LARGEST_HEADER:
            raise ValueError("its header is too long")
        header: Mapping[str, Mapping[str, str]] = parse_json(file.read(length))
    return header["__metadata__"]
