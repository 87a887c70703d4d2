"""Captions: a plan of what one states and how, and its text. Plain Python: no tensors, no screen.

Equal random numbers give equal captions, so that training can be resumed exactly.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from engine.captions.facts import MOST_WORDS, Shown, random_shown, split_words, target_for, true_levels, true_negations
from engine.captions.held_out import ORDERS, PAIRS, HeldOut
from engine.captions.held_out import TEMPLATES as HELD_OUT_TEMPLATES
from engine.captions.synonyms import HELD_OUT_WORDS, NAMES_OF_DIGITS
from engine.captions.templates import TEMPLATES, make_template
from engine.captions.wording import Part, word_level, word_variant
from engine.config.condition import AttributeName
from engine.prompt.levels import Level, level_of
from engine.prompt.phrase import Phrase, Target

HOW_MANY = (0.1, 0.38, 0.32, 0.14, 0.06)
"""How often a caption states 0, 1, 2, 3 and 4 attributes."""
STATES_LABEL, STATES_VARIANT, STATES_NOT = 0.92, 0.6, 0.25
"""How often it states the digit, the variant of a digit that can have one, and of an attribute what it is not."""

NEW_TEMPLATE = 0.25
"""How often a caption for training has a template of its own, of words that mean nothing."""

OTHER_DIGITS = 3
"""Digits that a hard negative may have instead, so that it is about as often another digit as another level."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a caption states, and all that decides its words. Plans that differ in one fact alone become captions that differ in few words."""

    says: Phrase
    template: str
    seed: int
    held_out: frozenset[HeldOut] = frozenset()

    @property
    def text(self) -> str:
        """The caption."""
        parts = _parts(self)
        rng = random.Random(self.seed)
        name = rng.choice(NAMES_OF_DIGITS[self.says.label])
        if "[is]" in self.template:
            fields = {"[is]": _join(rng, parts)}
        else:
            adjectives = [part for part in parts if part.is_adjective]
            count = rng.choice((len(adjectives), len(adjectives), rng.randint(0, len(adjectives))))
            before = adjectives[:count]
            if "[name]" in self.template.partition("[behind]")[2] and count < len(adjectives):
                before = adjectives  # "that is bold" needs a digit before it
            fields = {"[before]": _join_before(rng, before), "[behind]": _join_behind(rng, [part for part in parts if part not in before])}
        text = self.template.replace("[name]", name)
        for field, words in fields.items():
            text = text.replace(field, words)
        return _tidy(text) + ("." if rng.random() < 0.05 else "")


@dataclass(frozen=True, slots=True)
class Caption:
    """A text, and what it states."""

    text: str
    says: Phrase | None
    """None for nonsense."""


def plan_caption(rng: random.Random, shown: Shown, held_out: Collection[HeldOut] = ()) -> Plan:
    """A caption that is true of a picture, of at most MOST_WORDS words. What is `held_out` is used, wherever it can be; nothing else of it ever is.

    Raises ValueError where a held-out pair is asked for and the picture shows none.
    """
    pairs = shown_pairs(shown) if "pairs" in held_out else []
    if "pairs" in held_out and not pairs:
        raise ValueError(f"a {shown.label} with these values shows no pair that is held out")
    templates = ORDERS if "orders" in held_out else HELD_OUT_TEMPLATES if "templates" in held_out else TEMPLATES
    while True:
        says = _choose(rng, shown, pairs, held_out)
        template = make_template(rng) if templates is TEMPLATES and rng.random() < NEW_TEMPLATE else rng.choice(templates)
        plan = Plan(says, template, rng.getrandbits(32), frozenset(held_out))
        states_more = bool(says.targets or says.variants)
        may_state_less = "[is]" not in plan.template and says.label is not None and "synonyms" not in held_out
        if (states_more or may_state_less) and len(split_words(plan.text)) <= MOST_WORDS:
            return plan


def random_plan(rng: random.Random, held_out: Collection[HeldOut] = ()) -> Plan:
    """A caption of a picture that might be."""
    while True:
        shown = random_shown(rng)
        if "pairs" not in held_out or shown_pairs(shown):
            return plan_caption(rng, shown, held_out)


def make_caption(rng: random.Random, shown: Shown, held_out: Collection[HeldOut] = ()) -> Caption:
    """A caption that is true of a picture. Raises ValueError as `plan_caption` does."""
    plan = plan_caption(rng, shown, held_out)
    return Caption(plan.text, plan.says)


def shown_pairs(shown: Shown) -> list[Level]:
    """The levels that a picture has and that make a held-out pair with its digit."""
    every = [level for name, value in shown.values.items() for level in true_levels(name, value)]
    return [level for level in every if is_held_out(shown.label, level)]


def is_held_out(label: int | None, level: Level) -> bool:
    """Whether a caption that states both states a held-out pair."""
    return label is not None and (label, level.attribute, level.side) in PAIRS


def states_pair(phrase: Phrase) -> bool:
    """Whether a phrase states a held-out pair."""
    return any(is_held_out(phrase.label, level_stated(target)[0]) for target in phrase.targets)


def level_stated(target: Target) -> tuple[Level, bool]:
    """The level that a target of a caption is about, and whether it says "not"."""
    found = level_of(target.attribute, target.interval)
    assert found is not None
    return found


def _choose(rng: random.Random, shown: Shown, pairs: Sequence[Level], held_out: Collection[HeldOut]) -> Phrase:
    """What a caption states of a picture."""
    label = shown.label if pairs or rng.random() < STATES_LABEL else None
    first = rng.choice(pairs) if pairs else None
    count = rng.choices(range(len(HOW_MANY)), HOW_MANY)[0]
    names = rng.sample(sorted(shown.values), min(count, len(shown.values)))
    phrase = Phrase(label)
    if first:
        phrase = phrase.with_target(target_for(first, False))
    for name in names:
        if (not first or name != first.attribute) and (target := _choose_level(rng, label, name, shown.values[name], held_out)):
            phrase = phrase.with_target(target)
    for variant, has_it in shown.variants.items():
        if label is not None and rng.random() < STATES_VARIANT:
            phrase = phrase.with_variant(variant, has_it)
    return phrase


def _choose_level(rng: random.Random, label: int | None, name: AttributeName, value: float, held_out: Collection[HeldOut]) -> Target | None:
    """A level of a value, or one that it does not have; None where all are held out, or where none has a held-out synonym that is asked for."""
    is_negated = rng.random() < STATES_NOT
    levels = [level for level in (true_negations if is_negated else true_levels)(name, value) if not is_held_out(label, level)]
    if "synonyms" in held_out:
        levels = [level for level in levels if (name, level.side) in {(known.attribute, known.side) for known in HELD_OUT_WORDS}]
    return target_for(rng.choice(levels), is_negated) if levels else None


def _parts(plan: Plan) -> list[Part]:
    """The words for each thing that is stated, in random order, but "not" last."""
    parts = []
    for number, target in enumerate(plan.says.targets):
        parts.append(word_level(random.Random(plan.seed + 7 + number), *level_stated(target), plan.held_out))
    for name, wanted in plan.says.variants:
        parts.append(word_variant(random.Random(plan.seed + 3), name, wanted, plan.held_out))
    random.Random(plan.seed + 1).shuffle(parts)
    return sorted(parts, key=lambda part: part.is_negated)


def _join(rng: random.Random, parts: Sequence[Part]) -> str:
    """All parts behind one another: wide, leaning left but not bold."""
    text = ""
    link = _link(rng, parts, (" and ", ", ", " , and "))
    for k, part in enumerate(parts):
        turns = part.is_negated and k > 0 and not parts[k - 1].is_negated
        text += (rng.choice((" but ", " , but ", " and ", " , ")) if turns else link if k else "") + part.text
    return text


def _join_before(rng: random.Random, parts: Sequence[Part]) -> str:
    return _link(rng, parts, (", ", " and ")).join(part.text for part in parts)


def _link(rng: random.Random, parts: Sequence[Part], links: Sequence[str]) -> str:
    """What stands between parts. Not merely a space before an adverb, which might belong to the part before: leaning left a bit bold."""
    has_adverb = any(" " in part.text for part in parts[1:])
    return rng.choice(links if has_adverb else (*links, " ", " "))


def _join_behind(rng: random.Random, parts: Sequence[Part]) -> str:
    """What stands behind the digit first, then adjectives after "that is"."""
    behind = [part for part in parts if not part.is_adjective]
    adjectives = [part for part in parts if part.is_adjective]
    text = _link(rng, behind, (" and ", " , ")).join(part.text for part in behind)
    if adjectives:
        text += rng.choice((" that is ", " which is ", " , ", " that looks ")) + _join(rng, adjectives)
    return text


def _tidy(text: str) -> str:
    """Single spaces, no space before a comma, none at the ends, "an" before vowels."""
    text = re.sub(r" +([,.:;)])", r"\1", " ".join(text.split())).replace("( ", "(").strip(" ,")
    text = re.sub(r"^[,.:; ]+|(?<=,),+", "", text)
    text = re.sub(r"\ba (?=a (bit|little|tad|touch) )", "", text)
    return re.sub(r"\ba (?=(?!eu|on|un?i)[aeiou]|8)", "an ", text)


def hard_negative(rng: random.Random, plan: Plan) -> Plan:
    """The same caption with one fact changed: the digit, the side of a level, a "not", or a variant. Never a held-out pair, unless it has one."""
    says = plan.says
    changed = [_with_target(says, target, other) for target in says.targets for other in _others(target)]
    changed += [replace(says, variants=tuple((name, not wanted) for name, wanted in says.variants))] * (2 * bool(says.variants))
    if says.label is not None and not says.variants:
        others = [label for label in range(10) if label != says.label]
        changed += [replace(says, label=label) for label in rng.sample(others, OTHER_DIGITS)]
    allowed = [phrase for phrase in changed if "pairs" in plan.held_out or not states_pair(phrase)]
    return replace(plan, says=rng.choice(allowed)) if allowed else plan


def _others(target: Target) -> list[Target]:
    """What is easily taken for a target: the other side, and the opposite."""
    level, is_negated = level_stated(target)
    if level.side == 0:
        return [target_for(level._replace(side=side), False) for side in (-1, 1)]
    others = [target_for(level._replace(side=-level.side), is_negated)]
    return others + [target_for(level, not is_negated)] * (level.degree != 1)


def _with_target(phrase: Phrase, target: Target, other: Target) -> Phrase:
    return replace(phrase, targets=tuple(other if own == target else own for own in phrase.targets))
