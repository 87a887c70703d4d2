"""Conditions in a drawing: what the network is told, which weights can be told it, and which pictures are redrawn because they miss it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.checkpoints import weights as checkpoint
from engine.checkpoints.weights import ModelWeights
from engine.compute.precision import Numerics
from engine.config.condition import SCORES, AttributeScales, Condition, ConditionConfig, Interval, Scale
from engine.config.model import NO_LABEL, ModelConfig, ScheduleConfig
from engine.config.sampling import SampleConfig
from engine.data import mnist
from engine.diffusion.guidance import apply_guidance, fix_labels
from engine.diffusion.schedule import NoiseSchedule
from engine.errors import SettingError
from engine.jobs.jobs import Jobs
from engine.measures.shape import measure
from engine.models.conditioner import encode
from engine.models.unet import UNet
from engine.protocol.events import DrawDone, Frame
from engine.protocol.measured import Measured, compare, find_missed
from engine.protocol.recipe import WeightsInfo
from engine.protocol.requests import DrawRequest
from engine.runs.conditional_weights import check_told
from engine.runs.weights_names import SHIPPED
from engine.sampling import rejection
from engine.sampling.batch import guide
from engine.sampling.measuring import measure_asked
from engine.sampling.pipeline import Pipeline

CPU = torch.device("cpu")
SCALES = tuple(
    AttributeScales(name, Scale(tuple(middle + spread * z for z in SCORES)))
    for name, middle, spread in (("thickness", 2.7, 0.7), ("slant", 5.0, 14.0))
)
CONDITIONS = ConditionConfig(SCALES, ("looped", "crossed"))
MODEL = ModelConfig(channels=(8, 8), time_dim=16, emb_dim=16, groups=4, conditions=CONDITIONS)
LEANING = Condition(7, (("slant", Interval(20, 20)),), (("crossed", True),))
BOLD = Condition(3, (("thickness", Interval(low=3.5)),))
SAMPLE = SampleConfig(steps=4, redraw_below=0.0, seed=2)


def network(model: ModelConfig = MODEL) -> UNet:
    """A network that draws something, if nothing sensible, and to which conditions matter."""
    torch.manual_seed(0)
    net = UNet(model)
    for parameter in net.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.3)
    return net.eval()


def save(path: Path, model: ModelConfig) -> str:
    checkpoint.save_weights(path, ModelWeights(network(model).state_dict(), model, ScheduleConfig(), 3, "x", "average"))
    return str(path)


@pytest.fixture
def weights(tmp_path: Path) -> str:
    return save(tmp_path / "w.safetensors", MODEL)


def drawn(jobs: Jobs, weights: str, *conditions: Condition, sample: SampleConfig = SAMPLE, **more: Any) -> DrawDone:
    labels = tuple(condition.label for condition in conditions)
    *_, done = jobs.draw(DrawRequest(labels, sample, weights=weights, conditions=conditions, **more))
    assert isinstance(done, DrawDone)
    return done


# --- what the network is told -----------------------------------------------------------------------------------------


def test_guidance_is_from_nothing_told_to_all_that_is_told() -> None:
    net, told, nothing = network(), encode([LEANING, BOLD], CONDITIONS, CPU), encode([Condition()] * 2, CONDITIONS, CPU)
    x, t, labels = torch.randn(2, 1, 28, 28, generator=torch.Generator().manual_seed(1)), torch.tensor([300, 300]), torch.tensor([7, 3])
    with torch.inference_mode():
        predict = apply_guidance(net, labels, 1.4, torch.float32, torch.contiguous_format, (told, nothing))
        without, with_all = net(x, t, torch.full_like(labels, NO_LABEL)), net(x, t, labels, told=told)
        torch.testing.assert_close(predict(x, 300), without + 1.4 * (with_all - without))
        assert not torch.allclose(with_all, net(x, t, labels), atol=1e-3)
        only = apply_guidance(net, labels, 1.0, torch.float32, torch.contiguous_format, (told, nothing))
        torch.testing.assert_close(only(x, 300), with_all)
        ignored = apply_guidance(net, labels, 0.0, torch.float32, torch.contiguous_format, (told, nothing))
        torch.testing.assert_close(ignored(x, 300), without)


def test_conditions_guide_more_strongly_than_labels_and_at_higher_noise() -> None:
    told_hands = replace(CONDITIONS, hand=2)
    net, told = network(replace(MODEL, conditions=told_hands)), encode([LEANING, Condition(3), Condition(3, hand=(0.6, 0.8))], told_hands, CPU)
    asked = replace(SAMPLE, guidance=1.5, guided_from=0.5, guided_to=4.0)
    pipeline = Pipeline(net, NoiseSchedule(ScheduleConfig()), WeightsInfo("tiny", 1, "average"), Numerics("fp32", channels_last=False), CPU)
    x, labels = torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(1)), torch.tensor([7, 3, 3])
    scales = {"below": (1.0, 1.0, 1.0), "within": (3.0, 1.5, 1.5), "above": (3.0, 1.0, 1.5)}  # the last is told a hand alone
    with torch.inference_mode():
        predict = guide(fix_labels(net, labels, torch.float32, torch.contiguous_format, told), pipeline, labels, asked, told)
        for name, ratio in (("below", 0.2), ("within", 2.0), ("above", 20.0)):
            t = min(range(1000), key=lambda t: abs(pipeline.schedule.unshifted_ratio(t) - ratio))
            times = torch.tensor([t] * 3)
            without, with_all = net(x, times, torch.full_like(labels, NO_LABEL)), net(x, times, labels, told=told)
            scale = torch.tensor(scales[name]).view(3, 1, 1, 1)
            torch.testing.assert_close(predict(x, t), without + scale * (with_all - without), msg=name)


def test_plain_conditions_are_plain_labels(jobs: Jobs, weights: str) -> None:
    plain = drawn(jobs, weights, Condition(7), Condition(3))
    *_, labels = jobs.draw(DrawRequest((7, 3), SAMPLE, weights=weights))
    assert isinstance(labels, DrawDone)
    assert (plain.images, plain.recipe, plain.recipe.conditions) == (labels.images, labels.recipe, None)


def test_each_picture_is_told_its_own_condition(jobs: Jobs, weights: str) -> None:
    """Beside others, the picture is that of the condition alone; without its condition, and with another, it is another."""
    together = drawn(jobs, weights, LEANING, BOLD, Condition(3), replace(BOLD, attributes=(("thickness", Interval(4, 4)),)), indices=(0, 1, 1, 1))
    pictures = [together.images[i] for i in range(4)]
    assert len(set(pictures[1:])) == 3
    alone = drawn(jobs, weights, BOLD, indices=(1,))
    assert max(abs(a - b) for a, b in zip(alone.images[0], pictures[1], strict=True)) <= 2
    assert together.recipe.only(1) == alone.recipe
    assert together.recipe.only(2).conditions is None


def test_in_one_step_and_without_guidance_conditions_matter_too(jobs: Jobs, tmp_path: Path) -> None:
    student = save(tmp_path / "student.safetensors", replace(MODEL, one_step=True))
    for weights, sample in (
        (student, SampleConfig("one-step", 1, redraw_below=0.0)),
        (save(tmp_path / "w.safetensors", MODEL), replace(SAMPLE, guidance=1.0)),
    ):
        assert drawn(jobs, weights, BOLD, sample=sample).images != drawn(jobs, weights, Condition(3), sample=sample).images


# --- which weights can ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        (
            LEANING,
            "w.safetensors was not trained with slant or crossed; draw with shipped, which was",
        ),
        (Condition(7, hand=(1.0,)), "was not trained with a hand; no weights here were, so leave it out, or train some: "),
        (Condition(7, text="bold"), "was not trained with words;"),
    ],
)
def test_weights_without_conditions_refuse_them(jobs: Jobs, tmp_path: Path, condition: Condition, problem: str) -> None:
    plain = save(tmp_path / "w.safetensors", replace(MODEL, conditions=None))
    with pytest.raises(SettingError, match=problem):
        drawn(jobs, plain, condition)
    assert drawn(jobs, plain, Condition(7)).recipe.conditions is None


def test_weights_that_can_are_named(jobs: Jobs, weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = save(tmp_path / "other.safetensors", replace(MODEL, conditions=replace(CONDITIONS, scales=SCALES[:1], variants=("looped",))))
    student = save(tmp_path / "student.safetensors", replace(MODEL, one_step=True))
    for name, path in (("shipped:words", weights), ("shipped:few", other), ("shipped:student", student)):
        monkeypatch.setitem(SHIPPED, name, Path(path))
    with pytest.raises(SettingError, match=r"shipped:labels was not trained with slant or crossed; draw with shipped or shipped:words, which were"):
        drawn(jobs, "shipped:labels", LEANING)
    with pytest.raises(
        SettingError, match="shipped:few was not trained with slant or crossed, only with thickness and looped; draw with shipped or shipped:words"
    ):
        drawn(jobs, "shipped:few", LEANING)
    one_step = replace(MODEL, conditions=None, one_step=True)
    with pytest.raises(SettingError, match="a student was not trained with slant or crossed; draw with shipped, shipped:words or shipped:student, "):
        check_told([LEANING], one_step, "a student")
    with pytest.raises(SettingError, match="trained with thickness; draw with shipped, shipped:words or shipped:few, which were"):
        drawn(jobs, "shipped:labels", BOLD)


# --- redrawing --------------------------------------------------------------------------------------------------------

KEPT = replace(SAMPLE, redraw_below=0.5)
UPRIGHT = Condition(3, (("slant", Interval(0, 0)),))


class Slants:
    """Measures these slants, one after another, instead of what a picture shows; and no reader doubts anything."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *slants: float) -> None:
        self.left = list(slants)
        self.images: list[Tensor] = []
        monkeypatch.setattr(rejection, "measure_asked", self.measure)
        monkeypatch.setattr(rejection, "rejected_indices", lambda *_: set())

    def measure(self, image: Tensor, condition: Condition) -> Measured:
        self.images.append(image.clone())
        return compare(condition, {"slant": self.left.pop(0)}, {})


def test_a_picture_that_misses_what_was_asked_is_redrawn_until_it_does_not(jobs: Jobs, weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Slants(monkeypatch, 10, 2.9, -7, 3.1, 1)  # both; then the first misses again, and again
    done = drawn(jobs, weights, UPRIGHT, replace(UPRIGHT, label=4))
    assert (done.again, done.measured[0], seen.left) == (0, Measured((("slant", 10),), (), ("slant",)), [-7, 3.1, 1])
    seen.left[:] = [10, 2.9, -7, 3.1, 1]
    done = drawn(jobs, weights, UPRIGHT, replace(UPRIGHT, label=4), Condition(5), sample=KEPT)
    assert (done.again, seen.left, find_missed(done.measured)) == (1, [], [])
    assert done.measured == (Measured((("slant", 1),)), Measured((("slant", 2.9),)), None)
    assert done.images[0] == seen.images[-1].numpy().tobytes()


def test_the_nearest_of_eight_stays_with_its_frames_and_is_reported(jobs: Jobs, weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Slants(monkeypatch, 30, 20, 9, 12, -9, 40, 50, 60)
    *events, done = jobs.draw(DrawRequest((3, 5), KEPT, None, weights, fps=1e6, guesses=True, conditions=(UPRIGHT, Condition(5))))
    assert isinstance(done, DrawDone)
    assert (done.again, seen.left, find_missed(done.measured)) == (1, [], [0])
    assert done.measured == (Measured((("slant", 9),), (), ("slant",)), None)
    assert done.images[0] == seen.images[2].numpy().tobytes(), "the first of those that are 9° away"
    assert done.frames[-1] == done.guesses[-1] == done.images
    third = [event for event in events if isinstance(event, Frame)][4 + 2 * 3 - 3 :][:3]  # a redrawn picture has no frame of its noise
    assert [frame.images[0] for frame in third] == [frame[0] for frame in done.frames[1:-1]]
    assert [frame.guess[0] for frame in third if frame.guess] == [guess[0] for guess in done.guesses[:-2]]


def test_a_misread_digit_is_worse_than_one_that_leans(jobs: Jobs, weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Slants(monkeypatch, 0, 30, 20, 30, 30, 30, 30, 30)
    attempts: Iterator[set[int]] = iter([{0}, {0}, set(), *[{0}] * 5])
    monkeypatch.setattr(rejection, "rejected_indices", lambda *_: next(attempts))
    done = drawn(jobs, weights, UPRIGHT, sample=KEPT)
    assert done.images[0] == seen.images[2].numpy().tobytes()
    assert done.measured[0] == Measured((("slant", 20),), (), ("slant",))


def test_pictures_of_equal_noise_are_redrawn_together_and_the_best_set_stays(jobs: Jobs, weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = (UPRIGHT, replace(UPRIGHT, label=4), Condition(5))
    seen = Slants(monkeypatch, *(10, 0), *(0, 7), *[30, 0] * 6)
    done = drawn(jobs, weights, *asked, sample=KEPT, indices=(0, 0, 0))
    assert (done.again, seen.left, find_missed(done.measured)) == (3, [], [1])
    assert [done.images[i] for i in (0, 1)] == [image.numpy().tobytes() for image in seen.images[2:4]]
    assert len({done.frames[0][i] for i in range(3)}) == 1, "the plain one has the noise of the others"


def test_a_plain_picture_beside_others_is_redrawn_as_often_as_alone(jobs: Jobs, weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Slants(monkeypatch, *[30.0] * 8)
    read: list[Sequence[int | None]] = []

    def doubts(_: object, __: object, labels: Sequence[int | None], indices: Sequence[int], ___: float) -> set[int]:
        read.append(labels)
        return {index for index, label in zip(indices, labels, strict=True) if label == 5}

    monkeypatch.setattr(rejection, "rejected_indices", doubts)
    assert drawn(jobs, weights, UPRIGHT, Condition(5), sample=KEPT).again == 2
    assert read == [*[[3, 5]] * 3, *[[3]] * 5]


@pytest.mark.parametrize("sample", [SAMPLE, replace(KEPT, guidance=0.0)], ids=["redraw-below-0", "guidance-0"])
def test_without_redrawing_misses_are_reported_all_the_same(jobs: Jobs, weights: str, monkeypatch: pytest.MonkeyPatch, sample: SampleConfig) -> None:
    Slants(monkeypatch, 30)
    done = drawn(jobs, weights, UPRIGHT, sample=sample)
    assert (done.again, find_missed(done.measured)) == (0, [0])


def test_measures_are_those_of_the_picture() -> None:
    pictures, labels = mnist.load(False, limit=60)
    sevens = [picture for picture, label in zip(pictures, labels.tolist(), strict=True) if label == 7]
    shape = measure(sevens[0].numpy())
    assert shape
    condition = Condition(7, (("slant", Interval(shape.slant + 2.9, shape.slant + 2.9)), ("thickness", Interval(low=shape.thickness + 0.01))), ())
    assert measure_asked(sevens[0], condition) == Measured((("thickness", shape.thickness), ("slant", shape.slant)), (), ("thickness",))
    crossed = [measure_asked(seven, Condition(7, variants=(("crossed", True),))) for seven in sevens]
    assert {of.missed for of in crossed} <= {(), ("crossed",)}
    assert [of.variants[0][1] for of in crossed] == [not of.missed for of in crossed]
    assert measure_asked(torch.zeros(28, 28, dtype=torch.uint8), condition) == Measured(missed=("thickness", "slant"))
    assert measure_asked(sevens[0], Condition(3, variants=(("crossed", False),))) == Measured(), "which no three is"


@pytest.mark.slow  # starts a process
def test_warm_weights_with_conditions_wait_for_nothing(weights: str) -> None:
    """In a process of its own: the first measured picture loads no module that warming up did not, and plain weights load no scipy."""
    code = """
import sys
from engine.jobs.jobs import Jobs
from engine.sampling.runtime import Runtime
from engine.config.condition import Condition, Interval
from engine.config.sampling import SampleConfig
from engine.protocol.requests import DrawRequest
jobs = Jobs("cpu", "fp32")
weights = sys.argv[1]
list(jobs.draw(DrawRequest((7,), SampleConfig(steps=2), weights=weights)))
assert "scipy" not in sys.modules
list(jobs._get_runtime().prepare(weights))
before = set(sys.modules)
asked = Condition(7, (("slant", Interval(20, 20)),), (("crossed", True),))
list(jobs.draw(DrawRequest((7,), SampleConfig(steps=2), weights=weights, conditions=(asked,))))
new = {name for name in set(sys.modules) - before if name.startswith(("scipy", "engine"))}
assert not new, new
"""
    done = subprocess.run([sys.executable, "-c", code, weights], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
