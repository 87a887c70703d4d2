"""Students of teachers that are told more than classes: what is told of their pairs and digits, from the start of a run to one step of drawing."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from finish import finish, finish_with_events
from torch import Tensor

from engine.checkpoints.training_state import load_state
from engine.compute.precision import Numerics
from engine.config.condition import ATTRIBUTES, SCORES, VARIANTS, AttributeScales, Condition, ConditionConfig, Interval, Scale
from engine.config.data import MNIST
from engine.config.data_choice import DataChoice
from engine.config.model import ScheduleConfig
from engine.config.sampling import SampleConfig
from engine.config.training import TrainConfig
from engine.data.measured import Measured
from engine.diffusion.noise import ImageNoise
from engine.diffusion.schedule import NoiseSchedule
from engine.errors import SettingError
from engine.jobs.jobs import Jobs
from engine.models.conditioner import Told
from engine.models.unet import UNet
from engine.process.distributed import ProcessGroup
from engine.protocol.events import DrawDone, Event, Notice, Preparing, Saved
from engine.protocol.recipe import WeightsInfo
from engine.protocol.requests import DrawRequest, TrainRequest
from engine.runs.run import find_run, latest_state
from engine.runs.students import find_student
from engine.sampling.batch import sample_batch
from engine.sampling.pipeline import Pipeline
from engine.sampling.pixels import to_pixels
from engine.training import hand_references
from engine.training.batches import EpochBatches
from engine.training.conditions import TrainingConditions
from engine.training.discriminator import Discriminator
from engine.training.distill import DistillationLoss
from engine.training.finite import FiniteGuard
from engine.training.hand_references import HandReferences
from engine.training.run_conditions import read_conditions
from engine.training.teacher_pairs import TEACHING, TEACHING_TOLD, PairPlan, TeacherPairs, draw_pairs, load_or_draw, plan_pairs
from engine.training.told_captions import encoder_of_captions

CPU, FP32, N = torch.device("cpu"), Numerics("fp32", channels_last=False), 4000
UNIT = Scale(tuple(float(z) for z in SCORES))
CONDITIONS = ConditionConfig(tuple(AttributeScales(name, UNIT) for name in ATTRIBUTES), tuple(VARIANTS), hand=8, text=True)


@pytest.fixture(scope="module")
def measured() -> Measured:
    """Images of which one in 200 is a one with a base, and one in 10 a crossed seven."""
    labels = torch.arange(N) % 10
    variants = torch.zeros(N, len(VARIANTS), dtype=torch.long)
    for k, digit in enumerate(VARIANTS.values()):
        variants[labels == digit, k] = -1
    variants[labels == 7, 2] = 1
    variants[1 :: N // 20, 3] = 1
    return Measured(torch.randn(N, len(ATTRIBUTES), generator=torch.Generator().manual_seed(3), dtype=torch.float64), variants, labels)


class Numbered:
    """Captions that count how many were written."""

    def __init__(self, wording: str = "a bold digit") -> None:
        self.written, self._wording = 0, wording

    def write(self, rng: object, place: int) -> str:
        self.written += 1
        return f"{self._wording}, number {place % 10}"


@pytest.fixture
def student(tiny: TrainConfig) -> TrainConfig:
    """`tiny`, as a student of 70 pairs whose teacher is told everything."""
    model = replace(tiny.model, prediction="v", one_step=True, conditions=CONDITIONS, text=encoder_of_captions())
    schedule = ScheduleConfig("cosine")
    return replace(tiny, limit=N, preset="one-step", teacher="shipped", pairs=70, model=model, schedule=schedule, label_dropout=0.0)


@pytest.fixture
def conditions(student: TrainConfig, measured: Measured) -> TrainingConditions:
    codes = torch.nn.functional.one_hot(torch.arange(len(measured.labels)) % 8, 8).float()
    return TrainingConditions(student, measured, HandReferences(codes, torch.arange(len(codes)) % 8), Numbered())


@pytest.fixture
def teacher(student: TrainConfig) -> Pipeline:
    torch.manual_seed(1)
    network = UNet(replace(student.model, one_step=False)).eval().requires_grad_(False)
    for part in (network.conv_out, *(cross.out for cross in network.cross)):
        torch.nn.init.normal_(cast(torch.nn.Linear, part).weight, std=0.3)
    return Pipeline(network, NoiseSchedule(student.schedule), WeightsInfo("tiny", 1, "average"), FP32, CPU)


def plan_of(conditions: TrainingConditions, n: int = 70) -> PairPlan:
    plan = finish(plan_pairs(MNIST, n, 0, conditions))
    assert isinstance(plan, PairPlan)
    return plan


# --- pairs ------------------------------------------------------------------------------------------------------------


def test_pairs_are_told_as_training_images_are_and_all_classes_as_often(conditions: TrainingConditions) -> None:
    plan, again = plan_of(conditions, 2000), plan_of(conditions, 2000)
    assert plan.told is not None
    assert again.told is not None
    assert all(a.equal(b) for a, b in zip(plan.told, again.told, strict=True)), "a pure function of the seed"
    counts = torch.bincount(plan.labels, minlength=10)
    assert counts.min() > 180, "apart from those with rare variants"
    shares = [float(part.float().mean()) for part in (plan.told.says, plan.told.asked.any(1), plan.told.has_hand, plan.told.has_words.any(1))]
    assert shares == pytest.approx([0.85, 0.4, 0.35, 0.3], abs=0.07)
    of_one = plan.told.variants[plan.labels == 1]
    assert (of_one[:, 3] == 1).any()
    assert not (plan.told.variants[plan.labels == 0] != 0).any(), "no zero is crossed or not"
    step = conditions.draw(0, torch.arange(70), torch.full((70,), -1), True)
    assert not step.scores.equal(plan.told.scores[:70]), "not what the first step tells"


def test_labels_are_withheld_from_pairs_only_where_something_else_is_told(conditions: TrainingConditions) -> None:
    conditions.config = replace(conditions.config, label_dropout=0.3)
    plan = plan_of(conditions, 2000)
    assert plan.told is not None
    withheld = plan.labels < 0
    assert 0.05 < float(withheld.float().mean()) < 0.3
    assert plan.told.says[withheld].all()


@pytest.mark.slow
def test_the_teacher_is_told_and_guided_as_in_other_drawings(teacher: Pipeline, conditions: TrainingConditions) -> None:
    plan = plan_of(conditions)
    told = plan.told
    assert told is not None
    events, pictures = finish_with_events(draw_pairs(teacher, plan))
    assert next(e.what for e in events if isinstance(e, Preparing)) == "tiny draws 0 of 70 images to learn from"
    assert SampleConfig() == replace(TEACHING_TOLD, seed=1)
    noise = ImageNoise(MNIST.shape, 0, range(4), CPU)
    for says, sample in ((told.says, TEACHING_TOLD), (~told.says, TEACHING)):
        four = says.nonzero().flatten()[:4]
        alone = told.select(four) if sample is TEACHING_TOLD else None
        *_, last = sample_batch(teacher, plan.labels[four].tolist(), sample, plan.noise[four], noise, alone)
        assert int((to_pixels(last.x).int() - pictures[four].int()).abs().max()) <= 1
        *_, other = sample_batch(teacher, plan.labels[four].tolist(), sample, plan.noise[four], noise, told.select(four.flip(0)))
        assert to_pixels(other.x).equal(to_pixels(last.x)) == (sample is TEACHING), "where something is told, it makes a difference"


def test_pairs_are_drawn_again_where_other_things_are_told(teacher: Pipeline, conditions: TrainingConditions, tmp_path: Path) -> None:
    path = tmp_path / "pairs.safetensors"

    def handed() -> Generator[Event, None, Pipeline]:
        yield Notice("asked")
        return teacher

    plan = plan_of(conditions, 4)
    assert finish_with_events(load_or_draw(path, handed(), plan, CPU))[0]
    events, pairs = finish_with_events(load_or_draw(path, handed(), plan, CPU))
    assert not events
    assert pairs.told.words.equal(plan.told.words)  # type: ignore[union-attr]
    conditions._captions = Numbered("a digit that is bold")  # worded otherwise
    heard = [event.message for event in finish_with_events(load_or_draw(path, handed(), plan_of(conditions, 4), CPU))[0] if isinstance(event, Notice)]
    assert "drawn again" in heard[0]


# --- a step -----------------------------------------------------------------------------------------------------------


def listen(heard: list[tuple[Tensor, Told]], x_t: Tensor, t: Tensor, label: Tensor, told: Told) -> Tensor:
    heard.append((label, told))
    return (x_t * 0).requires_grad_()


def test_a_step_tells_of_pairs_what_the_teacher_was_told_and_of_digits_what_they_show(student: TrainConfig, conditions: TrainingConditions) -> None:
    measured, plan = conditions.measured, plan_of(conditions)
    assert plan.told is not None
    pairs = TeacherPairs(plan.noise, plan.labels, torch.zeros(70, 28, 28, dtype=torch.uint8), plan.told)
    loss, heard = DistillationLoss(student, FP32, CPU, pairs, conditions), list[tuple[Tensor, Told]]()
    batches = EpochBatches(student, torch.zeros(N, 28, 28, dtype=torch.uint8), measured.labels, CPU)
    loss(partial(listen, heard), 3, batches, FiniteGuard(CPU))
    label, told = heard[0]
    chosen, reason = conditions.add_rare(3, batches.choose(3))
    expected = conditions.draw(3, chosen, reason, True)
    assert label[16:].equal(measured.labels[chosen])
    assert all(a.equal(b) for a, b in zip(told.select(slice(16, None)), expected, strict=True))
    rows = [(int(a), b.tolist()) for a, b in zip(plan.labels, plan.told.scores, strict=True)]
    assert all((int(a), b.tolist()) in rows for a, b in zip(label[:16], told.scores[:16], strict=True))


def test_the_discriminator_begins_as_one_that_is_told_nothing_and_learns_what_is_told(student: TrainConfig, conditions: TrainingConditions) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        plain = Discriminator(MNIST, 4)
        torch.manual_seed(0)
        told = Discriminator(MNIST, 4, student.model.conditions)
        x, label, kind = torch.randn(8, 1, 28, 28), torch.arange(8), torch.zeros(8, dtype=torch.long)
    says = conditions.draw(0, torch.arange(8), torch.full((8,), -1), True)
    assert told(x, label, kind, says)[0].equal(plain(x, label, kind)[0])
    told(x, label, kind, says)[0].sum().backward()
    assert told.told.pooled.weight.grad.any()  # type: ignore[union-attr]
    assert Discriminator(MNIST, 4, ConditionConfig(text=True)).told is None, "captions alone"


def test_a_step_writes_each_caption_once(conditions: TrainingConditions) -> None:
    batch, nothing = torch.arange(200), torch.full((200,), -1)
    with_label, without = conditions.draw_both(0, batch, nothing)
    captions = conditions._captions
    assert isinstance(captions, Numbered)
    in_one, in_other = with_label.has_words.any(1), without.has_words.any(1)
    assert captions.written == int((in_one | in_other).sum()) < int(in_one.sum() + in_other.sum())
    assert with_label.words[in_one & in_other].equal(without.words[in_one & in_other])
    apart = conditions.draw(0, batch, nothing, False)
    assert all(a.equal(b) for a, b in zip(apart[:-1], without[:-1], strict=True))


# --- runs -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def taught(jobs: Jobs, tiny: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainConfig:
    """A student of the run `told`, which is told attributes, hands and captions."""
    monkeypatch.chdir(tmp_path)
    Path("writers.txt").write_text("".join(f"{place % 6}\n" for place in range(60)))
    told = replace(tiny, attributes=True, hands=True, text=True, writers="writers.txt", steps=2, lr=1e-2)
    list(jobs.train(TrainRequest(told, run="told", fit_epochs=False)))
    return replace(tiny, preset="one-step", teacher="told", writers="writers.txt", pairs=10, optimizer="muon", lr=1e-2)


@pytest.mark.usefixtures("every_step")
@pytest.mark.slow
def test_a_student_is_told_the_same_resumes_bit_for_bit_and_draws_it(jobs: Jobs, taught: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(jobs.train(TrainRequest(taught, run="whole", fit_epochs=False))) as events:
        for event in events:
            if isinstance(event, Saved) and event.step == 4:
                shutil.copytree(find_run("whole").path, find_run("whole").path.with_name("killed"))  # what SIGKILL would leave
    config = find_run("killed").config()
    assert config.model == replace(find_run("told").config().model, one_step=True)
    Path("writers.txt").unlink()
    monkeypatch.setattr("engine.datasets.measuring.VERSION", 99)
    monkeypatch.setattr("engine.datasets.measuring._values", None)  # the run has its own copy of the measures, too
    heard = list(jobs.train(TrainRequest(config, resume="killed")))
    assert not [event for event in heard if isinstance(event, Notice) or (isinstance(event, Preparing) and "draws" in event.what)]
    whole, killed = (load_state(latest_state(find_run(name))) for name in ("whole", "killed"))
    assert whole.step == killed.step == 8
    for one, other in ((whole.ema, killed.ema), (whole.discriminator, killed.discriminator)):
        assert one is not None
        assert other is not None
        assert all(tensor.equal(other[name]) for name, tensor in one.items())

    assert find_student("told") in ("whole", "killed")
    code = tuple([1.0] + [0.0] * 63)
    asked = (Condition(7), Condition(7, (("slant", Interval(20, 20)),)), Condition(7, hand=code), Condition(7, text="a bold seven"))
    request = DrawRequest((7,) * 4, SampleConfig("one-step", 1, redraw_below=0.0), (0,) * 4, "whole", conditions=asked)
    done = [event for event in jobs.draw(request) if isinstance(event, DrawDone)]
    pictures = {bytes(done[0].images.data[k * 784 : (k + 1) * 784]) for k in range(4)}
    assert len(pictures) == 4
    assert done[0].evaluations == 1


@pytest.mark.slow
def test_a_resumed_run_says_where_its_measures_are_damaged_and_measures_again(jobs: Jobs, taught: TrainConfig) -> None:
    path = find_run("told").path / "measures.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    config = replace(find_run("told").config(), steps=3)
    heard = [event.message for event in jobs.train(TrainRequest(config, resume="told")) if isinstance(event, Notice)]
    assert any("strokes are measured again" in message for message in heard)


def test_hands_are_read_by_one_rank(tiny: TrainConfig, measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.zeros(60, 28, 28, dtype=torch.uint8), measured.labels[:60]
    few = Measured(measured.attributes[:60], measured.variants[:60], images[1])
    config = replace(tiny, attributes=True, hands=True, model=replace(tiny.model, conditions=replace(CONDITIONS, hand=64, text=False)))

    class Follower(ProcessGroup):
        def stream_on_leader(self, work: Generator[Event, None, Any]) -> Generator[Event, None, Any]:
            yield from work  # elsewhere
            monkeypatch.setattr(hand_references, "encode", None)

    conditions = finish(read_conditions(config, images, few, None, Follower(1, 2)))
    told = conditions.draw(0, torch.arange(60), torch.full((60,), -1), True)
    assert told.hand[told.has_hand].norm(dim=1).tolist() == pytest.approx([1.0] * int(told.has_hand.sum()))


def test_what_a_student_can_not_be_told_is_refused(jobs: Jobs, tiny: TrainConfig) -> None:
    with pytest.raises(SettingError, match="text can't be chosen with a teacher"):
        replace(tiny, preset="one-step", teacher="shipped", text=True)
    with pytest.raises(SettingError, match="shipped:labels is told no hands, and so is its student; leave out --writers"):
        list(jobs.train(TrainRequest(replace(tiny, preset="one-step", teacher="shipped:labels", writers="qmnist"), run="s")))


@pytest.mark.slow
def test_colour_is_refused_before_it_is_decoded(jobs: Jobs, tiny: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    folder = tmp_path / "photos" / "a"
    folder.mkdir(parents=True)
    for k in range(12):
        Image.new("RGB", (32, 32), (20 * k, 255 - 20 * k, 90)).save(folder / f"{k}.png")
    monkeypatch.setattr("engine.datasets.prepare.Maker", None)
    choice = DataChoice(str(tmp_path / "photos"))
    with pytest.raises(SettingError, match="is in colour, and strokes are measured on grey images"):
        list(jobs.train(TrainRequest(replace(tiny, limit=None, start_from="shipped", attributes=True), run="more", data=choice)))
