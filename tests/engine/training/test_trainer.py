"""One optimiser step against plain PyTorch, the average against a loop by hand, exact resuming, and losses that are not finite."""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from engine.checkpoints.training_state import TrainingState
from engine.compute.precision import Numerics
from engine.compute.seeds import derive_seed
from engine.config.model import NO_LABEL, ModelConfig, ScheduleConfig
from engine.config.training import PRESETS, TrainConfig
from engine.data import mnist as data
from engine.data.batches import epoch_order, to_x0
from engine.diffusion.schedule import NoiseSchedule
from engine.errors import DivergedError
from engine.models.unet import UNet
from engine.training.batches import EpochBatches
from engine.training.lr_schedule import lr_at
from engine.training.step_loss import DenoisingStepLoss
from engine.training.trainer import UNREAD, Trainer

CPU = torch.device("cpu")
FP32 = Numerics("fp32", channels_last=False)
BF16 = Numerics("bf16", channels_last=True)
Make = Callable[..., Trainer]
BEYOND = {
    "model": ModelConfig(channels=(12, 12), time_dim=16, emb_dim=16, groups=4, attention=True, prediction="v"),
    "schedule": ScheduleConfig("cosine"),
    "optimizer": "muon",
    "timesteps": "lognormal",
    "weighting": "min-snr",
}
"""What the seed has not, all at once."""


@pytest.fixture
def make(tiny: TrainConfig) -> Make:
    """A trainer of the tiny configuration on noise in place of MNIST."""

    def made(how: Numerics = FP32, **changes: Any) -> Trainer:
        config = replace(tiny, **changes)
        rng = torch.Generator().manual_seed(0)
        images = torch.randint(256, (config.images, 28, 28), generator=rng).to(torch.uint8)
        return Trainer(config, images, torch.arange(config.images) % 10, how, CPU)

    return made


def run(trainer: Trainer, steps: int) -> list[float]:
    for _ in range(steps):
        trainer.train_step()
    return trainer.read_losses()


def batch_of(trainer: Trainer) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x0, t, label and eps of the coming step."""
    assert isinstance(trainer.loss, DenoisingStepLoss)
    return trainer.loss.draw(trainer.step, trainer.batches)


def tensors(of: object, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor in a nested state."""
    if isinstance(of, Tensor):
        yield name, of
    elif isinstance(of, dict):
        for key, value in of.items():
            yield from tensors(value, f"{name}.{key}")


def same(a: Mapping[str, Any] | TrainingState, b: Mapping[str, Any] | TrainingState) -> bool:
    """Bit for bit."""
    left, right = (dict(tensors(one.to_values() if isinstance(one, TrainingState) else one)) for one in (a, b))
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


def through_a_file(state: TrainingState) -> TrainingState:
    file = io.BytesIO()
    torch.save(state.to_values(), file)
    file.seek(0)
    return TrainingState.from_values(torch.load(file, weights_only=True))


# --- one step ---------------------------------------------------------------------------------------------------------


def test_losses_and_weights_are_those_of_a_loop_by_hand(make: Make) -> None:
    """Six steps, over an epoch's end, of torch.optim.Adam and clip_grad_norm_ as anyone would write them."""
    trainer = make(clip=0.5)
    config = trainer.config
    model = copy.deepcopy(trainer.model)
    average = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = torch.optim.Adam(model.parameters(), foreach=False)
    schedule = NoiseSchedule()
    losses, clipped = [], 0
    for step in range(6):
        epoch, k = divmod(step, 4)
        chosen = epoch_order(config.seed, epoch, 60)[k * 16 : (k + 1) * 16]
        assert len(chosen) == (12 if k == 3 else 16)
        x0 = trainer.batches.images[chosen].float().unsqueeze(1) / 255 * 2 - 1
        rng = torch.Generator().manual_seed(derive_seed(config.seed, step, 3))
        eps = torch.randn(x0.shape, generator=rng)
        t = torch.randint(1000, (len(x0),), generator=rng)
        label = torch.where(torch.rand(len(x0), generator=rng) < 0.1, NO_LABEL, trainer.batches.labels[chosen])
        alpha_bar = schedule.alpha_bar[t].view(-1, 1, 1, 1)
        x_t = alpha_bar.sqrt().float() * x0 + (1 - alpha_bar).sqrt().float() * eps
        loss = torch.nn.functional.mse_loss(model(x_t, t, label), eps)
        optimizer.zero_grad()
        loss.backward()
        clipped += int(torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5) > 0.5)
        optimizer.param_groups[0]["lr"] = lr_at(config, step)
        optimizer.step()
        decay = min(config.ema, (1 + step) / (10 + step))
        for name, p in model.named_parameters():
            average[name] = decay * average[name] + (1 - decay) * p.detach()
        losses.append(loss.item())
    assert clipped > 0  # or clipping is not tested
    assert run(trainer, 6) == pytest.approx(losses, rel=1e-4)
    for name, p in model.named_parameters():
        # Adam divides by the root of squares: a gradient near 0 makes rounding visible, so the atol is a hundredth of the way gone
        assert_close(trainer.model.get_parameter(name), p, rtol=1e-3, atol=5e-5)
        assert_close(trainer.ema.model.get_parameter(name), average[name], rtol=1e-3, atol=5e-5)


def test_the_average_warms_up(make: Make) -> None:
    trainer = make(ema=0.3)
    expected = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    for step in range(8):
        run(trainer, 1)
        decay = min(0.3, (1 + step) / (10 + step))  # 0.1, 2/11, 3/12, then 0.3
        for name, p in trainer.model.named_parameters():
            expected[name] = decay * expected[name] + (1 - decay) * p.detach()
    for name, p in trainer.ema.model.named_parameters():
        assert_close(p, expected[name], rtol=1e-5, atol=1e-6)


def test_weights_are_a_function_of_the_seed_and_leave_the_global_generator_alone(make: Make) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = make()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert same(one.model.state_dict(), make().model.state_dict())
    assert not same(one.model.state_dict(), make(seed=1).model.state_dict())


@pytest.mark.parametrize(("dropout", "expected"), [(0.0, 0.0), (0.1, 0.1), (1.0, 1.0)])
def test_labels_are_dropped_as_often_as_asked(make: Make, dropout: float, expected: float) -> None:
    trainer = make(label_dropout=dropout)
    dropped = []
    for step in range(200):
        trainer.step = step
        dropped.append((batch_of(trainer)[2] == NO_LABEL).float())
    assert float(torch.cat(dropped).mean()) == pytest.approx(expected, abs=0.02)


def test_a_batch_is_its_images_with_their_labels(make: Make) -> None:
    trainer = make(label_dropout=0.0)
    x0, t, label, eps = batch_of(trainer)
    chosen = epoch_order(0, 0, 60)[:16]
    assert torch.equal(label, chosen % 10)
    assert torch.equal(x0, to_x0(trainer.batches.images[chosen]))
    assert eps.shape == x0.shape
    assert t.shape == (16,)


def test_more_than_unread_losses_may_not_wait(make: Make) -> None:
    trainer = make()
    trainer.step = UNREAD
    with pytest.raises(RuntimeError, match="read"):
        trainer.train_step()


# --- learning rate ----------------------------------------------------------------------------------------------------


def test_learning_rate_of_the_seed() -> None:
    seed = PRESETS["seed"]
    assert [lr_at(seed, step) for step in (0, 99, 199)] == pytest.approx([5e-6, 5e-4, 1e-3])
    assert lr_at(seed, 200) == pytest.approx(1e-3)
    assert lr_at(seed, 200 + (4690 - 200) // 2) == pytest.approx(5e-4, rel=1e-3)
    assert 0 < lr_at(seed, 4689) < 1e-9
    assert max(lr_at(seed, step) for step in range(4690)) == 1e-3
    falling = [lr_at(seed, step) for step in range(200, 4690)]
    assert falling == sorted(falling, reverse=True)


def test_constant_is_the_seed_to_the_letter() -> None:
    seed = replace(PRESETS["seed"], lr_schedule="constant")
    assert {lr_at(seed, step) for step in range(4690)} == {1e-3}


@pytest.mark.parametrize("steps", [1, 2, 3, 50])
def test_a_run_shorter_than_its_warm_up_still_learns(steps: int) -> None:
    config = replace(PRESETS["seed"], steps=steps)
    rates = [lr_at(config, step) for step in range(steps)]
    assert all(0 < rate <= 1e-3 for rate in rates)
    assert max(rates) == pytest.approx(1e-3)


# --- epochs -----------------------------------------------------------------------------------------------------------


def test_the_average_of_an_epoch_weighs_its_short_batch(make: Make) -> None:
    trainer = make()
    for _ in range(2):
        losses = run(trainer, 4)
        weighted = sum(loss * n for loss, n in zip(losses, [16, 16, 16, 12], strict=True)) / 60
        assert trainer.end_epoch() == pytest.approx(weighted, rel=1e-6)
    assert trainer.best <= weighted


def test_order_is_a_pure_function_and_every_image_comes_once() -> None:
    first = epoch_order(7, 3, 1000)
    torch.manual_seed(99)
    assert torch.equal(first, epoch_order(7, 3, 1000))
    assert torch.equal(first.sort().values, torch.arange(1000))
    for other in (epoch_order(7, 4, 1000), epoch_order(8, 3, 1000)):
        assert (other == first).float().mean() < 0.02


def test_every_image_comes_once_an_epoch(make: Make) -> None:
    trainer = make(label_dropout=0.0)
    trainer.batches.labels = torch.arange(60)  # an image's number in place of its label
    for epoch in range(2):
        seen = []
        for k in range(4):
            trainer.step = 4 * epoch + k
            seen += batch_of(trainer)[2].tolist()
        assert sorted(seen) == list(range(60))


# --- resuming ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("how", [FP32, BF16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("changes", [{}, BEYOND], ids=["seed", "beyond"])
@pytest.mark.parametrize("at", [2, 4, 7], ids=["mid-epoch", "epoch's end", "second epoch"])
def test_resuming_is_exact(make: Make, how: Numerics, changes: dict[str, Any], at: int) -> None:
    """The same losses, epoch averages, weights, average and moments, bit for bit, as a run that was never left."""

    def ends_epoch(trainer: Trainer) -> list[float]:
        return [trainer.end_epoch()] if trainer.step % 4 == 0 else []

    def walk(trainer: Trainer, to: int) -> tuple[list[float], list[float]]:
        losses, averages = [], []
        while trainer.step < to:
            losses += run(trainer, 1)
            averages += ends_epoch(trainer)
        return losses, averages

    whole, left = make(how, **changes), make(how, **changes)
    walk(left, at)
    saved = through_a_file(left.state())
    torch.manual_seed(12345)  # nothing may come from the global generator
    resumed = make(how, **changes)
    resumed.restore(saved)
    assert resumed.step == at
    walk(whole, at)
    assert walk(resumed, 10) == walk(whole, 10)
    assert same(resumed.state(), whole.state())
    assert (resumed.best, resumed.step) == (whole.best, 10)


def test_moments_follow_the_layout_of_the_weights(make: Make) -> None:
    """A run of one layout that goes on in another: fused Adam pairs weights and moments by their place in memory."""
    trainer = make(BF16)
    run(trainer, 3)
    saved = through_a_file(trainer.state())
    moved = make(FP32)
    moved.restore(saved)
    assert same(moved.optimizer.state_dict()["state"], saved.optimizer["state"])
    for p, moments in moved.optimizer.state.items():
        assert moments["exp_avg"].stride() == moments["exp_avg_sq"].stride() == p.stride()


@pytest.mark.parametrize("damage", [{"exp_avg": torch.zeros(3)}, {"exp_avg_sq": torch.zeros(1)}, {"step": torch.zeros(2)}], ids=str)
def test_moments_of_another_shape_are_refused(make: Make, damage: dict[str, Tensor]) -> None:
    trainer = make()
    run(trainer, 1)
    state = through_a_file(trainer.state())
    state.optimizer["state"][0].update(damage)
    with pytest.raises((KeyError, TypeError, ValueError, RuntimeError)):
        make().restore(state)


def test_reading_seldom_changes_nothing(make: Make) -> None:
    often, seldom = make(), make()
    losses = [loss for _ in range(6) for loss in run(often, 1)]
    assert run(seldom, 6) == losses
    assert same(often.state(), seldom.state())


def test_a_state_with_unread_losses_is_refused(make: Make) -> None:
    trainer = make()
    trainer.train_step()
    with pytest.raises(RuntimeError, match="read"):
        trainer.state()


def test_the_average_is_not_the_live_weights(make: Make) -> None:
    """EMA written over the live weights, or forgotten, is a bug seen again and again."""
    trainer = make()
    run(trainer, 3)
    state = trainer.state()
    assert not same(state.model, state.ema)
    resumed = make()
    resumed.restore(through_a_file(state))
    assert same(resumed.ema.model.state_dict(), state.ema)
    assert same(resumed.model.state_dict(), state.model)


# --- losses that are not finite ---------------------------------------------------------------------------------------


def poison_batch(trainer: Trainer, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """An infinity in the noise of step `at`."""
    assert isinstance(trainer.loss, DenoisingStepLoss)
    draw = trainer.loss.draw

    def poisoned(step: int, batches: EpochBatches) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x0, t, label, eps = draw(step, batches)
        return x0, t, label, eps.index_fill(0, torch.tensor([0]), math.inf) if step == at else eps

    monkeypatch.setattr(trainer.loss, "draw", poisoned)


@pytest.mark.parametrize(("read_every", "changes"), [(1, {}), (3, {}), (8, {}), (3, BEYOND)], ids=["1", "3", "8", "3-beyond"])
def test_a_loss_that_is_not_finite_changes_nothing_and_names_its_step(
    make: Make, monkeypatch: pytest.MonkeyPatch, read_every: int, changes: dict[str, Any]
) -> None:
    good, bad = make(**changes), make(**changes)
    run(good, 4)
    expected = through_a_file(good.state())
    poison_batch(bad, monkeypatch, at=4)

    def walk() -> None:
        while bad.step < 8:
            run(bad, read_every)

    with pytest.raises(DivergedError, match=r"step 5.*--lr") as told:
        walk()
    assert told.value.step == 5
    assert same(bad.model.state_dict(), expected.model)
    assert same(bad.ema.model.state_dict(), expected.ema)
    assert same(bad.optimizer.state_dict(), expected.optimizer)
    assert same(bad.muon.state(), expected.muon)
    with pytest.raises(DivergedError):
        bad.state()  # no save writes over a good one


def test_a_gradient_that_is_not_finite_counts_too(make: Make) -> None:
    trainer = make()
    run(trainer, 1)
    weights = copy.deepcopy(trainer.model.state_dict())
    trainer.model.conv_in.weight.register_hook(lambda gradient: gradient / 0)
    with pytest.raises(DivergedError) as told:
        run(trainer, 2)
    assert told.value.step == 2
    assert same(trainer.model.state_dict(), weights)


@pytest.mark.slow
def test_an_absurd_learning_rate_diverges_and_says_so(make: Make) -> None:
    trainer = make(lr=10.0, lr_schedule="constant", clip=0.0, epochs=100)
    trainer.model.conv_in.weight.data.mul_(1e30)
    with pytest.raises(DivergedError):
        run(trainer, 30)


# --- CUDA -------------------------------------------------------------------------------------------------------------

cuda = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]


def on_cuda(config: TrainConfig, how: Numerics) -> Trainer:
    images, labels = data.load(True, torch.device("cuda"), config.limit)
    return Trainer(config, images, labels, how, torch.device("cuda"))


@pytest.mark.parametrize(
    "how", [pytest.param(BF16, marks=cuda), pytest.param(Numerics("tf32", channels_last=True), marks=cuda)], ids=["bf16", "tf32"]
)
def test_a_step_on_cuda_never_waits(tiny: TrainConfig, how: Numerics) -> None:
    trainer = on_cuda(replace(tiny, limit=2000), how)
    run(trainer, 2)  # the order of the epoch is on the device, kernels are chosen
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(20):
            trainer.train_step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(math.isfinite(loss) for loss in trainer.read_losses())


@pytest.mark.parametrize("_gpu", [pytest.param(None, marks=cuda)])
def test_cuda_learns_as_the_cpu_does(tiny: TrainConfig, _gpu: None) -> None:
    config = replace(tiny, limit=2000, epochs=1, label_dropout=0.0)
    images, labels = data.load(True, CPU, config.limit)
    on_cpu = Trainer(config, images, labels, FP32, CPU)
    first, last = (lambda losses: (sum(losses[:10]), sum(losses[-10:])))(run(on_cuda(config, BF16), 100))
    assert last < 0.8 * first
    assert last == pytest.approx(sum(run(on_cpu, 100)[-10:]), rel=0.25)  # other noise: generators differ by device


def test_weights_start_the_same_whatever_the_layout(make: Make) -> None:
    assert same(make(FP32).model.state_dict(), make(BF16).model.state_dict())
    assert isinstance(make().network, UNet)
