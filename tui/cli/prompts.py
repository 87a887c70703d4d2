"""The prompts of `digitty generate`: words of the command line, or the lines of a file or of standard input."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.captions.own_words import caption_words_of, read_caption
from engine.cli.output import print_status
from engine.config.condition import Condition, ConditionConfig
from engine.config.condition_options import AskedOptions, ask
from engine.config.data import DataSpec
from engine.config.fields import MAX_COUNT
from engine.config.hand import HandSource
from engine.config.sampling import SampleConfig
from engine.errors import PictureError, PromptError, SettingError
from engine.formatting import printable
from engine.prompt.hand_numbers import repeat_phrases, with_other_hands
from engine.prompt.parser import Prompt, parse
from engine.protocol.requests import DrawRequest
from engine.protocol.understood import Understood
from engine.runs.caption_reader import can_explain
from engine.runs.conditional_weights import HowToChoose, check_told, name_weights_told
from engine.runs.other_classes import name_other_weights
from engine.runs.prompts import conditions_of, told_to
from engine.runs.weights_names import model_of
from tui.render import captions as caption

STANDARD_INPUT = "-"
LARGEST = 10_000_000
"""Bytes of a file of prompts."""
MOST_REPORTED = 20
"""Lines with mistakes that are reported one by one."""
NOTHING = AskedOptions()
USE = "use --weights {weights}"
Understand = Callable[[str], Understood]


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


def check_asked(asked: AskedOptions, weights: str, how: HowToChoose) -> None:
    """Raises SettingError for options that can't be read, or that these weights can't be told; of missing weights, drawing tells.

    Raises PictureError where a hand is to be read from a file that isn't there.
    """
    condition, model = asked.condition(), model_of(weights)
    files = condition.hand.files if isinstance(condition.hand, HandSource) else ()
    if missing := next((file for file in files if not Path(file).exists()), None):
        raise PictureError(f"no file {printable(missing)}; a hand is a number, or a picture of a digit")
    if model is not None:
        check_told([condition], model, weights, how)


def plan_drawings(
    lines: Sequence[Line],
    count: int,
    sample: SampleConfig,
    weights: str,
    data: DataSpec,
    asked: AskedOptions = NOTHING,
    understand: Understand | None = None,
    how: HowToChoose = USE.format,
) -> list[Drawing]:
    """What is drawn for each prompt, `count` times, the first with the seed of `sample` and each further one with the next.

    `understand` is asked about prompts that the parser refuses. `how` says how to choose other weights, which errors name.
    Reports every line that can't be read on standard error, then raises PromptError; without a file, only raises it. Raises SettingError
    where it would be too many pictures.
    """
    drawings: list[Drawing] = []
    problems: list[str] = []
    total, model = 0, model_of(weights)
    told, own_words = told_to(weights), caption_words_of(model)
    for i, line in enumerate(lines):
        own = replace(sample, seed=sample.seed + i)
        try:
            prompt = _read_or_ask(line, count, own.seed, data, told, understand, own_words)
            conditions = conditions_of(prompt, told, own.seed)
        except PromptError as error:
            error = name_weights_told(error, line.text, weights, how)
            error = name_other_weights(error, data, "draw it with --weights {weights}")
            if not line.where:
                raise error from None
            problems.append(f"{line.where}: {error}")
            continue
        labels = prompt.labels
        total += len(labels)
        if total > MAX_COUNT:
            raise SettingError(f"{line.where}: {caption.count_images(total, data)} is more than the {MAX_COUNT:,} allowed; use fewer lines")
        once = len(labels) // count
        indices = tuple(k // once for k in range(len(labels))) if prompt.shared_noise else None  # the images of a grid share their noise
        if asked.are_given:
            conditions = _ask(conditions or [Condition(label) for label in labels], asked, line.where)
        drawings.append(Drawing(line.text, DrawRequest(labels, own, indices, weights, conditions=conditions)))
    if problems:
        for problem in problems[:MOST_REPORTED]:
            print_status(problem)
        raise PromptError(f"{len(problems):,} of {len(lines):,} prompts can't be read, so nothing was drawn; correct them first")
    return drawings


def hand_numbers(request: DrawRequest) -> list[int | None]:
    """The number of each picture's hand; None where it has none."""
    return [each.hand.number if isinstance(each.hand, HandSource) else None for each in request.conditions or ()]


def _ask(conditions: Sequence[Condition], asked: AskedOptions, where: str) -> tuple[Condition, ...]:
    """The conditions with what the options ask for besides. Raises SettingError."""
    try:
        return ask(conditions, asked)
    except SettingError as error:
        raise SettingError(f"{where}: {error}" if where else str(error)) from None


def _read_or_ask(
    line: Line,
    count: int,
    seed: int,
    data: DataSpec,
    told: ConditionConfig | None,
    understand: Understand | None,
    own_words: Collection[str] | None,
) -> Prompt:
    """The prompt, `count` times, by other words for the same where only `understand` can read it, or as a caption in `own_words`.

    Raises PromptError.
    """
    try:
        return _read_prompt(line.text, count, random.Random(seed), data, told)
    except PromptError as error:
        if own_words is not None:
            prompt = read_caption(line.text, own_words, data.class_names, error)
            return replace(prompt, labels=prompt.labels * count)
        if understand is None or not can_explain(line.text, data.class_names):
            raise
        found = understand(line.text)
        if found.problem:
            raise PromptError(found.problem, found.near) from None
        if not found.prompt or found.prompt == line.text:
            raise
    prompt = _read_prompt(found.prompt, count, random.Random(seed), data, told)
    print_status(f"{f'{line.where}: ' if line.where else ''}read {line.text!r} as {found.prompt!r}")
    return replace(prompt, text=prompt.text and line.text)


def _read_prompt(text: str, count: int, rng: random.Random, data: DataSpec, told: ConditionConfig | None) -> Prompt:
    """The prompt, `count` times. Random labels are different each time."""
    state = rng.getstate()
    first = parse(text, rng, data.class_names, told)
    if len(first.labels) * count > MAX_COUNT:
        raise SettingError(f"{caption.count_images(len(first.labels) * count, data)} is more than the {MAX_COUNT:,} allowed; use a smaller --count")
    if rng.getstate() == state:  # nothing in the prompt is random
        return Prompt(first.labels * count, first.shared_noise, first.conditions and repeat_phrases(first.conditions, count), first.text)
    repeats = [first, *(parse(text, rng, data.class_names, told) for _ in range(count - 1))]
    phrases = tuple(phrase for k, prompt in enumerate(repeats) for phrase in with_other_hands(prompt.conditions or (), k))
    return Prompt(tuple(label for prompt in repeats for label in prompt.labels), False, phrases or None, first.text)
