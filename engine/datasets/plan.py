"""Decides what the user left open: the size of the images, and whether they have colour. Says each choice in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.config.data import Preparation
from engine.config.data_choice import LARGEST_SIZE, SIDE_STEP
from engine.datasets.options import ENOUGH, USUAL_HOLD_OUT, USUAL_SIZES, DataOptions, format_sides
from engine.datasets.picture import Look, Target
from engine.datasets.selection import Selection
from engine.datasets.sources.arrays import ArraySource

SAMPLE = 256
"""How many pictures are looked at, evenly spaced, to choose."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the images are made."""

    target: Target
    preparation: Preparation | None
    """As the DataSpec records it. None: the images are the source's own."""
    hold_out: float
    """The share of the images that is kept from training."""
    choices: tuple[str, ...]
    """A sentence about each choice."""
    hold_out_asked: bool = True
    """Whether the user asked for that share."""

    def without_hold_out(self) -> Plan:
        """The plan of training on all images, where a share that nobody asked for can't be kept."""
        preparation = self.preparation and replace(self.preparation, hold_out=0.0)
        return replace(self, preparation=preparation, hold_out=0.0, choices=tuple(each for each in self.choices if each != _USUAL_SHARE))


_USUAL_SHARE = f"{USUAL_HOLD_OUT * 100:.4g}% of the images are kept from training, to judge with; --hold-out 0 trains on all of them"


def sample(indices: Sequence[int]) -> list[int]:
    """At most SAMPLE of these, evenly spaced."""
    count = min(SAMPLE, len(indices))
    return [indices[k * len(indices) // count] for k in range(count)]


def plan_arrays(source: ArraySource, selection: Selection, options: DataOptions) -> Plan:
    """For images of one size, which are used as they are if nothing else is asked for."""
    height, width = source.shape[:2]
    own = (height, width) if _is_allowed(height) and _is_allowed(width) else None
    sides, said = options.sides, list[str]()
    if sides is None and own:
        sides = own
        said.append(f"the images keep their size, {format_sides(*own)} pixels; --size gives them another")
    elif sides is None:
        sides, sentence = _nearest_size(min(height, width), f"the images of {width}×{height}")
        said.append(sentence)
    channels = 3 if len(source.shape) == 3 and not options.grey else 1
    share, sentences = _hold_out(selection, options)
    target = Target(*sides, channels, options.preparation.fit, options.preparation.background)
    untouched = target.shape == source.shape and not share and not options.preparation.classes
    if sides[0] * width != sides[1] * height:
        said.append(_fit_sentence(options.preparation))
    preparation = None if untouched else replace(options.preparation, hold_out=share)
    return Plan(target, preparation, share, (*said, *sentences), bool(options.preparation.hold_out))


def plan_pictures(selection: Selection, options: DataOptions, looks: Sequence[Look]) -> Plan:
    """For pictures of any size, given some of them."""
    said = []
    sides = options.sides
    if sides is None:
        median = sorted(looks, key=lambda each: (min(each.width, each.height), each.width, each.height))[len(looks) // 2]
        sides, sentence = _nearest_size(min(median.width, median.height), f"the median picture of {median.width}×{median.height}")
        said.append(sentence)
    if any(abs(each.width * sides[0] - each.height * sides[1]) > max(each.width, each.height) for each in looks):
        said.append(_fit_sentence(options.preparation))
    coloured = sum(look.colour for look in looks)
    channels = 3 if coloured and not options.grey else 1
    if coloured and not options.grey:
        said.append("the images have colour, as the pictures do; --grey makes them grey")
    elif not coloured:
        said.append("the images are grey, as the pictures are")
    if any(look.transparent for look in looks):
        other = "white" if options.preparation.background == "black" else "black"
        said.append(f"transparent pixels become {options.preparation.background}; --background {other} makes them {other}")
    share, sentences = _hold_out(selection, options)
    target = Target(*sides, channels, options.preparation.fit, options.preparation.background)
    return Plan(target, replace(options.preparation, hold_out=share), share, (*said, *sentences), bool(options.preparation.hold_out))


def _is_allowed(side: int) -> bool:
    """Whether images may keep this side. Smaller ones than --size allows do no harm, where they are what the source has."""
    return 0 < side <= LARGEST_SIZE and side % SIDE_STEP == 0


def _nearest_size(side: int, what: str) -> tuple[tuple[int, int], str]:
    """The usual size nearest to a side, the smaller of two equally near; and a sentence that says so."""
    size = min(USUAL_SIZES, key=lambda each: abs(each - side))
    return (size, size), f"the images are {size}×{size} pixels, the usual size nearest to {what}; --size gives them another"


def _fit_sentence(preparation: Preparation) -> str:
    match preparation.fit:
        case "crop":
            return "pictures of another shape are cropped to their middle; --fit pad or stretch keeps all of each"
        case "pad":
            return f"pictures of another shape get a {preparation.background} border; --fit crop or stretch gives them none"
        case "stretch":
            return "pictures of another shape are stretched; --fit crop or pad keeps their shape"


def _hold_out(selection: Selection, options: DataOptions) -> tuple[float, list[str]]:
    """The share that is kept from training, and a sentence about it."""
    preparation = options.preparation
    if selection.test.any():
        count = int(selection.test.sum())
        ignored = "; --hold-out is not used" if preparation.hold_out else ""
        return 0.0, [f"the {count:,} test images are kept from training{ignored}"]
    if preparation.hold_out:
        return preparation.hold_out, [f"{preparation.hold_out * 100:.4g}% of the images are kept from training, to judge with"]
    if options.chooses_hold_out and len(selection.indices) > ENOUGH:
        return USUAL_HOLD_OUT, [_USUAL_SHARE]
    return 0.0, []
