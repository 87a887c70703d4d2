"""Texts that describe no digit: random letters and signs, and sentences about something else. Plain Python: no tensors, no screen."""

from __future__ import annotations

import random
from collections.abc import Sequence
from string import ascii_lowercase

LONGEST = 12
"""Words of a text."""

_WORDS = """apple banana river mountain teacher window garden coffee yellow purple green elephant tiger rabbit music guitar piano Monday Friday
    winter summer yesterday tomorrow morning evening hello goodbye thanks sorry maybe because although about before
    run walk swim eat sleep think believe remember buy sell pay bring keep hold house car train bicycle airplane ship bottle chair
    table computer keyboard mouse screen phone message doctor lawyer king queen prince castle forest desert ocean beach island
    potato tomato cheese bread butter sugar salt pepper chicken fish beef soup pizza pasta weather cloud rain snow storm thunder sun moon star
    planet galaxy science history physics chemistry biology language English French German money market bank price cheap expensive happy sad
    angry tired hungry thirsty cold warm hot brother sister mother father uncle friend enemy neighbour city village street bridge tower church
    he she they his her their who when where why how is was were will would can could should do did done see saw say said go went come came"""
_HELD_OUT_WORDS = """orange lemon valley hill student door kitchen tea violet donkey lion kitten song violin drum Tuesday Sunday autumn spring noon
    midnight welcome nobody everywhere jump climb drink dream guess spend carry wagon truck boat lamp sofa pillow laptop carpet nurse judge knight
    jungle lake carrot onion honey milk rice cake fog wind lightning comet algebra poem Italian Spanish coin shop lonely proud bored
    aunt cousin stranger town avenue temple whose whom while unless heard gave take took"""
_SENTENCES = """the weather is nice today
    what time is it
    how are you
    hello there
    my dog ate the homework
    who are you
    tell me a joke
    what is the capital of france
    i love my mother
    the cat sat on the table
    please book a flight to london
    play some music
    open the window
    lorem ipsum dolor sit amet
    to be or not to be
    a picture of a cat
    draw a house with a garden
    draw me a horse
    a photo of the sea
    paint a landscape
    help
    quit
    asdf
    test"""
_HELD_OUT_SENTENCES = """where is the train station
    good evening everybody
    the sun rises in the east
    can you hear me
    what should i cook tonight
    sing a song
    close the door
    my sister lives in berlin
    a painting of a ship
    sketch a flower in a vase
    exit
    qwerty"""
_FRAMES = """a
    the
    draw a
    please draw a
    write a
    show me a
    give me a
    i want a
    could you draw a
    make a
    paint a
    a picture of a
    a photo of a
    a drawing of a
    here is a
    it is a
    there is a
    a very
    a slightly
    not a
    the very"""
"""Starts of captions, before what is no digit."""
_SIGNS = "!?#$%&*+=/<>@^_~|:;,."


def make_nonsense(rng: random.Random, held_out: bool = False) -> str:
    """A text without meaning here, of 1 to LONGEST words. What is held out is never made for training; random letters are always new."""
    words, sentences = (_HELD_OUT_WORDS, _HELD_OUT_SENTENCES) if held_out else (_WORDS, _SENTENCES)
    way = rng.random()
    if not held_out and way < 0.15:
        return " ".join(f"{rng.choice(_FRAMES.splitlines())} {' '.join(rng.choices(words.casefold().split(), k=rng.randint(1, 3)))}".split())
    if way < 0.2:
        return rng.choice([line.strip() for line in sentences.splitlines()])
    if way < 0.6:
        return " ".join(rng.choices(words.casefold().split(), k=rng.randint(1, LONGEST)))
    if way < 0.8:
        return " ".join(_letters(rng, ascii_lowercase) for _ in range(rng.randint(1, 6)))
    return " ".join(
        _letters(rng, rng.choice((_SIGNS, ascii_lowercase, ascii_lowercase + _SIGNS, "aeiou", "asdfjkl"))) for _ in range(rng.randint(1, 6))
    )


def _letters(rng: random.Random, of: Sequence[str]) -> str:
    return "".join(rng.choices(of, k=rng.randint(2, 9)))


def known_texts() -> list[str]:
    """The words and sentences of nonsense for training."""
    return [_WORDS.casefold(), *_SENTENCES.splitlines()]
