"""Augmentation: geometry against closed forms, what the network is told, and nothing of it where it is off."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.checkpoints.lookup import find_weights
from engine.checkpoints.training_state import load_state
from engine.config.model import AUGMENT_PARAMETERS, ModelConfig
from engine.config.serialize import from_dict, to_dict
from engine.config.training import PRESETS, TrainConfig
from engine.data import mnist
from engine.data.batches import to_x0
from engine.errors import SettingError
from engine.jobs.jobs import Jobs
from engine.models.unet import UNet
from engine.protocol.events import TrainStep
from engine.protocol.requests import TrainRequest
from engine.runs.run import find_run, latest_state
from engine.training import augment as module
from engine.training.augment import ANGLE, FARTHEST, SCALE, SHIFT, augment, draw_parameters


def parameters(**values: float) -> Tensor:
    names = ("scale", "angle", "down", "right")
    return torch.tensor([[values.get(name, 0.0) for name in names]])


def digit(height: int = 28, width: int = 28) -> Tensor:
    """A digit in the middle of a black image."""
    x0 = torch.full((1, 1, height, width), -1.0)
    top, left = (height - 20) // 2, (width - 20) // 2
    x0[..., top : top + 20, left : left + 20] = to_x0(mnist.load(True, limit=1)[0])[..., 4:24, 4:24]
    return x0


@pytest.mark.slow
@pytest.mark.parametrize(("height", "width"), [(28, 28), (28, 40), (40, 28)])
def test_a_shift_moves_by_that_share_of_the_sides(height: int, width: int) -> None:
    moved = augment(digit(height, width), parameters(down=3 / height / SHIFT, right=-2 / width / SHIFT))
    assert torch.allclose(moved, digit(height, width).roll((3, -2), (2, 3)), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("height", "width"), [(28, 28), (28, 40)])
def test_a_quarter_turn_is_clockwise_and_keeps_shapes(height: int, width: int) -> None:
    turned = augment(digit(height, width), parameters(angle=math.pi / 2 / ANGLE))
    middle = slice((width - 28) // 2, (width + 28) // 2)  # beyond it lie mirrored borders
    assert torch.allclose(turned[..., middle], digit(height, width)[..., middle].rot90(-1, (2, 3)), atol=1e-3)


def test_twice_the_scale_is_twice_the_size() -> None:
    x0 = torch.full((1, 1, 32, 32), -1.0)
    x0[..., 12:20, 12:20] = 1
    assert int((augment(x0, parameters(scale=1 / SCALE)) > 0).sum()) == 4 * 64


@pytest.mark.slow
def test_a_shift_follows_the_turn() -> None:
    both = augment(digit(), parameters(angle=math.pi / 2 / ANGLE, right=3 / 28 / SHIFT))
    assert torch.allclose(both, digit().rot90(-1, (2, 3)).roll(3, 3), atol=1e-3)


def test_images_without_parameters_stay_to_the_bit() -> None:
    x0 = to_x0(mnist.load(True, limit=2)[0])
    moved = augment(x0, torch.tensor([[0.0, 0, 0, 0], [1, 1, 1, 1]]))
    assert torch.equal(moved[0], x0[0])
    assert not torch.allclose(moved[1], x0[1], atol=0.1)


def test_parameters_happen_as_often_as_asked_and_depend_on_the_seed_alone() -> None:
    drawn = draw_parameters(20_000, 0.2, 1)
    assert drawn.shape == (20_000, AUGMENT_PARAMETERS)
    assert torch.equal(drawn, draw_parameters(20_000, 0.2, 1))
    assert (drawn != 0).double().mean(0).tolist() == pytest.approx([0.2] * 4, abs=0.01)
    assert torch.equal(drawn[:, 2] != 0, drawn[:, 3] != 0)
    assert float(drawn.abs().max()) <= FARTHEST
    assert not draw_parameters(100, 0, 1).any()
    assert torch.equal(draw_parameters(50, 1, 2)[7:9], draw_parameters(50, 1, 2)[7:9])


# --- the network ------------------------------------------------------------------------------------------------------


def test_the_layer_exists_only_where_it_is_on_and_starts_as_nothing(tiny: TrainConfig) -> None:
    torch.manual_seed(0)
    plain = UNet(tiny.model)
    torch.manual_seed(0)
    with_layer = UNet(replace(tiny.model, augmented=True))
    assert set(with_layer.state_dict()) - set(plain.state_dict()) == {"augment.weight"}
    assert all(torch.equal(plain.state_dict()[name], with_layer.state_dict()[name]) for name in plain.state_dict())
    x, t, label, told = torch.randn(2, 1, 28, 28), torch.tensor([1, 2]), torch.tensor([3, -1]), torch.ones(2, AUGMENT_PARAMETERS)
    assert torch.equal(plain(x, t, label), with_layer(x, t, label, told))
    torch.nn.init.normal_(with_layer.augment.weight)  # type: ignore[union-attr]
    assert not torch.allclose(with_layer(x, t, label, told), with_layer(x, t, label))
    assert torch.equal(with_layer(x, t, label, torch.zeros_like(told)), with_layer(x, t, label)), "drawing is without augmentation"


def test_files_of_runs_without_it_are_as_before(tiny: TrainConfig) -> None:
    for config in (*PRESETS.values(), tiny):
        values = to_dict(config)
        assert "augment" not in values
        assert "augmented" not in values["model"]
        assert from_dict(TrainConfig, values) == config
    config = replace(tiny, augment=0.2)
    assert config.model.augmented
    assert from_dict(TrainConfig, to_dict(config)) == config
    assert not replace(config, augment=0.0).model.augmented
    assert ModelConfig() == from_dict(ModelConfig, to_dict(ModelConfig()))


@pytest.mark.parametrize("probability", [-0.1, 1.1, math.nan])
def test_what_is_no_probability_is_refused(tiny: TrainConfig, probability: float) -> None:
    with pytest.raises(SettingError, match="augment"):
        replace(tiny, augment=probability)


def test_a_student_is_not_told_what_only_its_discriminator_sees() -> None:
    assert not replace(PRESETS["one-step"], augment=0.1).model.augmented


# --- in a run ---------------------------------------------------------------------------------------------------------


def state_of(run: str) -> dict[str, Any]:
    return dict(load_state(latest_state(find_run(run))).model)


@pytest.mark.slow
@pytest.mark.usefixtures("every_step")
def test_a_run_learns_with_it_resumes_exactly_and_starts_others(jobs: Jobs, tiny: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(tiny, augment=0.5)
    list(jobs.train(TrainRequest(config, run="whole")))
    with closing(jobs.train(TrainRequest(config, run="left"))) as events:
        next(event for event in events if isinstance(event, TrainStep) and event.step == 5)
    list(jobs.train(TrainRequest(config, resume="left")))
    whole, left = state_of("whole"), state_of("left")
    assert all(torch.equal(whole[name], left[name]) for name in whole)
    assert whole["augment.weight"].abs().sum() > 0

    weights = find_weights("whole:best")
    assert weights.model.augmented
    list(jobs.train(TrainRequest(replace(tiny, start_from="whole", epochs=1), run="without")))
    assert "augment.weight" not in state_of("without")
    list(jobs.train(TrainRequest(replace(config, start_from="without", epochs=1), run="again")))
    assert "augment.weight" in state_of("again")

    seen: list[Tensor] = []
    monkeypatch.setattr(module, "augment", seen.append)
    list(jobs.train(TrainRequest(tiny, run="off")))
    assert not seen
    assert "augment.weight" not in state_of("off")
