"""How well an image tower tells which caption is true of a picture, and which picture a caption is true of. As a program: on MNIST's test images.

Contrast alone makes bags of words, to which "not bold" is about as good as "bold" (Yuksekgonul et al. 2023, arXiv 2210.01936). So all pairs here
differ in one fact: two captions of one picture, or two pictures for one caption.
"""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import click
import torch
from torch import Tensor

from engine.captions.captions import Plan, hard_negative, plan_caption
from engine.captions.facts import target_for, true_levels, true_negations
from engine.captions.held_out import HeldOut
from engine.captions.templates import TEMPLATES
from engine.checkpoints.tower import load_tower
from engine.data import mnist
from engine.data.measured import measure_each
from engine.data.shown import ShownImages
from engine.errors import DigittyError
from engine.formatting import printable
from engine.prompt.phrase import Phrase
from engine.sampling.ranker import Ranker

SEED = 0
SPREAD = {"thickness": 1.0, "slant": 14.0, "width": 1.0, "length": 1.0}
"""What counts as one unit where two pictures are compared in all but one attribute."""
ALL, NOT = "all", "with a not"
LONGEST = 1000
"""Characters of a line."""
FEWER = 500
"""Pictures that are asked about with what is held out, at most."""
KINDS: Sequence[HeldOut | None] = (None, "templates", "orders", "synonyms", "pairs")


class Changed(NamedTuple):
    """A picture, a caption that is true of it, and one that is not."""

    place: int
    own: Plan
    other: Plan
    fact: str
    """What the two differ in: digit, an attribute, or variant."""


class Pair(NamedTuple):
    """A caption of one attribute, a picture that it is true of, and another of the same digit that is as like it as there is one."""

    text: str
    place: int
    other: int
    attribute: str
    is_negated: bool


def draw_changed(shown: ShownImages, places: Sequence[int], held_out: Collection[HeldOut] = (), seed: int = SEED) -> Iterator[Changed]:
    """A caption of each picture, and the same with one fact changed; those pictures are left out that show nothing held out."""
    rng = random.Random(f"{seed} {sorted(held_out)}")
    for place in places:
        try:
            own = plan_caption(rng, shown.of(place), held_out)
        except ValueError:
            continue
        other = hard_negative(rng, own)
        if own.text != other.text and not bool(shown.truths([other.says], torch.tensor([place]))[0, 0]):
            yield Changed(place, own, other, changed_fact(own.says, other.says))


def changed_fact(own: Phrase, other: Phrase) -> str:
    """What two captions differ in: digit, variant, or the name of an attribute."""
    if own.label != other.label:
        return "digit"
    return next((target.attribute for target, now in zip(own.targets, other.targets, strict=True) if target != now), "variant")


def draw_pairs(shown: ShownImages, places: Sequence[int], seed: int = SEED) -> Iterator[Pair]:
    """A caption of one attribute of each picture, with or without a "not", beside a picture of which it is not true."""
    rng = random.Random(f"{seed} pairs")
    scale = torch.tensor([SPREAD[name] for name in shown.names], dtype=torch.float64)
    for place in places:
        digit, is_negated = shown.of(place), rng.random() < 0.5
        if not digit.values:
            continue
        name = rng.choice(list(digit.values))
        levels = (true_negations if is_negated else true_levels)(name, digit.values[name])
        if not levels:
            continue
        says = Phrase(digit.label).with_target(target_for(rng.choice(levels), is_negated))
        others = ((shown.labels == digit.label) & ~shown.truths([says])[:, 0]).nonzero().flatten()
        if not len(others):
            continue
        apart = ((shown.values[others] - shown.values[place]) / scale).abs()
        apart[:, shown.names.index(name)] = 0
        nearest = int(others[apart.nan_to_num(9.0).sum(1).argmin()])
        yield Pair(Plan(says, rng.choice(TEMPLATES), rng.getrandbits(32)).text, place, nearest, name, is_negated)


def judge_changed(ranker: Ranker, codes: Tensor, changed: Sequence[Changed]) -> dict[str, list[bool]]:
    """By fact whether the true caption fits each picture better; `codes` are those of all pictures."""
    own, other = (ranker.encode_captions([plan.text for plan in plans]) for plans in zip(*((each.own, each.other) for each in changed), strict=True))
    pictures = codes[[each.place for each in changed]][:, None]
    right = ranker.compare_pairs(pictures, own) > ranker.compare_pairs(pictures, other)
    found: dict[str, list[bool]] = defaultdict(list)
    for each, is_right in zip(changed, right[:, 0].tolist(), strict=True):
        says_not = any(f" {word} " in f" {plan.text} " for plan in (each.own, each.other) for word in ("not", "never", "without", "no"))
        for name in (ALL, each.fact, *([NOT] if says_not else [])):
            found[name].append(is_right)
    return found


def judge_pairs(ranker: Ranker, codes: Tensor, pairs: Sequence[Pair]) -> dict[str, list[bool]]:
    """By attribute whether the picture that a caption is true of fits it better."""
    places = torch.tensor([[pair.place, pair.other] for pair in pairs])
    scores = ranker.compare_pairs(codes[places], ranker.encode_captions([pair.text for pair in pairs]))
    found: dict[str, list[bool]] = defaultdict(list)
    for pair, is_right in zip(pairs, (scores[:, 0] > scores[:, 1]).tolist(), strict=True):
        for name in (ALL, pair.attribute, *([NOT] if pair.is_negated else [])):
            found[name].append(is_right)
    return found


def judge_top(ranker: Ranker, shown: ShownImages, codes: Tensor, changed: Sequence[Changed], first: int) -> float:
    """The share of the `first` pictures for each caption of which it is true, counting captions that are true of at least as many."""
    logits = ranker.compare(codes, ranker.encode_captions([each.own.text for each in changed]))
    truths = shown.truths([each.own.says for each in changed])
    enough = truths.sum(0) >= first
    best = logits[:, enough].topk(first, 0).indices
    return float(truths[:, enough].gather(0, best).double().mean())


def _line(name: str, found: dict[str, list[bool]]) -> str:
    shares = (f"{fact} {sum(right) / len(right):.1%} of {len(right):,}" for fact, right in sorted(found.items(), key=lambda item: item[0] != ALL))
    return f"{name}: {', '.join(shares)}"


@click.command()
@click.argument("weights", default="")
@click.option("--count", type=click.IntRange(10, 10_000), default=10_000, show_default=True, help="Test images.")
def main(weights: str, count: int) -> None:
    """Measure how well an image tower (RUN, RUN:best or a file; by default the one that ships) ranks MNIST's test images."""
    try:
        ranker = Ranker(load_tower(weights))
        conditions = ranker.tower.config.conditions
        assert conditions is not None  # as training ensures
        images, labels = mnist.load(False, limit=count)
        shown = ShownImages(measure_each(ranker.data, images, labels), conditions)
        codes = ranker.encode_pictures(images)
        places = range(len(images))
        for kind in KINDS:
            changed = [*draw_changed(shown, places)] if kind is None else [*draw_changed(shown, places[:FEWER], (kind,))]
            name = "two captions, as in training" if kind is None else f"two captions, new {kind}"
            click.echo(printable(_line(name, judge_changed(ranker, codes, changed)), LONGEST))
            if kind is None:
                known = changed[: len(places) // 10]
        click.echo(printable(_line("two pictures", judge_pairs(ranker, codes, [*draw_pairs(shown, places)])), LONGEST))
        click.echo(printable(f"of the first 10 pictures for a caption it is true of {judge_top(ranker, shown, codes, known, 10):.1%}"))
    except DigittyError as error:
        click.echo(printable(f"digitty: {error}"), err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
