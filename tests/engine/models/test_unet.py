"""The network: the size of the guide's, a label that is none, and images that do not meet."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from engine.config.data import MNIST
from engine.config.fit_to_data import fit_to
from engine.config.model import NO_LABEL, ModelConfig
from engine.config.training import PRESETS, Preset
from engine.models.layers import Attention, count_parameters, sinusoidal
from engine.models.unet import UNet


@pytest.fixture(scope="module", params=[(8, 16, 24), (16, 24)], ids=["pixels", "patches"])
def net(one_thread: None, request: pytest.FixtureRequest) -> UNet:
    torch.manual_seed(0)
    net = UNet(ModelConfig(channels=request.param, attention=len(request.param) == 2, time_dim=16, emb_dim=16))
    nn.init.normal_(net.conv_out.weight)
    if net.config.attention:
        nn.init.normal_(net.attention.out.weight)
    return net.eval()


def pictures(n: int, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(n, 1, 28, 28, generator=rng), torch.randint(1000, (n,), generator=rng), torch.arange(n) % 10


def test_the_guides_network_has_6141313_parameters() -> None:
    with torch.device("meta"):
        assert count_parameters(UNet()) == 6_141_313


def shapes(net: UNet) -> dict[str, tuple[int, ...]]:
    """What each layer gives for an image: its channels and sides."""
    seen: dict[str, tuple[int, ...]] = {}
    for name, layer in net.named_modules():
        if name in LAYERS or name.startswith(("down.", "up.")):
            layer.register_forward_hook(lambda _layer, _given, out, name=name: seen.update({name: tuple(out.shape[1:])}))
    net(torch.zeros(2, 1, 28, 28), torch.zeros(2, dtype=torch.long), torch.zeros(2, dtype=torch.long))
    return {name: shape for name, shape in seen.items() if name.count(".") < 2 or "sample" in name}


LAYERS = ("time", "label", "conv_in", "middle", "norm_out", "conv_out")


def test_the_guides_network_layer_by_layer() -> None:
    with torch.device("meta"):
        net = UNet()
        assert shapes(net) == {
            "time": (256,),
            "label": (256,),
            "conv_in": (64, 28, 28),
            "down.0.downsample": (64, 28, 28),
            "down.0": (64, 28, 28),
            "down.1.downsample": (64, 14, 14),
            "down.1": (128, 14, 14),
            "down.2.downsample": (128, 7, 7),
            "down.2": (256, 7, 7),
            "middle": (256, 7, 7),
            "up.0.upsample": (256, 7, 7),
            "up.0": (256, 7, 7),
            "up.1.upsample": (128, 14, 14),
            "up.1": (128, 14, 14),
            "up.2.upsample": (64, 28, 28),
            "up.2": (64, 28, 28),
            "norm_out": (64, 28, 28),
            "conv_out": (1, 28, 28),
        }
    assert [level.block.conv1.in_channels for level in net.up] == [512, 256, 128]
    assert all(m.num_groups == 8 for m in net.modules() if isinstance(m, nn.GroupNorm))


def test_patches_halve_the_sides_and_keep_every_pixel() -> None:
    with torch.device("meta"):
        net = UNet(ModelConfig(channels=(32, 64)))
        assert net(torch.zeros(2, 1, 28, 28), torch.zeros(2, dtype=torch.long), torch.zeros(2, dtype=torch.long)).shape == (2, 1, 28, 28)
        assert {name: shape for name, shape in shapes(net).items() if len(shape) == 3 and "sample" not in name} == {
            "conv_in": (32, 14, 14),
            "down.0": (32, 14, 14),
            "down.1": (64, 7, 7),
            "middle": (64, 7, 7),
            "up.0": (64, 7, 7),
            "up.1": (32, 14, 14),
            "norm_out": (32, 14, 14),
            "conv_out": (4, 14, 14),
        }


@pytest.mark.parametrize(("height", "width", "channels"), [(16, 24, 3), (64, 64, 3), (128, 128, 1), (128, 128, 3), (64, 128, 3), (52, 60, 1)])
@pytest.mark.parametrize("preset", ["quick", "best", "seed"])
def test_presets_take_images_of_any_size(preset: Preset, height: int, width: int, channels: int) -> None:
    data = replace(MNIST, height=height, width=width, channels=channels)
    with torch.device("meta"):
        config = fit_to(PRESETS[preset], data).model
        out = UNet(config)(torch.zeros(2, *data.shape), torch.zeros(2, dtype=torch.long), torch.zeros(2, dtype=torch.long))
    assert out.shape == (2, channels, height, width)


def test_a_network_without_classes_has_no_embedding_of_them_and_ignores_labels() -> None:
    data = replace(MNIST, class_names=())
    torch.manual_seed(0)
    net = UNet(ModelConfig(channels=(8, 16), groups=4, time_dim=16, emb_dim=16, data=data)).eval()
    nn.init.normal_(net.conv_out.weight)
    assert not [name for name in net.state_dict() if name.startswith("label")]
    x, t, label = pictures(3)
    with torch.inference_mode():
        assert torch.equal(net(x, t, label), net(x, t, torch.full_like(label, NO_LABEL)))


def test_ten_thousand_classes() -> None:
    data = replace(MNIST, class_names=tuple(f"class {k}" for k in range(10_000)))
    net = UNet(ModelConfig(channels=(8, 16), groups=4, time_dim=16, emb_dim=16, data=data)).eval()
    nn.init.normal_(net.conv_out.weight)
    x, t, _ = pictures(2)
    x, t = x[:1].expand(2, -1, -1, -1), t[:1].expand(2)
    with torch.inference_mode():
        first, last = net(x, t, torch.tensor([0, 9_999]))
    assert not torch.equal(first, last)


def test_attention_starts_as_the_identity_and_mixes_pixels() -> None:
    torch.manual_seed(0)
    layer = Attention(128, 8)
    x = torch.randn(2, 128, 7, 7)
    assert layer.heads == 2
    assert torch.equal(layer(x), x)
    nn.init.normal_(layer.out.weight)
    other = x.clone()
    other[0, :, 6, 6] += torch.randn(128)
    changed = (layer(other) - layer(x)).abs().amax(1) > 1e-6
    assert changed[0].all()  # every pixel sees the one that changed
    assert not changed[1].any()


@pytest.mark.parametrize("channels", [(8, 16, 24), (16, 24)], ids=["pixels", "patches"])
def test_attention_at_14_is_one_more_layer_there(channels: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    net = UNet(ModelConfig(channels=channels, attention_at_14=True, time_dim=16, emb_dim=16))
    attention = net.attend[-2]
    assert attention.qkv.in_channels == 16
    sides: list[tuple[int, ...]] = []
    attention.register_forward_hook(lambda _layer, _given, out: sides.append(tuple(out.shape[2:])))
    before = net(*pictures(2))
    nn.init.normal_(attention.out.weight)
    assert not torch.equal(net(*pictures(2)), before)
    assert sides == [(14, 14), (14, 14)]


def test_attention_is_that_of_torch() -> None:
    torch.manual_seed(1)
    layer, oracle = Attention(64, 8), nn.MultiheadAttention(64, 1, batch_first=True)
    nn.init.normal_(layer.out.weight)
    with torch.no_grad():
        oracle.in_proj_weight.copy_(layer.qkv.weight.flatten(1))
        oracle.in_proj_bias.copy_(layer.qkv.bias)
        oracle.out_proj.weight.copy_(layer.out.weight.flatten(1))
        x = torch.randn(2, 64, 7, 7)
        pixels = layer.norm(x).flatten(2).transpose(1, 2)
        expected = x + oracle(pixels, pixels, pixels, need_weights=False)[0].transpose(1, 2).reshape(x.shape)
        assert_close(layer(x), expected, rtol=1e-4, atol=1e-4)


def test_sinusoidal_is_that_of_diffusers() -> None:
    from diffusers.models.embeddings import get_timestep_embedding

    t = torch.tensor([0, 1, 500, 999])
    assert_close(sinusoidal(t, 128), get_timestep_embedding(t, 128, flip_sin_to_cos=False, downscale_freq_shift=1), rtol=0, atol=1e-4)


def test_no_label_is_a_zero_class_embedding(net: UNet) -> None:
    x, t, label = pictures(3)
    zeroed = copy.deepcopy(net)
    nn.init.zeros_(zeroed.label.weight)
    none = torch.full_like(label, NO_LABEL)
    with torch.no_grad():
        assert_close(net(x, t, none), zeroed(x, t, label), rtol=0, atol=1e-6)
        assert not torch.allclose(net(x, t, none), net(x, t, label), atol=1e-3)


def test_no_label_leaves_the_embedding_without_gradient(net: UNet) -> None:
    learner = copy.deepcopy(net)
    x, t, label = pictures(4)
    label[1] = NO_LABEL  # image 1 would have been a one
    learner(x, t, label).square().sum().backward()
    gradient = learner.label.weight.grad
    assert gradient is not None
    assert (gradient.abs().sum(1) > 0).tolist() == [True, False, True, True] + [False] * 6


def test_images_of_a_batch_do_not_meet(net: UNet) -> None:
    x, t, label = pictures(5)
    with torch.no_grad():
        together = net(x, t, label)
        apart = torch.cat([net(x[i : i + 1], t[i : i + 1], label[i : i + 1]) for i in range(5)])
    assert_close(together, apart, rtol=1e-4, atol=5e-5)


def test_label_and_time_matter(net: UNet) -> None:
    x, t, label = pictures(1)
    with torch.no_grad():
        out = net(x, t, label)
        assert not torch.allclose(out, net(x, t, label + 1), atol=1e-3)
        assert not torch.allclose(out, net(x, (t + 400) % 1000, label), atol=1e-3)


def test_gradients_reach_every_parameter(net: UNet) -> None:
    learner = copy.deepcopy(net)
    x, t, label = pictures(10)
    learner(x, t, label).square().mean().backward()
    assert [name for name, p in learner.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []
