"""What a network is told of a picture besides its class: as tokens, which cross-attention reads, and as a vector that joins the embedding.

Where nothing is told, both add exactly nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from engine.config.condition import AttributeScales, Condition, ConditionConfig
from engine.config.text import TextConfig
from engine.errors import SettingError
from engine.models.layers import ClassEmbedding, ZeroLinear
from engine.models.text import TextEncoder
from engine.models.tokenizer import NOTHING, PACKED, UNKNOWN, Tokenizer, unpack

MOST = 4.0
"""The normal score that stands for an open end, and the largest that a network is told."""
FREQUENCIES = tuple(math.pi / MOST * 2**k for k in range(5))
"""Radians for each unit of a score: from one turn over all scores to one in half a standard deviation."""
WIDTH = 128
"""Numbers in a token."""
HAND_TOKENS = 2


class Told(NamedTuple):
    """What N pictures shall show, as tensors on the network's device, in the order of its ConditionConfig."""

    scores: Tensor
    """(N, A, 2) float32: the normal scores of the ends of each interval, within ±MOST."""
    asked: Tensor
    """(N, A) bool: whether anything is asked of the attribute."""
    variants: Tensor
    """(N, V) int64: -1 for must not have, 0 for unknown, 1 for must have."""
    hand: Tensor
    """(N, H) float32: codes of hands; zeros where there is none."""
    has_hand: Tensor
    """(N,) bool."""
    words: Tensor
    """(N, MOST_WORDS, PACKED) int64: captions as packed tokens; zeros where there is none. For networks that read none, (N, 0, PACKED)."""

    @property
    def has_words(self) -> Tensor:
        """(N, T) bool: which tokens of captions there are."""
        return self.words[..., 0] != NOTHING

    @property
    def says(self) -> Tensor:
        """(N,) bool: of which pictures anything is told."""
        return self.describes | self.has_hand

    @property
    def describes(self) -> Tensor:
        """(N,) bool: of which pictures more than a hand is told."""
        return self.asked.any(1) | (self.variants != 0).any(1) | self.has_words.any(1)

    def join(self, other: Told) -> Told:
        """Both, one after the other."""
        return Told(*(torch.cat(pair) for pair in zip(self, other, strict=True)))

    def where(self, chosen: Tensor, other: Told) -> Told:
        """These where a mask (N,) is true, and the others elsewhere."""
        return Told(*(torch.where(chosen.view(-1, *[1] * (a.ndim - 1)), a, b) for a, b in zip(self, other, strict=True)))

    def to(self, device: torch.device) -> Told:
        return Told(*(tensor.to(device) for tensor in self))

    def select(self, chosen: Tensor | slice) -> Told:
        """Those pictures that an index or a mask chooses."""
        return Told(*(tensor[chosen] for tensor in self))


def encode(conditions: Sequence[Condition], config: ConditionConfig, device: torch.device, text: TextConfig | None = None) -> Told:
    """Conditions as their network is told them. Scores compare a picture with those of its class where the attribute's scales do.

    `text` says how it reads captions, if it does.

    Raises SettingError for a part that the network is not told, and for a hand's code of another length.
    """
    for condition in conditions:
        _check_parts(condition, config)
        if condition.text is not None and text is None:
            raise SettingError("these weights were trained without words; choose others or leave them out")
    n, signs = len(conditions), {None: 0, False: -1, True: 1}
    ends = [[_ends(condition, scales) for scales in config.scales] for condition in conditions]
    asked = [[scales.name in dict(condition.attributes) for scales in config.scales] for condition in conditions]
    variants = [[signs[dict(condition.variants).get(name)] for name in config.variants] for condition in conditions]
    hands = [condition.code or (0.0,) * config.hand for condition in conditions]
    return Told(
        torch.tensor(ends, dtype=torch.float32, device=device).reshape(n, len(config.scales), 2),
        torch.tensor(asked, dtype=torch.bool, device=device).reshape(n, len(config.scales)),
        torch.tensor(variants, dtype=torch.int64, device=device).reshape(n, len(config.variants)),
        torch.tensor(hands, dtype=torch.float32, device=device).reshape(n, config.hand),
        torch.tensor([condition.hand is not None for condition in conditions], dtype=torch.bool, device=device),
        pack_captions([condition.text for condition in conditions], text).to(device),
    )


def pack_captions(captions: Sequence[str | None], text: TextConfig | None) -> Tensor:
    """N captions, None for none, as `Told.words` has them, on the CPU."""
    if text is None:
        return torch.zeros(len(captions), 0, PACKED, dtype=torch.int64)
    packed = _tokenizer(text)([caption or "" for caption in captions]).packed()
    return packed * torch.tensor([caption is not None for caption in captions]).view(-1, 1, 1)


_tokenizer = lru_cache(8)(Tokenizer)


def _ends(condition: Condition, scales: AttributeScales) -> tuple[float, float]:
    interval, scale = condition.interval(scales.name), scales.of(condition.label)
    low, high = (min(MOST, max(-MOST, scale.score(end))) for end in (interval.low, interval.high))
    return low, high


def _check_parts(condition: Condition, config: ConditionConfig) -> None:
    known = {scales.name for scales in config.scales} | set(config.variants)
    for name, _ in (*condition.attributes, *condition.variants):
        if name not in known:
            raise SettingError(f"these weights were trained without the condition {name!r}; choose others or leave it out")
    if condition.code is not None and len(condition.code) != config.hand:
        why = f"read codes of {config.hand} numbers, not {len(condition.code)}" if config.hand else "were trained without hands"
        raise SettingError(f"these weights {why}; choose others or leave the hand out")


class Tokens(NamedTuple):
    """What cross-attention reads."""

    values: Tensor
    """(N, T + 1, WIDTH); the last token is always zero and always present."""
    present: Tensor
    """(N, T + 1) bool."""


class Conditioner(nn.Module):
    """Turns what is told into tokens, and these into a vector that is added to the embedding of time and class.

    Each part has a module of its own, so that a network can be given more parts later. A token of zeros, which attracts the attention that no
    other token does, is always present. Since no layer that reads tokens has a bias, it adds nothing: neither where it is the only one.
    """

    def __init__(self, config: ConditionConfig, emb: int, text: TextConfig | None = None) -> None:
        """`text` says how captions are read, where the network is told any."""
        super().__init__()
        self.attributes = IntervalTokens(len(config.scales)) if config.scales else None
        self.variants = VariantTokens(len(config.variants)) if config.variants else None
        self.hand = HandTokens(config.hand) if config.hand else None
        self.mix = nn.Linear(WIDTH, 2 * WIDTH, bias=False) if config.route != "tokens" else None
        self.pooled = ZeroLinear(2 * WIDTH, emb) if config.route != "tokens" else None
        self.text = TextTokens(text) if config.text and text else None

    def forward(self, told: Told, dtype: torch.dtype) -> Tokens:
        """The tokens of what is told, where features of numbers enter layers in `dtype`."""
        n, device = len(told.has_hand), told.has_hand.device
        values, present = [], []
        if self.attributes is not None:
            values.append(self.attributes(told.scores, dtype))
            present.append(told.asked)
        if self.variants is not None:
            values.append(self.variants(told.variants))
            present.append(told.variants != 0)
        if self.hand is not None:
            values.append(self.hand(told.hand.to(dtype)))
            present.append(told.has_hand.unsqueeze(1).expand(-1, HAND_TOKENS))
        if self.text is not None:
            values.append(self.text(told.words))
            present.append(told.has_words)
        values.append(torch.zeros(n, 1, WIDTH, device=device, dtype=dtype))
        present.append(torch.ones(n, 1, device=device, dtype=torch.bool))
        return Tokens(torch.cat(values, 1), torch.cat(present, 1))

    def pool(self, tokens: Tokens) -> Tensor | None:
        """(N, emb) from the sum of the tokens that are present, as of a set (Zaheer et al. 2017); None for the route `tokens`."""
        if self.mix is None or self.pooled is None:
            return None
        total = (tokens.values * tokens.present.unsqueeze(2)).sum(1)
        pooled: Tensor = self.pooled(nn.functional.silu(self.mix(total)))
        return pooled


class IntervalTokens(nn.Module):
    """A token for each attribute: an MLP of its name's embedding and of Fourier features of both ends of its interval."""

    def __init__(self, attributes: int) -> None:
        super().__init__()
        self.names = ClassEmbedding(attributes, WIDTH)
        self.ends = nn.Linear(2 * (1 + 2 * len(FREQUENCIES)), WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, scores: Tensor, dtype: torch.dtype) -> Tensor:
        """(N, A, 2) -> (N, A, WIDTH)."""
        tokens: Tensor = self.out(nn.functional.silu(self.ends(fourier(scores).to(dtype)) + self.names.weight))
        return tokens


class VariantTokens(nn.Module):
    """A token for each variant: one that says yes, or one that says no."""

    def __init__(self, variants: int) -> None:
        super().__init__()
        self.answers = ClassEmbedding(2 * variants, WIDTH)

    def forward(self, variants: Tensor) -> Tensor:
        """(N, V) of -1, 0 and 1 -> (N, V, WIDTH). What stands for 0 must not be read."""
        first = torch.arange(variants.shape[1], device=variants.device) * 2
        tokens: Tensor = self.answers(first + (variants > 0).long())
        return tokens


class HandTokens(nn.Module):
    """HAND_TOKENS tokens for the code of a hand, whose length is 1: an MLP of it, with its numbers brought to a mean square of 1."""

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.numbers = numbers
        self.code = nn.Linear(numbers, 2 * WIDTH)
        self.out = nn.Linear(2 * WIDTH, HAND_TOKENS * WIDTH)

    def forward(self, hand: Tensor) -> Tensor:
        """(N, H) -> (N, HAND_TOKENS, WIDTH)."""
        hidden = nn.functional.silu(self.code(hand * self.numbers**0.5))
        tokens: Tensor = self.out(hidden).reshape(len(hand), HAND_TOKENS, WIDTH)
        return tokens


class TextTokens(nn.Module):
    """A token for each word of a caption, from a text encoder that is trained with the network."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.encoder = TextEncoder(config)
        self.out = nn.Linear(config.width, WIDTH, bias=False)  # not zero: behind it are layers that start at zero, and neither would learn

    def forward(self, words: Tensor) -> Tensor:
        """(N, T, PACKED) -> (N, T, WIDTH). What stands for no word must not be read."""
        tokens = unpack(words)
        first = tokens.words[:, :1].clamp(min=UNKNOWN)  # attention needs something to read in an empty text, too
        out: Tensor = self.out(self.encoder(tokens._replace(words=torch.cat([first, tokens.words[:, 1:]], 1))).tokens)
        return out


def fourier(scores: Tensor) -> Tensor:
    """(…, 2) -> (…, 2 + 4 F): the scores, then sines, then cosines of each score times each of F FREQUENCIES (Tancik et al. 2020)."""
    angles = (scores.unsqueeze(-1) * scores.new_tensor(FREQUENCIES)).flatten(-2)
    return torch.cat([scores, angles.sin(), angles.cos()], -1)
