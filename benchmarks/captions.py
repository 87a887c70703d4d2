"""How well a text encoder reads captions: those like its training's, and those with new templates, orders, words, pairs, and typos.

    python benchmarks/captions.py
    python benchmarks/captions.py --weights text-1
    python benchmarks/captions.py --steps 300 --count 500

Reads with the weights of a run of the preset text, or of a reader that it trains from nothing on generated captions, on one core. It prints for
--count captions of each kind how many are read completely right, the share of digits, attributes and variants that are right, and how many are
taken for nonsense. "parser" is the share that the parser of prompts can read, which is then right. The last columns are about --prompts of them,
read as prompts are, by parser and encoder together: read right, asked back (of nonsense: refused, which is right), and drawn though wrong.
Captions, and the weights that it trains, are a pure function of --seed and --steps.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence

import torch

from engine.captions.captions import hard_negative, random_plan
from engine.captions.nonsense import make_nonsense
from engine.captions.typos import misspell
from engine.captions.vocabulary import known_words
from engine.checkpoints.reader import load_reader
from engine.config.data import MNIST
from engine.config.text import TextConfig
from engine.models.layers import count_parameters
from engine.models.text import CaptionReader, Readings, encode_facts, read_facts
from engine.models.tokenizer import Tokenizer
from engine.prompt.phrase import Phrase
from engine.prompt.phrasing import Phrases
from engine.prompt.reading import Unreadable, read
from engine.prompt.vocabulary import vocabulary_for
from engine.sampling.understand import reword
from engine.training.read_captions import draw_captions, hide_words, reading_loss, right_readings

CPU = torch.device("cpu")
Said = tuple[str, Phrase | None]
VOCABULARY = vocabulary_for(MNIST.class_names, True)


def train(steps: int, batch: int, lr: float, seed: int) -> CaptionReader:
    """A reader after these steps of AdamW, whose learning rate rises over the first 5% and then falls to zero along a cosine."""
    torch.manual_seed(seed)
    reader = CaptionReader(TextConfig(known_words()))
    tokenizer = Tokenizer(reader.config)
    optimizer = torch.optim.AdamW(reader.parameters(), lr, betas=(0.9, 0.98), weight_decay=0.01)
    warm = max(1, steps // 20)
    schedule = torch.optim.lr_scheduler.SequentialLR(
        optimizer,
        [torch.optim.lr_scheduler.LinearLR(optimizer, 0.05, total_iters=warm), torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps - warm)],
        [warm],
    )
    start = time.process_time()
    print(f"{count_parameters(reader):,} parameters, {len(reader.config.words)} words", flush=True)
    for step in range(steps):
        captions = draw_captions(seed, step, batch)
        loss = reading_loss(reader(hide_words(tokenizer(captions.texts), seed, step)), right_readings(captions, CPU))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            print(f"step {step + 1:5}  loss {float(loss.detach()):.4f}  {time.process_time() - start:.0f} s of CPU time", flush=True)
    return reader.eval()


def kinds() -> dict[str, Callable[[random.Random], Said]]:
    """How a caption of each kind is made."""

    def plain(rng: random.Random) -> Said:
        plan = random_plan(rng)
        return plan.text, plan.says

    def changed(rng: random.Random) -> Said:
        plan = hard_negative(rng, random_plan(rng))
        return plan.text, plan.says

    def negated(rng: random.Random) -> Said:
        while True:
            plan = random_plan(rng)
            if " not " in f" {plan.text} ":
                return plan.text, plan.says

    def without(kind: str) -> Callable[[random.Random], Said]:
        def make(rng: random.Random) -> Said:
            plan = random_plan(rng, {kind})  # type: ignore[arg-type]
            return plan.text, plan.says

        return make

    def misspelt(slips: int) -> Callable[[random.Random], Said]:
        def make(rng: random.Random) -> Said:
            text, says = plain(rng)
            return misspell(rng, text, slips), says

        return make

    return {
        "templates of training": plain,
        "one fact changed": changed,
        "with a not": negated,
        "new templates": without("templates"),
        "new word order": without("orders"),
        "new pairs": without("pairs"),
        "new synonyms": without("synonyms"),
        "one typo": misspelt(1),
        "two typos": misspelt(2),
        "nonsense": lambda rng: (make_nonsense(rng, held_out=True), None),
    }


def can_parse(text: str) -> bool:
    """Whether the parser of prompts reads a text."""
    try:
        read(VOCABULARY.normalize(text), VOCABULARY, explains=False)
    except Unreadable:
        return False
    return True


@torch.inference_mode()
def judge(reader: CaptionReader, captions: Sequence[Said]) -> str:
    """A row of the table."""
    tokenizer, found, parts = Tokenizer(reader.config), [], []
    for first in range(0, len(captions), 500):
        readings = reader(tokenizer([text for text, _ in captions[first : first + 500]]))
        found += read_facts(readings)
        parts.append([part.argmax(-1) for part in readings])
    right = encode_facts([says for _, says in captions])
    read_places = Readings(*(torch.cat(part) for part in zip(*parts, strict=True)))
    whole = sum(one == says for one, (_, says) in zip(found, captions, strict=True)) / len(captions)
    nonsense = float(read_places.nonsense.float().mean())
    if captions[0][1] is None:
        return f"{whole:7.1%} {'':>7} {'':>10} {'':>8} {nonsense:9.1%}"
    label = float((read_places.label == right.label).float().mean())
    stated = right.attributes > 0
    attributes = float((read_places.attributes == right.attributes)[stated].float().mean())
    variants = float((read_places.variants == right.variants)[right.variants > 0].float().mean())
    return f"{whole:7.1%} {label:7.1%} {attributes:10.1%} {variants:8.1%} {nonsense:9.1%}"


def judge_prompts(reader: CaptionReader, captions: Sequence[Said]) -> str:
    """The end of a row: what becomes of these captions as prompts."""
    right = wrong = 0
    for text, says in captions:
        meant = text if can_parse(text) else reword(text, reader).prompt
        if not meant:
            right += says is None
            continue
        asked = read(VOCABULARY.normalize(meant), VOCABULARY)
        phrases = asked.asked.phrases if isinstance(asked.asked, Phrases) else tuple(map(Phrase, asked.labels))
        right, wrong = right + (phrases == (says,)), wrong + (phrases != (says,))
    n = len(captions)
    return f"{right / n:7.1%} {(n - right - wrong) / n:11.1%} {wrong / n:7.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", help="a run of the preset text, or its weights file")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--prompts", type=int, default=400, help="captions of each kind that are also read as prompts")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    reader = load_reader(given.weights) if given.weights else train(given.steps, given.batch, given.lr, given.seed)
    print(f"{'':22} {'whole':>7} {'digit':>7} {'attributes':>10} {'variants':>8} {'nonsense':>9} ", end="")
    print(f"{'parser':>7} {'right':>7} {'asked back':>11} {'wrong':>7}")
    for name, make in kinds().items():
        rng = random.Random(f"{given.seed} {name}")
        captions = [make(rng) for _ in range(given.count)]
        parsed = sum(can_parse(text) for text, _ in captions) / given.count
        prompts = judge_prompts(reader, captions[: given.prompts])
        print(f"{name:22} {judge(reader, captions)} {parsed:7.1%} {prompts}", flush=True)


if __name__ == "__main__":
    main()
