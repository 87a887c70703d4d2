"""The prompts of `digitty generate`: words of the command line, or the lines of a file or of standard input."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.cli.output import print_status
from engine.config.condition import Condition
from engine.config.condition_options import AskedOptions, ask
from engine.config.data import DataSpec
from engine.config.fields import MAX_COUNT
from engine.config.sampling import SampleConfig
from engine.errors import PromptError, SettingError
from engine.prompt.parser import parse
from engine.protocol.requests import DrawRequest
from engine.runs.conditional_weights import check_told
from engine.runs.other_classes import name_other_weights
from engine.runs.weights_names import model_of
from tui.render import captions as caption

STANDARD_INPUT = "-"
LARGEST = 10_000_000
"""Bytes of a file of prompts."""
MOST_REPORTED = 20
"""Lines with mistakes that are reported one by one."""
NOTHING = AskedOptions()


@dataclass(frozen=True, slots=True)
class Line:
    """A prompt, and where it stands; empty for the command line."""

    text: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A prompt that can be read, and the request that draws it."""

    prompt: str
    request: DrawRequest


def read_prompts(words: Sequence[str], file: str | None) -> list[Line]:
    """The prompts to draw, at least one. Skips empty lines of a file and lines that begin with #. Raises PromptError."""
    if file is None:
        if not words:
            raise PromptError("there is no prompt to draw; name one, for example: digitty generate three sevens, or a file of them: --prompts FILE")
        return [Line(" ".join(words))]
    if words:
        raise PromptError(f"{' '.join(words)!r} and --prompts {file} both say what to draw; use only one of them")
    name = "standard input" if file == STANDARD_INPUT else file
    lines = [Line(text.strip(), f"{name}, line {number}") for number, text in enumerate(_read(file, name).splitlines(), 1)]
    lines = [line for line in lines if line.text and not line.text.startswith("#")]
    if not lines:
        raise PromptError(f"{name} has no prompts; write one on each line")
    return lines


def _read(file: str, name: str) -> str:
    """Raises PromptError."""
    try:
        if file == STANDARD_INPUT:
            data = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with Path(file).open("rb") as opened:
                data = opened.read(LARGEST + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise PromptError(f"can't read the prompts in {name}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise PromptError(f"{name} is not text in UTF-8") from None
    if len(data) > LARGEST:
        raise PromptError(f"{name} holds more than {LARGEST // 1_000_000} MB; split it")
    return text


def check_asked(asked: AskedOptions, weights: str) -> None:
    """Raises SettingError for options that can't be read, or that these weights can't be told; of missing weights, drawing tells."""
    condition, model = asked.condition(), model_of(weights)
    if model is not None:
        check_told([condition], model, weights)


def plan_drawings(
    lines: Sequence[Line], count: int, sample: SampleConfig, weights: str, data: DataSpec, asked: AskedOptions = NOTHING
) -> list[Drawing]:
    """What is drawn for each prompt, `count` times, the first with the seed of `sample` and each further one with the next.

    Reports every line that can't be read on standard error, then raises PromptError; without a file, only raises it. Raises SettingError
    where it would be too many pictures.
    """
    drawings: list[Drawing] = []
    problems: list[str] = []
    total = 0
    for i, line in enumerate(lines):
        own = replace(sample, seed=sample.seed + i)
        try:
            labels, shared_noise = _labels(line.text, count, random.Random(own.seed), data)
        except PromptError as error:
            error = name_other_weights(error, data, "draw it with --weights {weights}")
            if not line.where:
                raise error from None
            problems.append(f"{line.where}: {error}")
            continue
        total += len(labels)
        if total > MAX_COUNT:
            raise SettingError(f"{line.where}: {caption.count_images(total, data)} is more than the {MAX_COUNT:,} allowed; use fewer lines")
        once = len(labels) // count
        indices = tuple(k // once for k in range(len(labels))) if shared_noise else None  # the images of a grid share their noise
        conditions = _conditions(labels, asked, line.where)
        drawings.append(Drawing(line.text, DrawRequest(labels, own, indices, weights, conditions=conditions)))
    if problems:
        for problem in problems[:MOST_REPORTED]:
            print_status(problem)
        raise PromptError(f"{len(problems):,} of {len(lines):,} prompts can't be read, so nothing was drawn; correct them first")
    return drawings


def _conditions(labels: Sequence[int], asked: AskedOptions, where: str) -> tuple[Condition, ...] | None:
    """What the options ask of the pictures of a prompt. Raises SettingError."""
    if not asked.are_given:
        return None
    try:
        return ask([Condition(label) for label in labels], asked)
    except SettingError as error:
        raise SettingError(f"{where}: {error}" if where else str(error)) from None


def _labels(prompt: str, count: int, rng: random.Random, data: DataSpec) -> tuple[tuple[int, ...], bool]:
    """The labels of the prompt, `count` times, and whether it is a grid. Random labels are different each time."""
    state = rng.getstate()
    first = parse(prompt, rng, data.class_names)
    if len(first.labels) * count > MAX_COUNT:
        raise SettingError(f"{caption.count_images(len(first.labels) * count, data)} is more than the {MAX_COUNT:,} allowed; use a smaller --count")
    if rng.getstate() == state:  # nothing in the prompt is random
        return first.labels * count, first.shared_noise
    repeats = [first.labels, *(parse(prompt, rng, data.class_names).labels for _ in range(count - 1))]
    return tuple(label for labels in repeats for label in labels), False
