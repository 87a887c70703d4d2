"""Conditions in the network: a told network begins as the untold one, nothing told adds nothing, and each part reaches the picture."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from engine.captions.vocabulary import known_words
from engine.checkpoints.lookup import find_weights
from engine.config.condition import SCORES, AttributeScales, Condition, ConditionConfig, Interval, Route, Scale
from engine.config.model import ModelConfig
from engine.config.text import TextConfig
from engine.config.training import PRESETS
from engine.errors import SettingError
from engine.models.conditioner import MOST, Told, encode, fourier
from engine.models.layers import CrossAttention, count_parameters
from engine.models.unet import UNet

CPU = torch.device("cpu")
THICKNESS = AttributeScales("thickness", Scale(tuple(2.5 + 0.5 * z for z in SCORES)))
OF_ONES, OF_NINES = (Scale(tuple(middle + z for z in SCORES)) for middle in (4.0, 9.0))
WIDTH = AttributeScales("width", Scale(tuple(13.0 + 2 * z for z in SCORES)), (None, OF_ONES, *[None] * 7, OF_NINES))
CONDITIONS = ConditionConfig((THICKNESS, WIDTH), ("looped", "crossed"), hand=3, text=True)
TEXT = TextConfig(("a", "bold", "seven"), trigrams=50, width=16, layers=1)
SMALL = ModelConfig(channels=(16, 24), attention=True, time_dim=16, emb_dim=16, conditions=CONDITIONS, text=TEXT)
TOLD = [
    Condition(7, (("thickness", Interval(3, 3)), ("width", Interval(low=9))), (("crossed", True),), (1.0, 0.0, -1.0), "a bold seven"),
    Condition(2, (("thickness", Interval(high=2)),), (("looped", False),)),
    Condition(1),
    Condition(),
]


def pictures(n: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(1)
    return torch.randn(n, 1, 28, 28, generator=rng), torch.randint(1000, (n,), generator=rng), torch.arange(n) % 10


def tell(conditions: list[Condition]) -> Told:
    return encode(conditions, CONDITIONS, CPU, TEXT)


def trained(config: ModelConfig) -> UNet:
    """A network whose zero layers have weights, as after training."""
    torch.manual_seed(0)
    net = UNet(config)
    for parameter in net.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.2)
    return net.eval()


def test_scores_are_those_of_the_class_and_open_ends_are_the_most() -> None:
    told = tell([*TOLD, Condition(9, (("width", Interval(2, 10)),)), Condition(1, (("width", Interval(2, 10)),))])
    assert told.asked.tolist() == [[True, True], [True, False], [False, False], [False, False], [False, True], [False, True]]
    assert told.scores[0].tolist() == [[1.0, 1.0], [-2.0, MOST]]  # 7 has no scale of its own: (9 - 13) / 2
    assert told.scores[1, 0].tolist() == [-MOST, -1.0]
    assert told.scores[4:, 1].tolist() == [[-MOST, 1.0], [-2.0, MOST]]  # 2 - 9 and 10 - 4 are out of range
    assert told.variants.tolist() == [[0, 1], [-1, 0], *[[0, 0]] * 4]
    assert told.has_hand.tolist() == [True] + [False] * 5
    assert told.hand[0].tolist() == [1.0, 0.0, -1.0]
    for one, all_parts in zip(tell(TOLD[:2]).join(tell(TOLD[2:])), tell(TOLD), strict=True):
        assert one.equal(all_parts)


@pytest.mark.parametrize(
    ("condition", "complaint"),
    [
        (Condition(attributes=(("slant", Interval(3)),)), "slant"),
        (Condition(variants=(("closed", True),)), "closed"),
        (Condition(hand=(1.0,)), "codes of 3 numbers, not 1"),
        (Condition(text="seven"), "without words"),
    ],
)
def test_a_part_that_the_network_is_not_told_is_refused(condition: Condition, complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        encode([condition], CONDITIONS, CPU)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("route", ["pooled", "tokens", "both"])
def test_it_begins_as_the_weights_that_it_starts_from_to_the_bit(one_thread: None, route: Route, dtype: torch.dtype) -> None:
    best = find_weights("shipped:labels")
    plain, told = UNet(best.model), UNet(replace(best.model, conditions=replace(CONDITIONS, route=route), text=TEXT))
    plain.load_state_dict(best.tensors)
    told.load_state_dict({**told.state_dict(), **best.tensors})
    x_t, t, label = pictures(4)
    x_t = x_t.to(dtype).contiguous(memory_format=torch.channels_last)
    plain, told = (net.eval().to(dtype).to(memory_format=torch.channels_last) for net in (plain, told))
    with torch.inference_mode():
        assert plain(x_t, t, label).equal(told(x_t, t, label, told=tell(TOLD)))


@pytest.mark.parametrize("route", ["pooled", "tokens", "both"])
def test_nothing_told_adds_nothing_to_a_trained_network_and_every_part_adds_something(one_thread: None, route: Route) -> None:
    net, (x_t, t, label) = trained(replace(SMALL, conditions=replace(CONDITIONS, route=route))), pictures(4)
    with torch.inference_mode():
        alone = net(x_t, t, label)
        told = tell(TOLD)
        out = net(x_t, t, label, told=told)
        assert out[2:].equal(alone[2:])
        parts = [Condition(attributes=(("thickness", Interval(3, 3)),)), Condition(attributes=(("thickness", Interval(3)),))]
        parts += [Condition(variants=(("crossed", yes),)) for yes in (True, False)] + [Condition(hand=(0.5, 1.0, 1.0))]
        parts += [Condition(text=text) for text in ("a bold seven", "seven bold", "a bald seven", "?")]
        seen = [alone[:1], *(net(x_t[:1], t[:1], label[:1], told=tell([part])) for part in parts)]
    for k, one in enumerate(seen):
        assert all((one - other).abs().max() > 1e-4 for other in seen[:k])


def test_what_is_not_asked_is_not_read(one_thread: None) -> None:
    net, (x_t, t, label) = trained(SMALL), pictures(4)
    told = tell(TOLD)
    other = told._replace(scores=told.scores.masked_fill(~told.asked.unsqueeze(2), 1.5), hand=told.hand.masked_fill(~told.has_hand.unsqueeze(1), 9.0))
    with torch.inference_mode():
        assert_close(net(x_t, t, label, told=told), net(x_t, t, label, told=other), rtol=0, atol=0)


@pytest.mark.parametrize("lacking", [{"text": None}, {"conditions": None}, {"conditions": replace(CONDITIONS, text=False)}])
def test_a_network_is_told_words_if_it_has_an_encoder_for_them(lacking: dict[str, None]) -> None:
    with pytest.raises(SettingError, match="text encoder"):
        replace(SMALL, **lacking)


def test_cross_attention_is_torchs_own_over_the_tokens_that_are_present(one_thread: None) -> None:
    torch.manual_seed(0)
    cross = CrossAttention(128, 4, 16)
    nn.init.normal_(cross.out.weight)
    x, tokens, present = torch.randn(2, 128, 3, 5), torch.randn(2, 4, 16), torch.tensor([[True, False, True, True], [False, False, False, True]])
    q = cross.q(cross.norm(x)).flatten(2).transpose(1, 2).reshape(2, 15, 2, 64).transpose(1, 2)
    k, v = (part.reshape(2, 4, 2, 64).transpose(1, 2) for part in cross.kv(tokens).chunk(2, -1))
    mixed = nn.functional.scaled_dot_product_attention(q, k, v, present[:, None, None, :]).transpose(1, 2).reshape(2, 3, 5, 128)
    assert_close(cross(x, tokens, present), x + cross.out(mixed.permute(0, 3, 1, 2)))


def test_the_network_without_conditions_refuses_them(one_thread: None) -> None:
    x_t, t, label = pictures(4)
    with pytest.raises(ValueError, match="classes alone"):
        UNet(replace(SMALL, conditions=None, text=None))(x_t, t, label, told=tell(TOLD))


def test_the_modules_of_conditions_take_their_random_numbers_last() -> None:
    torch.manual_seed(0)
    plain = UNet(replace(SMALL, conditions=None, text=None)).state_dict()
    torch.manual_seed(0)
    net = UNet(SMALL)
    assert all(tensor.equal(net.state_dict()[name]) for name, tensor in plain.items())
    assert [name for name, _ in net.named_parameters()][: len(plain)] == list(plain)


def test_best_with_all_conditions_stays_below_five_million_parameters() -> None:
    with torch.device("meta"):
        net = UNet(replace(PRESETS["best"].model, conditions=replace(CONDITIONS, hand=64), text=TextConfig(known_words())))
    assert count_parameters(net) < 5_000_000


def test_fourier_features_tell_scores_apart_that_differ_by_a_tenth_and_are_those_of_a_turn() -> None:
    scores = torch.arange(-MOST, MOST, 0.1)
    features = fourier(torch.stack([scores, scores], 1))
    assert float((features[1:] - features[:-1]).norm(dim=1).min()) > 0.5
    assert float(fourier(torch.tensor([1.0, 0.5]))[2]) == pytest.approx(math.sin(math.pi / 4))
