"""What `digitty data` says about data sets: in words, and as JSON."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from engine.config.data import DataSpec
from engine.config.fit_to_data import fit_length, fit_to, relative_cost
from engine.config.serialize import to_dict
from engine.config.training import PRESETS, Preset
from engine.datasets.cache import Prepared
from engine.datasets.findings import Findings
from engine.datasets.options import format_sides
from engine.datasets.prepare import PreparedData
from engine.errors import DigittyError
from engine.formatting import format_age, format_roughly, format_size, printable
from engine.runs.run import all_runs
from engine.storage import paths
from engine.storage.atomic import parse_json, read_small

MOST_CLASSES = 20
"""Classes whose counts are listed."""
PRESET: Preset = "best"
"""The preset that trains on a user's own images by default."""
BYTES_OF_A_STEP = 436_000_000
"""Memory beyond that of torch itself: PRESET's network, optimiser and one step in bf16 on MNIST. Measured; at 64 and 128 pixels in colour 1.29 and
1.93 times as much, in fp32 1.4 to 1.6 times."""


def check_lines(data: PreparedData) -> Iterator[str]:
    """What `digitty data check` prints, a line each: facts, what is done, warnings."""
    spec, findings = data.spec, data.findings
    kept = f", and {spec.test_images:,} to judge with" if spec.test_images else ""
    colour = "in colour" if spec.channels == 3 else "grey"
    yield f"{spec.name}: {_count(spec.train_images, 'image')} to train on{kept}, {format_sides(spec.height, spec.width)} pixels, {colour}"
    if findings.smallest == findings.largest:
        yield f"pictures: {findings.pictures:,}, all {_size(findings.median)}"
    else:
        sizes = f"smallest {_size(findings.smallest)}, median {_size(findings.median)}, largest {_size(findings.largest)}"
        yield f"pictures: {findings.pictures:,}; {sizes}"
    if findings.left_out:
        yield f"left out: {_count(findings.left_out, 'picture')} of other classes"
    yield _classes_line(spec, findings)
    if spec.licence:
        yield f"licence: {spec.licence}"
    yield f"memory: {_memory(spec)}"
    yield f"time: {training_time(spec)}"
    for sentence in findings.choices:
        yield f"· {sentence}"
    for sentence in findings.warnings:
        yield f"! {sentence}"


def check_json(data: PreparedData) -> dict[str, Any]:
    """The same as JSON values, with all damaged pictures."""
    seconds = training_seconds(data.spec)
    return {
        "spec": to_dict(data.spec),
        **data.findings.to_dict(),
        "bytes": data.spec.train_images * data.spec.picture_bytes,
        "training_bytes": training_bytes(data.spec),
        "training_seconds": seconds,
        "cache": str(data.images.folder),
    }


def list_line(prepared: Prepared, runs: Sequence[str]) -> str:
    """A line of `digitty data list`."""
    spec = prepared.spec
    kind = "colour" if spec.channels == 3 else "grey"
    size = f"{format_sides(spec.height, spec.width)} {kind}"
    used = f"used by {', '.join(runs[:5])}" + (f" and {len(runs) - 5} more" if runs[5:] else "") if runs else "used by no run"
    age = format_age(time.time() - prepared.last_used())
    return f"{short_digest(prepared)}  {spec.name:<20} {size:<14} {spec.train_images:>10,}  {format_size(prepared.bytes()):>8}  {age:>8}  {used}"


def list_json(prepared: Prepared, runs: Sequence[str]) -> dict[str, Any]:
    return {
        "id": short_digest(prepared),
        "spec": to_dict(prepared.spec),
        "bytes": prepared.bytes(),
        "last_used": prepared.last_used(),
        "runs": list(runs),
        "folder": str(prepared.folder),
    }


def short_digest(prepared: Prepared) -> str:
    """The start of the digest, which names one of several data sets with the same name."""
    return prepared.spec.digest.partition(":")[2][:8]


def runs_by_digest() -> dict[str, list[str]]:
    """The names of the runs that train on each data set. Runs that can't be read are left out."""
    found: dict[str, list[str]] = {}
    for run in all_runs():
        try:
            found.setdefault(run.config().data.digest, []).append(run.name)
        except DigittyError:
            continue
    return found


def training_time(spec: DataSpec) -> str:
    """How long training takes by default on this machine, as far as that was ever measured."""
    if (seconds := _seconds_by_steps(spec, spec.shape)) is not None:
        return f"about {format_roughly(seconds)} with the preset {PRESET}, as fast as this machine trained before"
    if (seconds := training_seconds(spec)) is not None:
        return f"about {format_roughly(seconds)} with the preset {PRESET}, estimated from how fast this machine trains on images of 28 pixels"
    return "unknown until the first training"


def training_seconds(spec: DataSpec) -> float | None:
    """Seconds of a training with PRESET, from the steps that were timed here; None if none were. Needs no torch.

    Where only images of MNIST's size were timed, other sizes are estimated from those.
    """
    usual = PRESETS[PRESET]
    if (seconds := _seconds_by_steps(spec, spec.shape)) is not None:
        return seconds
    seconds = _seconds_by_steps(spec, usual.data.shape)
    return None if seconds is None else seconds * relative_cost(fit_to(usual, spec).model, usual.model)


def training_bytes(spec: DataSpec) -> int:
    """About how much memory the network and a step of PRESET take on a CPU in bf16."""
    usual = PRESETS[PRESET]
    return int(BYTES_OF_A_STEP * relative_cost(fit_to(usual, spec).model, usual.model))


def _seconds_by_steps(spec: DataSpec, shape: tuple[int, int, int]) -> float | None:
    """As many seconds as the steps of PRESET would take if each took as long as those that were timed here on images of this shape."""
    usual = PRESETS[PRESET]
    config = fit_length(fit_to(usual, spec), usual, None, True)
    channels = fit_to(usual, replace(spec, channels=shape[0], height=shape[1], width=shape[2])).model.channels
    wanted = (str(channels), "train", config.optimizer, f"batch {config.batch_size}")
    try:
        measured = parse_json(read_small(paths.cache_dir() / "speed.json"))
    except (OSError, ValueError):
        return None
    for key, seconds in reversed(list(measured.items()) if isinstance(measured, dict) else []):
        parts = str(key).split(" · ")
        sized = [part for part in parts if part.startswith("images ")]
        fits = sized == ([] if shape == usual.data.shape else [f"images {shape}"])
        if fits and all(part in parts for part in wanted) and isinstance(seconds, float) and seconds > 0:
            return seconds * config.total_steps
    return None


def _memory(spec: DataSpec) -> str:
    images, step = format_size(spec.train_images * spec.picture_bytes), format_size(training_bytes(spec))
    return f"{images} of images, which a CPU reads from the cache and a GPU holds if they fit; about {step} more to train {PRESET} in bf16"


def _classes_line(spec: DataSpec, findings: Findings) -> str:
    if not spec.class_names:
        return "classes: none"
    counted = [f"{name} {count:,}" for name, count in zip(spec.class_names, findings.class_counts, strict=True)]
    more = f" and {len(counted) - MOST_CLASSES:,} more" if len(counted) > MOST_CLASSES else ""
    return f"classes: {len(counted):,}: {printable(', '.join(counted[:MOST_CLASSES]), 1500)}{more}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"
