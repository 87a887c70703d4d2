"""Does anything that a terminal can send end the screen, hang it, or lock its keyboard? Random strings through a real pseudo-terminal.

    python benchmarks/fuzz_input.py
    python benchmarks/fuzz_input.py --count 5000 --seed 7      # a quick look, with other strings
    python benchmarks/fuzz_input.py --prompts                  # strings as prompts, without a screen

UTF-8, Latin-1, plain bytes, keys whole and broken, mouse reports of the modes X10, 1005, 1006, 1015 and 1016, pastes in pieces and without an
end, answers to questions that nobody asked, kitty's keyboard reports. After every 50 a key must do what it should; after each 2,000 a prompt is
typed and seen, and the screen starts anew. Stops at the first fault, with the log. `tests/e2e/test_fuzz_input.py` does the same with 2,000.

With --prompts, a third of the strings are any characters, a third heaps of the parser's words, a third made-up words. Each must be read, or
refused in one printable sentence whose proposal can be read. What is read must be said in words that are read as the same, its facts must step,
and changes must apply. Made-up words must be refused. Of every tenth string that is refused, the text encoder that ships must make the same.
"""

from __future__ import annotations

import argparse
import random
import string
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from prerecorded_jobs import ROOT
from typist import Session, Typist

from engine.checkpoints.reader import shipped_reader
from engine.config.condition import SCORES, VARIANTS, AttributeScales, ConditionConfig, Scale
from engine.config.data import MNIST
from engine.errors import PromptError
from engine.prompt.changes import Change, apply_change
from engine.prompt.facts import facts, step_fact
from engine.prompt.parser import MAX_CHARACTERS, Prompt, parse_or_change
from engine.prompt.phrase import Phrase
from engine.prompt.vocabulary import vocabulary_for
from engine.prompt.words import prompt_words
from engine.sampling.understand import reword

ROUND = 2_000
ENCODER_READS = 10
"""The text encoder reads one of so many strings that the parser refuses."""
NAMES = MNIST.class_names
VOCABULARY = vocabulary_for(NAMES, True)
SCALES = (("thickness", 2.7, 0.7), ("slant", 5.0, 14.0), ("width", 13.0, 3.9), ("length", 43.0, 11.0))
TOLD = ConditionConfig(tuple(AttributeScales(name, Scale(tuple(mean + sd * z for z in SCORES))) for name, mean, sd in SCALES), tuple(VARIANTS), 64)
WORDS = """bold thin very slightly a bit not leaning left right upright slanted with without crossbar loop base crossed looped open closed plain wide
    narrow long short slant thickness width length 20 ° px 3.5 3 7 seven sevens 2026 0-9 from to in one hand 12 same writer answer bolder wider more
    less again another but that is and , . - all both each random digit digits grid x three dozen of the it than at least between z 900 -20 by like
    own getting italic mm _ = : > 5 two twos an no 1,5 point boldest as possible most half increasing first others every gaunt some barely on"""


def any_characters(rng: random.Random) -> str:
    ranges = (range(32, 127), range(0x3000), range(sys.maxunicode))
    return "".join(chr(rng.choice(rng.choice(ranges))) for _ in range(rng.randrange(1, 25)))


def heap_of_words(rng: random.Random) -> str:
    return "".join(rng.choice(WORDS.split()) + rng.choice((" ", " ", ",", ", ", "", "\n")) for _ in range(rng.choice((1, 2, 3, 4, 5, 7, 10))))


def made_up_words(rng: random.Random) -> str:
    return " ".join("".join(rng.choices(string.ascii_lowercase, k=rng.randrange(3, 9))) for _ in range(rng.randrange(1, 4)))


def parse_prompt(text: str) -> Prompt | Change | PromptError:
    try:
        return parse_or_change(text, random.Random(1), NAMES, TOLD)
    except PromptError as error:
        return error


def check_read(found: Prompt | Change) -> None:
    """Raises AssertionError where what was read can't be said again, changed or applied."""
    if isinstance(found, Change):
        with suppress(PromptError):  # nothing further can be asked for
            apply_change(found, [Phrase(label) for label in range(len(NAMES))], TOLD)
    elif found.conditions:
        words = prompt_words(found.conditions)
        again = parse_prompt(words) if len(words) <= MAX_CHARACTERS else found
        same = isinstance(again, Prompt) and (again.conditions or tuple(map(Phrase, again.labels))) == found.conditions
        assert same, f"said again as {words!r}, which is something else"
        for phrase in found.conditions[:2]:
            for fact in facts(phrase, VOCABULARY):
                for by in (-1, 1, 3):
                    step_fact(phrase, fact.name, by, VOCABULARY)


def check_refused(why: str, near: str) -> None:
    assert why.isprintable(), "the message can't be printed"
    assert not near or not isinstance(parse_prompt(near), PromptError), f"proposes {near!r}, which can't be read"


def read_prompts(count: int, seed: int) -> None:
    """Prints what became of random prompts. Raises AssertionError, and whatever a prompt raises that is no PromptError."""
    rng, reader, fates, start = random.Random(seed), shipped_reader(), Counter[str](), time.perf_counter()
    assert reader is not None
    for k in range(count):
        make = (any_characters, heap_of_words, made_up_words)[k % 3]
        text = make(rng)
        try:
            found = parse_prompt(text)
            if isinstance(found, PromptError):
                fates["refused"] += 1
                check_refused(str(found), found.near)
                if fates["refused"] % ENCODER_READS == 0:
                    meant = reword(text, reader)
                    fates["read by the encoder" if meant.prompt else "refused by the encoder, too"] += 1
                    check_refused(meant.problem, meant.near or meant.prompt)
            else:
                fates["read"] += 1
                assert make is not made_up_words, "made-up words were read"
                check_read(found)
        except Exception:
            print(f"seed {seed}, string {k:,}: {text!r}", file=sys.stderr)
            raise
        if k % 10_000 == 9_999 or k == count - 1:
            print(f"{k + 1:,} strings, {time.perf_counter() - start:.0f} s: {dict(fates)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--prompts", action="store_true", help="read the strings as prompts, without a screen")
    given = parser.parse_args()
    if given.prompts:
        read_prompts(given.count, given.seed)
        return
    start, done, size, slowest, seed = time.perf_counter(), 0, 0, 0.0, given.seed
    while done < given.count:
        count = min(ROUND, given.count - done)
        typist = Typist(seed)
        strings = [typist.string() for _ in range(count)]
        with tempfile.TemporaryDirectory() as folder, Session(Path(folder)) as session:
            try:
                session.type(iter(strings))
                session.end()
            except AssertionError as fault:
                sys.exit(f"seed {seed}, after {done:,} strings: {fault}")
            slowest = max(slowest, session.slowest)
        done, size, seed = done + count, size + sum(len(piece) for pieces in strings for piece in pieces), seed + 1
        took = time.perf_counter() - start
        print(f"{done:,} strings, {size:,} bytes, {took:.0f} s: no fault; the slowest key took {slowest:.2f} s", flush=True)


if __name__ == "__main__":
    assert ROOT
    main()
