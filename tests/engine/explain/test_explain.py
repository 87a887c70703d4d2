"""The lesson against the closed form, the guess and the loss against a direct computation, the attention against its own softmax."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.checkpoints.weights import ModelWeights, load_weights, save_weights
from engine.config.data import MNIST, DataSpec
from engine.config.model import ModelConfig, ScheduleConfig
from engine.data import mnist
from engine.data.batches import epoch_order, to_x0
from engine.diffusion.noise import ImageNoise
from engine.diffusion.schedule import NoiseSchedule
from engine.errors import SettingError
from engine.explain import job as explain
from engine.explain.attention import find_attention, recorded_attention
from engine.explain.job import coarse_to_fine
from engine.jobs.jobs import Jobs
from engine.models.unet import UNet
from engine.protocol.events import Preparing, Tick
from engine.protocol.lesson import Guess, GuessRequest, Lesson, LossByNoise
from engine.sampling.pixels import to_uint8

MODEL = ModelConfig(channels=(8, 8), time_dim=16, emb_dim=16, attention=True)
T = 200
FLAGS = DataSpec("flags", 12, 16, 3, ("red", "green", "blue"), 30, 0.1, 0.5, "flags.npz", "md5:0")


def save(path: Path, model: ModelConfig) -> str:
    """A network whose every part has an effect: one that is fresh predicts zero, and its attention is off."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tensors = {name: tensor + 0.1 * torch.randn_like(tensor) for name, tensor in UNet(model).state_dict().items()}
    save_weights(path, ModelWeights(tensors, model, ScheduleConfig(T=T, beta_end=0.08), 12, "tiny", "average"))
    return str(path)


@pytest.fixture(params=["eps", "v", "edm"])
def weights(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    return save(tmp_path / "tiny.safetensors", replace(MODEL, prediction=request.param))


def network_of(weights: str) -> UNet:
    loaded = load_weights(Path(weights))
    network = UNet(loaded.model).eval()
    network.load_state_dict(loaded.tensors)
    return network


def the_lesson(jobs: Jobs, weights: str) -> Lesson:
    *before, lesson = jobs.lesson(weights)
    assert all(isinstance(event, Preparing | Tick) for event in before)
    assert isinstance(lesson, Lesson)
    return lesson


def noise(count: int = 1) -> Tensor:
    return ImageNoise(MNIST.shape, explain.SEED, range(count), torch.device("cpu"))()


def predicted_noise(network: UNet, x_t: Tensor, t: int, labels: Tensor, alpha_bar: float, prediction: str) -> Tensor:
    """From the definitions of the predictions, each written out."""
    with torch.no_grad():
        F = network(x_t, torch.full((len(x_t),), t), labels)
    a, s = math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar)
    if prediction == "eps":
        return F
    if prediction == "v":
        return s * x_t + a * F  # Salimans & Ho 2022: v = a eps - s x0
    variance = a * a * MNIST.std**2 + s * s
    x0 = a * MNIST.std**2 / variance * x_t + s * MNIST.std / math.sqrt(variance) * F
    return (x_t - a * x0) / s


# --- the lesson -------------------------------------------------------------------------------------------------------


def test_a_lesson_has_a_real_image_of_each_class(jobs: Jobs, weights: str) -> None:
    lesson = the_lesson(jobs, weights)
    images, labels = mnist.load(False)
    assert len(lesson.images) == 10
    for label in range(10):
        first = images[int(torch.nonzero(labels == label)[0])]
        assert lesson.images[label] == first.numpy().tobytes()
    assert lesson.alpha_bar == tuple(NoiseSchedule(ScheduleConfig(T=T, beta_end=0.08)).alpha_bar.tolist())
    assert (lesson.attends, lesson.one_step, lesson.data) == (True, False, MNIST)


@pytest.mark.parametrize("t", [0, 70, T - 1])
def test_x_t_is_the_closed_form(jobs: Jobs, tmp_path: Path, t: int) -> None:
    """In plain Python, to within the rounding of one grey level."""
    lesson = the_lesson(jobs, save(tmp_path / "w.safetensors", MODEL))
    x0 = to_x0(torch.frombuffer(bytearray(lesson.images[7]), dtype=torch.uint8).view(1, 28, 28))
    alpha_bar = lesson.alpha_bar[t]
    expected = to_uint8(alpha_bar**0.5 * x0 + (1 - alpha_bar) ** 0.5 * noise())
    shown = lesson.noisy(7, t)
    assert max(abs(a - b) for a, b in zip(shown.data, expected.data, strict=True)) <= 1
    assert lesson.clean(7).data == lesson.images[7]


def test_images_in_colour_have_noise_in_the_order_of_their_bytes(jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = torch.randint(0, 256, (6, 12, 16, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    monkeypatch.setattr(explain, "load_images", lambda *_: (pixels, torch.arange(6) % 2))  # no image is blue
    lesson = the_lesson(jobs, save(tmp_path / "w.safetensors", replace(MODEL, data=FLAGS)))
    assert [lesson.images[i] for i in range(3)] == [pixels[i].numpy().tobytes() for i in (0, 1, 0)]
    eps = ImageNoise(FLAGS.shape, explain.SEED, range(1), torch.device("cpu"))()
    alpha_bar = lesson.alpha_bar[50]
    expected = to_uint8(alpha_bar**0.5 * to_x0(pixels[1:2]) + (1 - alpha_bar) ** 0.5 * eps)
    assert max(abs(a - b) for a, b in zip(lesson.noisy(1, 50).data, expected.data, strict=True)) <= 1
    *_, guess = jobs.guess(GuessRequest(str(tmp_path / "w.safetensors"), 1, 50))
    assert isinstance(guess, Guess)
    assert (len(guess.images), guess.images.channels, guess.images.height) == (5, 3, 12)
    assert guess.images[0] == expected[0]


# --- the guess --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("t", [0, 120, T - 1])
def test_a_guess_is_the_networks_beside_the_truth(jobs: Jobs, weights: str, t: int) -> None:
    lesson = the_lesson(jobs, weights)
    *_, guess = jobs.guess(GuessRequest(weights, 4, t))
    assert isinstance(guess, Guess)
    network, a = network_of(weights), lesson.alpha_bar[t]
    x0 = to_x0(torch.frombuffer(bytearray(lesson.images[4]), dtype=torch.uint8).view(1, 28, 28))
    x_t = a**0.5 * x0 + (1 - a) ** 0.5 * noise()
    eps = predicted_noise(network, x_t, t, torch.tensor([4]), a, network.config.prediction)
    guessed_x0 = (x_t - (1 - a) ** 0.5 * eps) / a**0.5
    assert guess.noise_error == pytest.approx(float((eps - noise()).square().mean()), rel=1e-3)
    assert guess.grey_error == pytest.approx(127.5 * float((guessed_x0.clamp(-1, 1) - x0).abs().mean()), rel=1e-3)
    expected = to_uint8(torch.cat([x_t, eps / 2, noise() / 2, guessed_x0, x0]))
    assert max(abs(p - q) for p, q in zip(guess.images.data, expected.data, strict=True)) <= 1
    assert guess.images[4] == lesson.images[4]


def test_a_guess_of_what_is_not_there_is_refused(jobs: Jobs, tmp_path: Path) -> None:
    weights = save(tmp_path / "w.safetensors", MODEL)
    for label, t in ((10, 0), (0, T)):
        with pytest.raises(SettingError):
            list(jobs.guess(GuessRequest(weights, label, t)))
    with pytest.raises(SettingError):
        GuessRequest(weights, -1, 0)


# --- the loss ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_loss_is_that_of_a_direct_computation(jobs: Jobs, weights: str) -> None:
    told = [event for event in jobs.loss_by_noise(weights) if isinstance(event, LossByNoise)]
    assert [len(event.timesteps) for event in told] == list(range(1, told[-1].total + 1))
    assert told[-1].timesteps == tuple(sorted(coarse_to_fine(T, explain.POINTS)))
    images, labels = mnist.load(False)
    chosen = epoch_order(explain.SEED, 0, len(images))[: explain.HELD_OUT]
    x0, eps, network = to_x0(images[chosen]), noise(explain.HELD_OUT), network_of(weights)
    for place in (0, 10, -1):
        t = told[-1].timesteps[place]
        a = NoiseSchedule(ScheduleConfig(T=T, beta_end=0.08)).alpha_bar_at(t)
        guessed = predicted_noise(network, a**0.5 * x0 + (1 - a) ** 0.5 * eps, t, labels[chosen], a, network.config.prediction)
        assert told[-1].losses[place] == pytest.approx(float((guessed - eps).square().mean()), rel=1e-3)


def test_it_can_be_left_at_any_pull_and_each_is_small(jobs: Jobs, tmp_path: Path) -> None:
    weights = save(tmp_path / "w.safetensors", MODEL)
    most: list[int] = []
    forward = UNet.forward
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UNet, "forward", lambda network, x, *rest: (most.append(len(x)), forward(network, x, *rest))[1])
        events = jobs.loss_by_noise(weights)
        for _ in range(6):
            next(events)
        events.close()
    assert most
    assert max(most) <= explain.AT_ONCE


@pytest.mark.parametrize(("T", "count"), [(1000, 33), (200, 33), (4, 33), (1, 33), (1000, 2)])
def test_timesteps_go_from_both_ends_to_ever_finer_parts(T: int, count: int) -> None:
    timesteps = coarse_to_fine(T, count)
    assert len(set(timesteps)) == len(timesteps) <= max(count, 3)
    assert {0, T - 1} == set(timesteps[:2]) | {0, T - 1}
    assert all(0 <= t < T for t in timesteps)
    gaps = [b - a for a, b in zip(sorted(timesteps), sorted(timesteps)[1:], strict=False)]
    assert not gaps or max(gaps) - min(gaps) <= 1


# --- attention --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model", [MODEL, replace(MODEL, attention=False, attention_at_14=True), replace(MODEL, channels=(64, 128), groups=8)], ids=str
)
def test_attention_rows_add_up_and_are_the_softmax(model: ModelConfig) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = UNet(model).eval()
        x_t = torch.randn(2, *MNIST.shape)
    attention = find_attention(network)
    assert attention is not None
    seen: list[Tensor] = []
    with attention.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0])), recorded_attention(network) as maps, torch.no_grad():
        out = network(x_t, torch.tensor([5, 5]), torch.tensor([1, 2]))
        (map_,) = maps
        x = seen[0][:1]
        n = map_.rows * map_.columns
        q, k, _ = attention.qkv(attention.norm(x)).flatten(2).view(3, attention.heads, -1, n).transpose(-1, -2)
        expected = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), -1).mean(0)
    assert (map_.rows, map_.columns) == x.shape[2:]
    for position in range(n):
        assert sum(map_.of(position)) == pytest.approx(1, abs=1e-5)
        torch.testing.assert_close(torch.tensor(map_.of(position)), expected[position], rtol=1e-4, atol=1e-6)
    with torch.no_grad():
        network(x_t, torch.tensor([5, 5]), torch.tensor([1, 2]))
    assert len(maps) == 1, "the hook is gone"
    assert out.shape == x_t.shape


def test_a_network_without_attention_has_no_map(jobs: Jobs, tmp_path: Path) -> None:
    weights = save(tmp_path / "w.safetensors", replace(MODEL, attention=False))
    assert not the_lesson(jobs, weights).attends
    *_, guess = jobs.guess(GuessRequest(weights, 1, 5))
    assert isinstance(guess, Guess)
    assert guess.attention is None
