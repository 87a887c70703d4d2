"""A student: what it minimises, against a calculation by hand; that it resumes exactly, gives up on NaN, and draws in one step."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from finish import finish, finish_with_events
from torch import Tensor

from engine.checkpoints import weights as checkpoint
from engine.checkpoints.training_state import TrainingState
from engine.checkpoints.weights import ModelWeights
from engine.compute.precision import Numerics
from engine.compute.seeds import derive_seed
from engine.config.data import MNIST
from engine.config.model import ScheduleConfig
from engine.config.sampling import SampleConfig, default_for, fit_sampler, with_sampler
from engine.config.training import PRESETS, TrainConfig
from engine.diffusion.noise import ImageNoise
from engine.diffusion.schedule import NoiseSchedule
from engine.errors import DivergedError, RunError, SettingError
from engine.jobs.jobs import Jobs
from engine.models.unet import UNet
from engine.process.distributed import ProcessGroup
from engine.protocol.events import DrawDone, EvaluateDone, Notice, Preparing, Preview, Saved, TrainDone, TrainStep
from engine.protocol.recipe import WeightsInfo
from engine.protocol.requests import DrawRequest, EvaluateRequest, TrainRequest
from engine.runs.run import find_run
from engine.sampling.batch import sample_batch
from engine.sampling.pipeline import Pipeline
from engine.training.distill import DistillationLoss
from engine.training.teacher_pairs import TEACHING, PairPlan, TeacherPairs, draw_pairs, load_or_draw, noise_and_labels, plan_pairs
from engine.training.trainer import Trainer

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
FP32 = Numerics("fp32", channels_last=False)
Make = Callable[..., Trainer]


@pytest.fixture
def student(tiny: TrainConfig) -> TrainConfig:
    """`tiny`, as a student of twenty pairs."""
    model = replace(tiny.model, prediction="v", one_step=True)
    return replace(tiny, preset="one-step", teacher="shipped", pairs=20, model=model, schedule=ScheduleConfig("cosine"), optimizer="muon")


@pytest.fixture
def make(student: TrainConfig) -> Make:
    """A trainer of a student whose teacher draws its label's own grey, from noise in place of MNIST."""

    def made(**changes: Any) -> Trainer:
        config = replace(student, **changes)
        images = torch.randint(256, (config.images, 28, 28), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
        noise, labels = noise_and_labels(config.data, config.pairs, config.seed)
        pairs = TeacherPairs(noise, labels, (25 * labels).to(torch.uint8).view(-1, 1, 1).expand(-1, 28, 28).contiguous())
        return Trainer(config, images, torch.arange(config.images) % 10, FP32, CPU, loss=DistillationLoss(config, FP32, CPU, pairs))

    return made


def run(trainer: Trainer, steps: int) -> list[float]:
    for _ in range(steps):
        trainer.train_step()
    return trainer.read_losses()


def loss_of(trainer: Trainer) -> DistillationLoss:
    assert isinstance(trainer.loss, DistillationLoss)
    return trainer.loss


def through_a_file(state: TrainingState) -> TrainingState:
    file = io.BytesIO()
    torch.save(state.to_values(), file)
    file.seek(0)
    return TrainingState.from_values(torch.load(file, weights_only=True))


def weights_of(trainer: Trainer) -> list[Tensor]:
    return [p.detach().clone() for module in (trainer.model, trainer.ema.model, loss_of(trainer).discriminator) for p in module.parameters()]


# --- a step -----------------------------------------------------------------------------------------------------------


def test_the_loss_told_is_the_distance_to_the_teachers_pictures(make: Make) -> None:
    trainer = make()
    pairs = loss_of(trainer).pairs
    rng = torch.Generator().manual_seed(derive_seed(0, 0, 7))
    starts, _ = loss_of(trainer).starts(trainer.batches.load(0)[0], rng)
    chosen = torch.randint(20, (16,), generator=rng)
    alpha_bar = NoiseSchedule(ScheduleConfig("cosine")).alpha_bar_at(999)
    noise, label = pairs.noise[chosen], pairs.labels[chosen]
    with torch.no_grad():
        v = trainer.model(torch.cat([noise, starts]), torch.full((32,), 999), torch.cat([label, label]))[:16]
    x0 = math.sqrt(alpha_bar) * noise - math.sqrt(1 - alpha_bar) * v
    distance = (x0 - (2 * (25 * label) / 255 - 1).view(-1, 1, 1, 1)).square().mean()
    assert run(trainer, 1) == pytest.approx([float(distance)], rel=1e-5)


def test_students_begin_at_noise_or_where_several_steps_begin_again(make: Make) -> None:
    trainer = make(limit=60, batch_size=60)
    real, label = trainer.batches.load(0)
    assert sorted(label.tolist()) == sorted(i % 10 for i in range(60))
    x_t, kind = loss_of(trainer).starts(real, torch.Generator().manual_seed(0))
    assert set(kind.tolist()) == {0, 1, 2, 3}
    assert 35 <= int((kind == 0).sum()) <= 55
    schedule = NoiseSchedule(ScheduleConfig("cosine"))
    for one, x, at in zip(real, x_t, ((999, 749, 499, 249)[k] for k in kind.tolist()), strict=True):
        signal, noise = (0.0, 1.0) if at == 999 else (schedule.alpha_bar_at(at) ** 0.5, (1 - schedule.alpha_bar_at(at)) ** 0.5)
        assert float(((x - signal * one) / noise).std()) == pytest.approx(1, abs=0.1)


def test_it_learns_what_the_teacher_draws(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """This teacher's digits are flat greys, which the discriminator tells from real ones: what it asks for is another thing."""
    monkeypatch.setattr("engine.training.distill.ADVERSARIAL", 0.0)
    losses = run(make(epochs=15, lr=1e-2), 60)
    assert sum(losses[-4:]) < 0.5 * sum(losses[:4])


@pytest.mark.parametrize("augment", [0.0, 0.7])
def test_a_resumed_student_goes_on_bit_for_bit(make: Make, augment: float) -> None:
    unbroken, first, second = (make(augment=augment) for _ in range(3))
    expected = run(unbroken, 6)
    before = run(first, 3)
    second.restore(through_a_file(first.state()))
    assert before + run(second, 3) == expected
    assert all(torch.equal(a, b) for a, b in zip(weights_of(unbroken), weights_of(second), strict=True))


def test_only_the_discriminator_sees_changed_images(make: Make) -> None:
    plain, changed = make(), make(augment=1.0)
    assert changed.model.state_dict().keys() == plain.model.state_dict().keys()  # no layer that is told of it
    assert run(plain, 1) == run(changed, 1)  # the distance to the teacher
    one, other = (list(loss_of(trainer).discriminator.parameters()) for trainer in (plain, changed))
    assert not all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_discriminator_that_is_not_finite_ends_it_and_spoils_nothing(make: Make) -> None:
    trainer = make()
    run(trainer, 2)
    with torch.no_grad():
        loss_of(trainer).discriminator.real.bias.fill_(math.nan)
    before = weights_of(trainer)
    with pytest.raises(DivergedError, match="step 3") as diverged:
        run(trainer, 2)
    assert diverged.value.step == 3
    assert all(torch.equal(a, b) or torch.isnan(b).all() for a, b in zip(before, weights_of(trainer), strict=True))


# --- pairs ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def teacher(student: TrainConfig) -> Pipeline:
    torch.manual_seed(1)
    network = UNet(replace(student.model, one_step=False)).eval().requires_grad_(False)
    torch.nn.init.normal_(network.conv_out.weight, std=0.3)
    return Pipeline(network, NoiseSchedule(student.schedule), WeightsInfo("tiny", 1, "average"), FP32, CPU)


def plan_of(n: int, seed: int = 0) -> PairPlan:
    plan = finish(plan_pairs(MNIST, n, seed))
    assert isinstance(plan, PairPlan)
    return plan


def test_pairs_are_what_the_teacher_draws_of_their_noise(teacher: Pipeline) -> None:
    events, pictures = finish_with_events(draw_pairs(teacher, plan_of(40, 3)))
    assert [e.what for e in events if isinstance(e, Preparing)] == [f"tiny draws {n} of 40 images to learn from" for n in (0, 32)]
    noise, labels = noise_and_labels(MNIST, 40, 3)
    assert labels.tolist() == [i % 10 for i in range(40)]
    *_, last = sample_batch(teacher, labels[36:].tolist(), TEACHING, noise[36:], ImageNoise(MNIST.shape, 0, range(4), CPU))
    assert int((((last.x.clamp(-1, 1) + 1) * 127.5).round().squeeze(1) - pictures[36:].float()).abs().max()) <= 1


def test_pairs_are_drawn_once_and_damage_is_told(teacher: Pipeline, tmp_path: Path) -> None:
    path, asked = tmp_path / "pairs.safetensors", []

    def handed() -> Any:
        asked.append(True)
        yield from ()
        return teacher

    first = finish(load_or_draw(path, handed(), plan_of(20), CPU))
    events, again = finish_with_events(load_or_draw(path, handed(), plan_of(20), CPU))
    assert (len(asked), events) == (1, [])
    assert torch.equal(first.pictures, again.pictures)
    assert torch.equal(first.noise, again.noise)
    whole = path.read_bytes()
    for spoilt in (whole[:-1], whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:], b""):
        path.write_bytes(spoilt)
        events, mended = finish_with_events(load_or_draw(path, handed(), plan_of(20), CPU))
        assert "drawn again" in next(e.message for e in events if isinstance(e, Notice))
        assert torch.equal(first.pictures, mended.pictures)
    finish(load_or_draw(path, handed(), plan_of(30), CPU))
    assert len(asked) == 5, "those of another count are no good"


# --- the job ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def taught(teacher: Pipeline, tmp_path: Path, student: TrainConfig) -> TrainConfig:
    """A student whose teacher lies in a file."""
    path = tmp_path / "teacher.safetensors"
    checkpoint.save_weights(path, ModelWeights(teacher.network.state_dict(), teacher.network.config, student.schedule, 1, "tiny", "average"))
    return replace(student, teacher=str(path), model=PRESETS["seed"].model)  # the network is the teacher's, whatever stands here


def draw(jobs: Jobs, weights: str, *sample: Any) -> DrawDone:
    *_, done = jobs.draw(DrawRequest((3, 7), SampleConfig(*sample), weights=weights))
    assert isinstance(done, DrawDone)
    return done


@pytest.mark.usefixtures("every_step")
def test_a_student_is_trained_resumed_and_draws_in_one_step(jobs: Jobs, taught: TrainConfig) -> None:
    with closing(jobs.train(TrainRequest(replace(taught, preview_every=4), run="s"))) as job:
        for event in job:
            if isinstance(event, TrainStep) and event.step == 3:
                break
    run = find_run("s")
    assert run.config().model.one_step
    assert run.config().schedule.kind == "cosine"
    events = list(jobs.train(TrainRequest(run.config(), resume="s")))
    assert isinstance(events[-1], TrainDone)
    assert not [e for e in events if isinstance(e, Preparing) and "draws" in e.what], "the pairs are still there"
    assert {e.step for e in events if isinstance(e, Preview)} == {4, 8}
    assert [e for e in events if isinstance(e, Saved)]
    one, three = draw(jobs, "s", "one-step", 1), draw(jobs, "s:best", "one-step", 3)
    assert (one.recipe.sample.steps, one.frame_steps, three.frame_steps) == (1, (0, 1), (0, 1, 2, 3))
    with pytest.raises(SettingError, match="one-step student"):
        draw(jobs, "s", "dpmpp", 2)
    *_, judged = jobs.evaluate(EvaluateRequest(20, SampleConfig("one-step", 2), "s"))
    assert isinstance(judged, EvaluateDone)
    with pytest.raises(RunError, match="teacher"):
        list(jobs.train(TrainRequest(replace(run.config(), teacher="shipped", epochs=9), resume="s")))


def test_what_can_not_draw_in_one_step_says_so(jobs: Jobs, taught: TrainConfig) -> None:
    with pytest.raises(SettingError, match="use shipped:one-step"):
        draw(jobs, str(taught.teacher), "one-step", 1)
    with pytest.raises(SettingError, match="one-step student"):
        draw(jobs, "shipped:one-step", "dpmpp", 1)
    assert draw(jobs, "shipped", "one-step", 1).recipe.weights.name == "shipped:one-step"


def test_a_group_trains_no_student(student: TrainConfig) -> None:
    with pytest.raises(SettingError, match="one process"):
        next(Jobs("cpu", "fp32", group=ProcessGroup(0, 2)).train(TrainRequest(student)))


@pytest.mark.parametrize("changes", [{"teacher": None}, {"preset": "best"}, {"teacher": ""}, {"pairs": 0}])
def test_a_student_needs_a_teacher_and_none_else_does(student: TrainConfig, changes: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        replace(student, **changes)


def test_few_steps_are_enough_for_a_student() -> None:
    assert SampleConfig("one-step").steps == 4
    assert SampleConfig("one-step", 2).steps == 2
    assert fit_sampler(SampleConfig(), one_step=True) == default_for("one-step")
    assert fit_sampler(replace(default_for("one-step"), steps=2, seed=5), one_step=False) == SampleConfig(seed=5)
    for sample, one_step in ((SampleConfig("ddim", 50), False), (SampleConfig("one-step", 3), True)):
        assert fit_sampler(sample, one_step) is sample


def test_another_sampler_leaves_what_was_chosen() -> None:
    assert with_sampler(SampleConfig(steps=3, redraw_below=0.5), "ddim") == SampleConfig("ddim", 3, redraw_below=0.5)
    for chosen in (0.0, 0.7):
        assert with_sampler(SampleConfig(redraw_below=chosen), "one-step") == SampleConfig("one-step", 1, redraw_below=chosen)
        assert with_sampler(SampleConfig("one-step", redraw_below=chosen), "dpmpp") == SampleConfig(redraw_below=chosen)


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["evaluate", "--sampler", "one-step", "--steps", "5"], "outside 1 to 4"),
        (["train", "--preset", "best", "--teacher", "shipped"], "--preset one-step"),
        (["train", "--preset", "one-step", "--schedule", "linear"], "determine the noise schedule"),
        (["train", "--start-from", "shipped", "--schedule", "linear"], "determine the noise schedule"),
        (["train", "--preset", "one-step", "--timesteps", "lognormal"], "pure noise"),
        (["train", "--preset", "one-step", "--teacher", "nobody"], "nobody"),
        (["train", "--preset", "one-step", "--teacher", "shipped:one-step"], "one-step student"),
    ],
)
def test_what_does_not_go_together_is_said(command: Callable[..., tuple[int, str, str]], arguments: list[str], says: str, unmeasured: None) -> None:
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err


def test_one_step_is_one_step_unless_more_are_asked_for(command: Callable[..., tuple[int, str, str]], jobs: Jobs, at_hand: None) -> None:
    for more, steps in ([], 1), (["--steps", "2"], 2):
        code, out, err = command("evaluate", "--count", "10", "--sampler", "one-step", "--device", "cpu", "--precision", "fp32", "--json", *more)
        assert code == 0, err
        assert json.loads(out)["sample"]["steps"] == steps
