"""The text encoder, and heads that read in a caption what it states. Knows no training and no files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.captions.facts import INTERVALS, MOST_WORDS
from engine.config.condition import VARIANTS, Interval
from engine.config.text import TextConfig
from engine.models.layers import ClassEmbedding, TokenAttention
from engine.models.tokenizer import UNKNOWN, Tokens
from engine.prompt.levels import LADDERS
from engine.prompt.phrase import Phrase, Target

LABELS = 10
"""Classes that the heads can read: the digits."""
MOST_INTERVALS = max(map(len, INTERVALS.values()))
QUESTIONS = 2 + len(INTERVALS) + len(VARIANTS)
"""What the heads ask of a caption: its digit, each attribute, each variant, and whether it means anything."""
NO, YES = 1, 2
"""The places of a variant's answers; 0: nothing is said of it."""


class Encoding(NamedTuple):
    """What a text encoder makes of N texts."""

    tokens: Tensor
    """(N, T, D), for cross-attention."""
    present: Tensor
    """(N, T) bool."""
    pooled: Tensor
    """(N, D), the mean of the tokens."""


class Readings(NamedTuple):
    """What the heads read, as logits; or, with the last dimension left out, the places of the right answers."""

    label: Tensor
    """(N, LABELS + 1): the last for a digit that is not named."""
    attributes: Tensor
    """(N, A, MOST_INTERVALS), in the order of INTERVALS: everything that a caption can say of an attribute."""
    variants: Tensor
    """(N, V, 3), in the order of VARIANTS: nothing said, NO, YES."""
    nonsense: Tensor
    """(N, 2): whether it is nonsense."""


class Layer(nn.Module):
    """x + attention(LN(x)), then x + MLP(LN(x)) with GELU (Xiong et al. 2020, arXiv 2002.04745, figure 1b)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = TokenAttention(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        """(N, T, D) and (N, T) -> (N, T, D)."""
        h = self.norm1(x)
        x = x + self.attention(h, h, present)
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class TrigramEmbedding(nn.EmbeddingBag):
    """An EmbeddingBag that is not initialised on the meta device, as ClassEmbedding."""

    def reset_parameters(self) -> None:
        if not self.weight.is_meta:
            super().reset_parameters()


class TextEncoder(nn.Module):
    """A transformer over words, each the sum of its embedding, the mean of its trigrams' and its place's."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        self.words = ClassEmbedding(UNKNOWN + 1 + len(config.words), config.width)
        self.trigrams = TrigramEmbedding(1 + config.trigrams, config.width, mode="mean", padding_idx=0)
        self.places = nn.Parameter(torch.empty(MOST_WORDS, config.width))
        if not self.places.is_meta:
            nn.init.normal_(self.places, std=0.1)
        self.layers = nn.ModuleList(Layer(config.width) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        if not self.words.weight.is_meta:
            nn.init.normal_(self.words.weight, std=0.3)
            nn.init.normal_(self.trigrams.weight, std=0.6)

    def forward(self, tokens: Tokens) -> Encoding:
        """The encoding of N texts."""
        n, length = tokens.words.shape
        letters = self.trigrams(tokens.trigrams.flatten(0, 1)).reshape(n, length, -1)
        x = self.words(tokens.words) + letters + self.places[:length]
        present = tokens.present
        for layer in self.layers:
            x = layer(x, present)
        x = self.norm(x) * present.unsqueeze(2)
        return Encoding(x, present, x.sum(1) / present.sum(1, keepdim=True))


class CaptionReader(nn.Module):
    """A text encoder with heads. Each question attends to the tokens by a query of its own, then a linear layer answers it."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = TextEncoder(config)
        self.questions = nn.Parameter(torch.randn(QUESTIONS, config.width))
        self.attention = TokenAttention(config.width)
        self.norm = nn.LayerNorm(config.width)
        self.label = nn.Linear(config.width, LABELS + 1)
        self.attributes = nn.ModuleList(nn.Linear(config.width, len(intervals)) for intervals in INTERVALS.values())
        self.variants = nn.ModuleList(nn.Linear(config.width, 3) for _ in VARIANTS)
        self.nonsense = nn.Linear(config.width, 2)

    def forward(self, tokens: Tokens) -> Readings:
        """What is read in N texts."""
        return self.read(self.encoder(tokens))

    def read(self, encoding: Encoding) -> Readings:
        """What is read in N encoded texts. Answers that an attribute does not have get a logit of -1e9."""
        label, nonsense, *others = self._answer(encoding).unbind(1)
        levels = [head(answer) for head, answer in zip(self.attributes, others, strict=False)]
        attributes = torch.stack([F.pad(level, (0, MOST_INTERVALS - level.shape[1]), value=-1e9) for level in levels], 1)
        variants = torch.stack([head(answer) for head, answer in zip(self.variants, others[len(levels) :], strict=True)], 1)
        return Readings(self.label(label), attributes, variants, self.nonsense(nonsense))

    def sentences(self, tokens: Tokens) -> Tensor:
        """The vector of each of N texts, (N, QUESTIONS * width): what the questions find in it, before anything is read.

        Beside the mean of a text's tokens it keeps which word turns which other round.
        """
        return self._answer(self.encoder(tokens)).flatten(1)

    def _answer(self, encoding: Encoding) -> Tensor:
        """What each question finds, (N, QUESTIONS, D)."""
        asking = self.questions.expand(len(encoding.tokens), -1, -1)
        return F.gelu(self.norm(self.attention(asking, encoding.tokens, encoding.present)))


def encode_facts(says: Sequence[Phrase | None]) -> Readings:
    """The places of the right answers, on the CPU; for nonsense (None) all but the last say nothing. Raises ValueError for what no caption says."""
    label, attributes, variants, nonsense = [], [], [], []
    for phrase in says:
        known = phrase or Phrase(None)
        targets = {target.attribute: target.interval for target in known.targets}
        label.append(LABELS if known.label is None else known.label)
        attributes.append([intervals.index(targets.get(LADDERS[name][0].attribute, Interval())) for name, intervals in INTERVALS.items()])
        stated = dict(known.variants)
        variants.append([YES if stated.get(name) else NO if name in stated else 0 for name in VARIANTS])
        nonsense.append(int(phrase is None))
    return Readings(torch.tensor(label), torch.tensor(attributes), torch.tensor(variants), torch.tensor(nonsense))


def read_facts(readings: Readings) -> list[Phrase | None]:
    """What logits say of each caption, by its likeliest answers; None for nonsense. A variant that the digit can't have counts as not stated."""
    places = [part.argmax(-1).tolist() for part in readings]
    return [_phrase(*answers) for answers in zip(*places, strict=True)]


def _phrase(label: int, attributes: Sequence[int], variants: Sequence[int], nonsense: int) -> Phrase | None:
    if nonsense:
        return None
    targets = [
        Target(LADDERS[name][0].attribute, intervals[place], name == "slant")
        for (name, intervals), place in zip(INTERVALS.items(), attributes, strict=True)
        if place
    ]
    able = [(name, place == YES) for (name, digit), place in zip(VARIANTS.items(), variants, strict=True) if place and digit == label]
    return Phrase(None if label == LABELS else label, tuple(targets), tuple(able))
