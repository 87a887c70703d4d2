"""What the options of a command ask of every picture: --thickness 3.5, --slant 10..20, --variant crossed. Plain Python."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from engine.config.condition import ATTRIBUTES, VARIANTS, Condition, Interval
from engine.config.condition_check import check_interval
from engine.config.condition_text import describe_interval, list_words
from engine.config.fields import MAX_SEED, setting
from engine.config.hand import HandSource
from engine.errors import SettingError
from engine.formatting import printable

VariantWord = Literal["looped", "closed", "crossed", "base"]
VARIANT_OF: Mapping[str, str] = {"looped": "looped", "closed": "closed", "crossed": "crossed", "base": "with a base"}
"""The variant that each word of the options stands for."""
UNITS: Mapping[str, str] = {
    **dict.fromkeys(("px", "pixel", "pixels"), "px"),
    **dict.fromkeys(("°", "º", "deg", "degree", "degrees"), "°"),
}
UNIT_NAMES = {"px": "pixels", "°": "degrees"}
LONGEST_NUMBER = 100
"""Figures of a number with leading zeros; Python refuses to read thousands."""
_END = re.compile(r"([+-]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20}))\s*([a-zº°]*)")
_EXAMPLES = "write one value or an interval: {0}, {1}..{0}, ..{0} or {0}.."


def _attribute(name: str, what: str, example: str) -> str | None:
    known = ATTRIBUTES[name]
    help = f"{what}, {known.low:g} to {known.high:g}: a value or an interval, such as {example}."
    return setting(None, help, low=known.low, high=known.high, option=f"--{name}")


@dataclass(frozen=True)
class AskedOptions:
    """The options as they were typed; None or empty where they were not given."""

    thickness: str | None = _attribute("thickness", "Thickness of the strokes in pixels", "3.5, 3..4, 3.. or ..3")
    slant: str | None = _attribute("slant", "Slant in degrees, positive to the right", "20, 10.. or -10..10")
    width: str | None = _attribute("width", "Width in pixels", "12 or 9..12")
    length: str | None = _attribute("length", "Length of all strokes together in pixels", "40 or 40..50")
    variant: tuple[str, ...] = setting(
        (),
        "Draw this variant of the digits that have it: a looped 2, a closed 4, a crossed 7, a 1 with a base.",
        choices=VariantWord,
        option="--variant",
    )
    without: tuple[str, ...] = setting((), "Don't draw this variant.", choices=VariantWord, option="--without")
    hand: tuple[str, ...] = setting(
        (),
        "Draw in this handwriting: a number, or a picture of handwritten digits; give several pictures by repeating the option.",
        kind=str,
        option="--hand",
    )

    @property
    def are_given(self) -> bool:
        return self != AskedOptions()

    def intervals(self) -> dict[str, Interval]:
        """What is asked of each attribute. Raises SettingError."""
        given = ((name, getattr(self, name)) for name in ATTRIBUTES)
        return {name: parse_interval(name, text) for name, text in given if text is not None}

    def variants(self) -> dict[str, bool]:
        """The variants that must be there, and those that must not. Raises SettingError where an option says both."""
        for word in self.variant:
            if word in self.without:
                raise SettingError(f"--variant {word} and --without {word} contradict each other; use one of them")
        return {**{VARIANT_OF[word]: False for word in self.without}, **{VARIANT_OF[word]: True for word in self.variant}}

    def hand_source(self) -> HandSource | None:
        """Where the hand is read from. Raises SettingError for a number that no hand has, for two numbers, or for a number and a file."""
        for word in self.hand:
            _check_hand(word)
        numbers = [word for word in self.hand if word.isascii() and word.isdecimal()]
        if not self.hand:
            return None
        if not numbers:
            return HandSource(files=self.hand)
        if len(self.hand) > 1:
            others = "another number" if len(numbers) > 1 else "a file"
            raise SettingError(
                f"--hand {printable(numbers[0], 20)} names a hand, so it can't stand beside {others}; write the name of a file as ./{numbers[0][:20]}"
            )
        return HandSource(number=int(numbers[0]))

    def condition(self) -> Condition:
        """What they ask of a picture, whatever its class. Raises SettingError."""
        return Condition(None, tuple(self.intervals().items()), tuple(self.variants().items()), self.hand_source())


def _check_hand(word: str) -> None:
    """Raises SettingError for a number that no hand has. What is no number at all may be the name of a file."""
    if _is_number(word) and not (word.isascii() and word.isdecimal() and len(word) <= LONGEST_NUMBER and int(word) <= MAX_SEED):
        way_out = f"a hand is a whole number from 0 to {MAX_SEED}, or a picture of a digit"
        raise SettingError(f"--hand {printable(word, 40)!r} can't be read; {way_out}")


def _is_number(word: str) -> bool:
    try:
        float(word.replace("−", "-").replace(",", "."))
    except ValueError:
        return not word.strip()
    return any(character.isdecimal() for character in word)


def parse_interval(name: str, text: str) -> Interval:
    """The values of 3.5, 3..4, ..3 or 3.. with or without units. Raises SettingError."""
    low, dots, high = text.strip().lower().replace("…", "..").replace("−", "-").partition("..")
    if not dots:
        value = _parse_end(name, low, text)
        interval = Interval(value, value)
    elif not low.strip() and not high.strip():
        raise _unreadable(name, text)
    else:
        ends = (_parse_end(name, low, text) if low.strip() else None, _parse_end(name, high, text) if high.strip() else None)
        if None not in ends and ends[0] > ends[1]:  # type: ignore[operator]
            raise SettingError(f"{name} {printable(text, 60)} begins above its end; write the smaller value first")
        interval = Interval(*(default if end is None else end for end, default in zip(ends, (Interval.low, Interval.high), strict=True)))
    check_interval(name, interval)
    return interval


def _parse_end(name: str, end: str, text: str) -> float:
    found = _END.fullmatch(end.strip())
    if found is None:
        raise _unreadable(name, text)
    unit = ATTRIBUTES[name].unit
    if found[2] and UNITS.get(found[2]) != unit:
        raise SettingError(f"{name} is in {UNIT_NAMES[unit]}, so {printable(text, 60)!r} can't be read; leave out {found[2]!r}")
    return float(found[1])


def _unreadable(name: str, text: str) -> SettingError:
    low, high = {"thickness": (3, 4), "slant": (10, 20), "width": (9, 12), "length": (40, 50)}[name]
    return SettingError(f"{name} {printable(text, 60)!r} is not a value; {_EXAMPLES.format(high, low)}")


def ask(conditions: Sequence[Condition], options: AskedOptions) -> tuple[Condition, ...]:
    """The conditions with what the options ask for besides. A variant is asked of the digits that can have it.

    Raises SettingError where a condition asks for something else, and for a variant that none of the digits can have.
    """
    intervals, variants, hand = options.intervals(), options.variants(), options.hand_source()
    for name, wanted in variants.items():
        if not any(condition.label in (None, VARIANTS[name]) for condition in conditions):
            digits = list_words([str(label) for label in dict.fromkeys(condition.label for condition in conditions)][:10], "or")
            raise SettingError(f"a {digits} can't be {name}; only a {VARIANTS[name]} can, so leave out --{'variant' if wanted else 'without'}")
    return tuple(_ask_one(condition, intervals, variants, hand) for condition in conditions)


def _ask_one(condition: Condition, intervals: Mapping[str, Interval], variants: Mapping[str, bool], hand: HandSource | None) -> Condition:
    attributes, own = dict(condition.attributes), dict(condition.variants)
    for name, interval in intervals.items():
        met = condition.interval(name).meet(interval)
        if met is None:
            said = describe_interval(name, condition.interval(name))
            raise SettingError(f"--{name} {describe_interval(name, interval)} contradicts the prompt, which asks for {name} {said}")
        attributes[name] = met
    for name, wanted in variants.items():
        if own.get(name, wanted) != wanted:
            raise SettingError(f"the prompt asks for {'not ' if wanted else ''}{name}, and the options for the opposite; leave one of them out")
        if condition.label in (None, VARIANTS[name]):
            own[name] = wanted
    if hand is not None and condition.hand not in (None, hand):
        raise SettingError("the prompt and --hand both say whose handwriting; leave one of them out")
    return replace(condition, attributes=tuple(attributes.items()), variants=tuple(own.items()), hand=hand or condition.hand)


def change(conditions: Sequence[Condition], options: AskedOptions) -> tuple[Condition, ...]:
    """The conditions with the options in place of what they ask for. Raises SettingError as `ask` does.

    A caption is left out where attributes or variants change, since it may say the opposite.
    """
    intervals, variants = options.intervals(), options.variants()
    bare = (
        replace(
            condition,
            attributes=tuple((name, interval) for name, interval in condition.attributes if name not in intervals),
            variants=tuple((name, wanted) for name, wanted in condition.variants if name not in variants),
            hand=None if options.hand else condition.hand,
            text=None if intervals or variants else condition.text,
        )
        for condition in conditions
    )
    return ask(tuple(bare), options)
