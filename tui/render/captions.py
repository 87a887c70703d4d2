"""The texts beside a drawing."""

from __future__ import annotations

from engine.config.data import DataSpec
from engine.config.sampling import SampleConfig
from engine.prompt.vocabulary import vocabulary_for
from engine.protocol.events import DrawDone, Frame
from engine.protocol.recipe import Recipe

MAX_NAMES = 64
"""Images that a screen reader names one by one."""


def name_of(label: int | None, data: DataSpec) -> str:
    """7 · seven, or boot"""
    if label is None:
        return "no label"
    short, name = short_name(label, data), data.class_names[label]
    return name if short == name else f"{short} · {name}"


def short_name(label: int | None, data: DataSpec) -> str:
    """7, or boot: the name of the class in a prompt."""
    return "·" if label is None else vocabulary_for(data.class_names).name(label)


def noun(data: DataSpec) -> str:
    """digit, or image: the word for one image."""
    return "digit" if vocabulary_for(data.class_names).is_digits else "image"


def count_images(count: int, data: DataSpec) -> str:
    """1 digit, 1,000 digits, 3 images"""
    return f"{count:,} {noun(data)}{'' if count == 1 else 's'}"


def describe_sample(sample: SampleConfig, locked: bool = False) -> str:
    """seed 41 · dpmpp · 14 steps · guidance 1.4; or seed 41 (locked) · …"""
    parts = [f"seed {sample.seed}{' (locked)' if locked else ''}", sample.sampler, f"{sample.steps} steps" if sample.steps != 1 else "1 step"]
    if sample.sampler != "one-step":
        parts.append(f"guidance {sample.guidance:g}")
        if sample.eta and sample.sampler != "ddpm":
            parts.append(f"eta {sample.eta:g}")
        if sample.spacing != SampleConfig().spacing:
            parts.append(sample.spacing)
    return " · ".join(parts)


def labels_of(recipe: Recipe) -> str:
    """The labels in a row, cut after 40 characters."""
    labels = " ".join(short_name(label, recipe.data) for label in recipe.labels)
    return labels if len(labels) <= 40 else labels[:39] + "…"


def timing(done: DrawDone) -> str:
    """0.11 s · 178 steps/s · 1 redrawn"""
    redrawn = f" · {done.again:,} redrawn" if done.again else ""
    return f"{done.seconds:.2f} s · {done.steps_per_s:.0f} steps/s{redrawn}"


def progress(frame: Frame) -> str:
    """redrawing 1 · step 3/14 · 178 steps/s"""
    redrawing = f"redrawing {frame.again:,} · " if frame.again else ""
    return f"{redrawing}step {frame.step}/{frame.steps}" + (f" · {frame.steps_per_s:.0f} steps/s" if frame.step else "")


def screen_reader_text(done: DrawDone) -> str:
    """seven, seed 41, dpmpp, 14 steps, guidance 1.4, shipped, 0.11 s, 1 redrawn: without symbols, for a screen reader"""
    labels = done.recipe.labels
    names = ["no label" if label is None else done.recipe.data.class_names[label] for label in labels[:MAX_NAMES]]
    more = [f"and {len(labels) - MAX_NAMES:,} more"] if len(labels) > MAX_NAMES else []
    facts = [*describe_sample(done.recipe.sample).split(" · "), str(done.recipe.weights).replace(" · ", ", "), f"{done.seconds:.2f} s"]
    facts += [f"{done.again:,} redrawn"] if done.again else []
    return ", ".join([*names, *more, *facts])


def cut(text: str, width: int) -> str:
    """The text in at most `width` characters."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"
