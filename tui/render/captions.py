"""The texts beside a drawing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from engine.config.condition import ATTRIBUTES, Condition
from engine.config.condition_text import describe_condition, describe_interval, number, with_unit
from engine.config.data import DataSpec
from engine.config.sampling import SampleConfig
from engine.prompt.changes import Change, Move
from engine.prompt.conditions import DECIMALS
from engine.prompt.parser import Prompt
from engine.prompt.vocabulary import vocabulary_for
from engine.prompt.words import change_words, understood
from engine.protocol.events import DrawDone, Frame
from engine.protocol.measured import Measured, describe_miss, find_missed
from engine.protocol.recipe import Recipe

MOST_NAMED, LONGEST_FILE_WORDS = 10, 80
"""Labels that the name of a file lists, and their bytes."""
MAX_NAMES = 64
"""Images that a screen reader names one by one."""
LONGEST_CONDITIONS = 160
"""Characters of what several pictures are asked to show."""
MOST_MISSED = 3
"""Images that are not as asked for, and are described."""


def name_of(label: int | None, data: DataSpec) -> str:
    """7 · seven, or Ankle boot; picture, where there are no classes"""
    if label is None:
        return "no label"
    short, name = short_name(label, data), class_name(label, data)
    return name if short == name else f"{short} · {name}"


def class_name(label: int | None, data: DataSpec) -> str:
    """seven, boot; or picture, where there are no classes"""
    if label is None:
        return "no label"
    return data.class_names[label] if data.class_names else noun(data)


def short_name(label: int | None, data: DataSpec) -> str:
    """7, or Ankle boot: the name of the class in a prompt."""
    if label is None:
        return "·"
    digits = _digits(data)
    return str(digits.index(label)) if label in digits else class_name(label, data)


def _digits(data: DataSpec) -> Sequence[int]:
    """The labels of the digits, where the classes are those."""
    is_digits = len(data.class_names) == 10 and vocabulary_for(data.class_names).is_digits  # most have another number of classes, and quickly
    return range(10) if is_digits else ()


def noun(data: DataSpec) -> str:
    """digit, or picture: the word for one of them."""
    return "digit" if _digits(data) else "picture"


def example(data: DataSpec) -> str:
    """seven, or the name of a class: what a person may type."""
    if _digits(data):
        return "seven"
    return class_name(vocabulary_for(data.class_names).example, data) if data.class_names else "5"


def file_words(labels: Sequence[int | None], data: DataSpec) -> str:
    """777, or ankle-boot-bag: what the name of a file says of its pictures. At most MOST_NAMED labels, then their number."""
    words = [_file_word(label, data) for label in labels[:MOST_NAMED]]
    text = ("" if max(map(len, words)) == 1 else "-").join(words)
    while len(text.encode()) > LONGEST_FILE_WORDS and len(words) > 1:
        words = words[: len(words) // 2]
        text = "-".join(words)
    text = text.encode()[:LONGEST_FILE_WORDS].decode(errors="ignore").strip("-")
    return text if len(words) == len(labels) else f"{text}-{len(labels)}"


def _file_word(label: int | None, data: DataSpec) -> str:
    """7, ankle-boot, or the number of a class whose name has no letters; x without a label."""
    if label is None:
        return "x"
    if not data.class_names:
        return noun(data)
    return re.sub(r"[\W_]+", "-", short_name(label, data).lower()).strip("-") or str(label)


def count_images(count: int, data: DataSpec) -> str:
    """1 digit, 1,000 digits, 3 pictures"""
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
    return cut(describe_labels(recipe.labels, recipe.data), 40)


def describe_labels(labels: Sequence[int | None], data: DataSpec) -> str:
    """3 1 4; or 3 × Ankle boot, Bag; or 5 pictures"""
    if _digits(data):
        return " ".join(short_name(label, data) for label in labels)
    if not data.class_names:
        return count_images(len(labels), data)
    groups = ((label, len([*same])) for label, same in groupby(labels))
    return ", ".join(f"{count} × {class_name(label, data)}" if count > 1 else class_name(label, data) for label, count in groups)


def conditions_of(recipe: Recipe) -> str:
    """thickness 3.5 px, crossed; empty where nothing but classes is asked for.

    Where the pictures differ, each in turn: 2 × 7, thickness 3.5 px; 3. Cut after LONGEST_CONDITIONS characters.
    """
    if recipe.conditions is None:
        return ""
    texts = [describe_condition(condition) for condition in recipe.conditions]
    if len(set(texts)) == 1:
        return texts[0]
    each = [describe_condition(condition, short_name(condition.label, recipe.data)) for condition in recipe.conditions]
    groups = ((text, len([*same])) for text, same in groupby(each))
    return cut("; ".join(f"{count} × {text}" if count > 1 else text for text, count in groups), LONGEST_CONDITIONS)


def understood_of(asked: Prompt | Change, data: DataSpec) -> str:
    """7 · bold · leaning left, or last answer · bolder: what a prompt asks for besides classes; empty where it names classes alone."""
    vocabulary = vocabulary_for(data.class_names)
    if isinstance(asked, Change):
        return change_words(asked, vocabulary)
    return understood(asked.conditions, vocabulary) if asked.conditions else ""


def accept_moves(measured: Sequence[Measured | None], moves: Sequence[Mapping[str, Move]]) -> tuple[Measured | None, ...]:
    """The same, where an attribute that has moved as asked ("bolder") is not missed, however far it went."""
    if not moves or not measured:
        return tuple(measured)
    accepted: list[Measured | None] = []
    for each, asked in zip(measured, moves, strict=True):
        found = dict(each.attributes) if each else {}
        made = [name for name, move in asked.items() if name in found and move.is_made(name, found[name])]
        accepted.append(replace(each, missed=tuple(name for name in each.missed if name not in made)) if each else None)
    return tuple(accepted)


def describe_measured(done: DrawDone, moves: Sequence[Mapping[str, Move]] = ()) -> str:
    """measured: thickness 3.61 px, slant -2.5° (asked for: -5° or less). Empty for drawings that were asked for nothing measurable.

    After "bolder": thickness 5.82 px (before: 4.28 px). Of several pictures it describes those that are not as asked for.
    """
    if not any(done.measured):
        return ""
    if len(done.images) > 1:
        whole = "both" if len(done.images) == 2 else f"all {count_images(len(done.images), done.recipe.data)}"
        return describe_missed(done) or f"{whole} are as asked for"
    (measured,), (condition,) = done.measured, done.recipe.conditions or ()
    if measured is None or not (measured.attributes or measured.variants):
        return "measured: no strokes"
    seen = []
    for name, value in measured.attributes:
        beside = [f"before: {with_unit(name, moves[0][name].before)}"] if moves and name in moves[0] else []
        beside += [f"asked for: {describe_interval(name, condition.interval(name))}"] if name in measured.missed else []
        notes = f" ({', '.join(beside)})" if beside else ""
        seen.append(f"{name} {with_unit(name, value)}{notes}")
    for name, has in measured.variants:
        seen.append(f"{name if has else f'not {name}'}{' (not as asked for)' if name in measured.missed else ''}")
    return f"measured: {', '.join(seen)}"


def value_captions(condition: Condition, measured: Measured | None = None) -> Sequence[str]:
    """29°: the one attribute that is asked for. Where the picture misses it, in fewer and fewer words: 29° → 24°; 29°→24°; 29°!"""
    ((name, interval),) = condition.attributes
    asked = with_unit(name, interval.low)
    if measured is None or name not in measured.missed:
        return [asked]
    if (found := dict(measured.attributes).get(name)) is None:
        return [f"{asked}!"]
    unit = ATTRIBUTES[name].unit
    seen = with_unit(name, round(found, DECIMALS[unit] - 1))  # as exact as values of rows are
    before = asked if unit == "°" else number(interval.low)
    return [f"{before} → {seen}", f"{before}→{seen}", f"{asked}!"]


def describe_missed(done: DrawDone) -> str:
    """1 of 3 digits is not as asked for: 7 has slant 14.2° instead of 20°; empty where all are."""
    missed, conditions, told = find_missed(done.measured), done.recipe.conditions or (), []
    for i in missed[:MOST_MISSED]:
        if measured := done.measured[i]:
            told.append(f"{short_name(done.recipe.labels[i], done.recipe.data)} has {describe_miss(conditions[i], measured)}")
    if not missed:
        return ""
    more = [f"and {len(missed) - MOST_MISSED:,} more"] if len(missed) > MOST_MISSED else []
    of, verb = count_images(len(done.images), done.recipe.data), "is" if len(missed) == 1 else "are"
    return f"{len(missed):,} of {of} {verb} not as asked for: {'; '.join([*told, *more])}"


def timing(done: DrawDone) -> str:
    """0.11 s · 178 steps/s · 4 redrawn · 1 not as asked"""
    redrawn = f" · {done.again:,} redrawn" if done.again else ""
    missed = find_missed(done.measured)
    redrawn += f" · {len(missed):,} not as asked" if missed else ""
    return f"{done.seconds:.2f} s · {done.steps_per_s:.0f} steps/s{redrawn}"


def progress(frame: Frame) -> str:
    """redrawing 1 · step 3/14 · 178 steps/s"""
    redrawing = f"redrawing {frame.again:,} · " if frame.again else ""
    return f"{redrawing}step {frame.step}/{frame.steps}" + (f" · {frame.steps_per_s:.0f} steps/s" if frame.step else "")


def screen_reader_text(done: DrawDone) -> str:
    """seven, seed 41, dpmpp, 14 steps, guidance 1.4, shipped, 0.11 s, 1 redrawn: without symbols, for a screen reader"""
    labels = done.recipe.labels
    names = [class_name(label, done.recipe.data) for label in labels[:MAX_NAMES]]
    more = [f"and {len(labels) - MAX_NAMES:,} more"] if len(labels) > MAX_NAMES else []
    more += [conditions] if (conditions := conditions_of(done.recipe)) else []
    facts = [*describe_sample(done.recipe.sample).split(" · "), str(done.recipe.weights).replace(" · ", ", "), f"{done.seconds:.2f} s"]
    facts += [f"{done.again:,} redrawn"] if done.again else []
    facts += [missed] if (missed := describe_missed(done)) else []
    return ", ".join([*names, *more, *facts])


def cut(text: str, width: int) -> str:
    """The text in at most `width` characters."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"
