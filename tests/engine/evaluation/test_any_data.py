"""Judges of any data set: trained on the spot, kept, and honest about what they can't tell."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from finish import finish, finish_with_events
from torch import Tensor

from engine.checkpoints.classifier import load_classifier
from engine.checkpoints.weights import ModelWeights, save_weights
from engine.cli.evaluation_text import evaluation_text, gallery_title, ranking
from engine.config.compute import ComputeInfo
from engine.config.data import MNIST, DataSpec
from engine.config.model import ModelConfig, ScheduleConfig
from engine.config.sampling import SampleConfig
from engine.errors import SettingError, StorageError
from engine.evaluation import job, real_images
from engine.evaluation import judges as judges_module
from engine.evaluation.augment import shift_and_cover, shift_slightly
from engine.evaluation.judges import Judges, find_judges, train_reader
from engine.evaluation.judging import judge_pictures
from engine.evaluation.limits import explain_limits
from engine.evaluation.metrics import memorisation
from engine.evaluation.real_images import Pictures, RealImages, load_real_images
from engine.evaluation.report import Figures, Report
from engine.jobs.jobs import Jobs
from engine.models.classifier import FEATURES, Classifier
from engine.models.unet import UNet
from engine.protocol.events import ClassGallery, EvaluateDone, EvaluateProgress, Notice, Preparing, Tick
from engine.protocol.requests import EvaluateRequest
from engine.runs.readers import READER, cached_path, find_reader
from engine.sampling.runtime import Runtime
from engine.storage.gallery_sheet import Ranking

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, one_thread: None) -> None:
    """Judges are trained in four steps."""
    for name in ("FEWEST_STEPS", "MOST_STEPS", "FEATURE_STEPS"):
        monkeypatch.setattr(judges_module, name, 40 if "judges_learn" in request.fixturenames else 4)


@pytest.fixture
def judges_learn() -> None:
    """Judges are trained in forty steps, which are enough for classes as plain as these."""


def spec_of(classes: int, images: int, height: int = 16, width: int = 16, channels: int = 1) -> DataSpec:
    names = tuple(f"class {label}" for label in range(classes))
    digest = f"sha256:{classes}-{images}-{height}-{width}-{channels}"
    return DataSpec("Bars", height, width, channels, names, images, 0.0, 0.5, "/nowhere/bars.npz", digest)


def bars(data: DataSpec, n: int, seed: int) -> tuple[Tensor, Tensor]:
    """n noisy images, of which one of class k has a bright bar across at a height that says k (of few classes), and their labels, in turn."""
    rng = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % max(1, data.classes)
    images = torch.randint(0, 60, (n, *data.pixel_shape), generator=rng, dtype=torch.uint8)
    room = data.height // max(1, data.classes)
    for image, label in zip(images, labels.tolist(), strict=True):
        first = label * room % (data.height - 1)
        image[first : first + max(2, room // 2)] = 200 + label % 50
    return images, labels


def real_of(monkeypatch: pytest.MonkeyPatch, data: DataSpec, test: int) -> RealImages:
    """The real images of a data set with so many test images; 0: it has none."""
    sets = {True: bars(data, data.train_images, 1), False: bars(data, test, 2)}
    monkeypatch.setattr(real_images, "load_images", lambda _, train, *__, **___: sets[train])
    return load_real_images(replace(data, test_images=test), CPU)


def judged(
    judges: Judges | None, data: DataSpec, real: RealImages, drawn: Tensor, labels: Tensor
) -> tuple[Figures, tuple[ClassGallery, ...], list[str], str]:
    """The figures, the gallery, the notes, and the text."""
    figures, gallery = finish(judge_pictures(judges, drawn, labels, real, data.class_names))
    notes = list(explain_limits(figures, data, real.trained_on, len(real.test), real.held_out, 100))
    how = {"weights": "bars-1", "sample": SampleConfig(), "evaluations": 18.0, "again": 0, "engine": ComputeInfo("cpu", "fp32", "contiguous", 1)}
    facts = {"seconds": 1.0, "data": data.name, "class_names": data.class_names, "held_out": real.held_out, "notes": tuple(notes)}
    report = Report(**vars(figures), **how, **facts)  # type: ignore[arg-type]
    return figures, gallery, notes, evaluation_text(asdict(report))


# --- networks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(4, 4), (8, 12), (16, 16), (20, 32), (28, 28), (32, 32), (48, 48), (64, 64), (96, 64), (128, 128), (16, 128)])
@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_judge_takes_any_size(size: tuple[int, int], second: bool, channels: int) -> None:
    data = spec_of(7, 9, *size, channels)
    judge = Classifier(second, data).eval()
    features, logits = judge.features_and_logits(bars(data, 9, 0)[0])
    assert (features.shape, logits.shape) == ((9, FEATURES), (9, 7))
    assert bool(torch.isfinite(features).all())
    assert sum(p.numel() for p in judge.parameters()) < 1_200_000


def test_the_judges_of_mnist_are_the_ones_they_were() -> None:
    """Initial weights, in the order in which they are drawn: their sums were taken before judges of other data sets existed."""
    for second, parameters, total in ((False, 108_402, 167.31192391), (True, 253_706, 102.22213787)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = Classifier(second)
        assert sum(p.numel() for p in model.parameters()) == parameters
        assert float(sum(p.detach().double().sum() for p in model.parameters())) == pytest.approx(total, rel=1e-6)


def test_large_images_are_read_in_smaller_batches() -> None:
    sizes = [Classifier(data=spec_of(2, 2, side, side)).batch for side in (28, 64, 128, 512)]
    assert sizes == [256, 256, 64, 8]


@pytest.mark.parametrize("size", [(16, 16), (20, 32), (64, 48)])
def test_mild_distortions_turn_and_mirror_nothing(size: tuple[int, int]) -> None:
    """A ramp that rises to the right and downwards still does, and shifts by no more than a fourteenth."""
    down, across = torch.meshgrid(torch.linspace(0, 0.5, size[0]), torch.linspace(0, 0.5, size[1]), indexing="ij")
    x = (down + across).expand(40, 1, *size)
    rng = torch.Generator().manual_seed(0)
    shifted = shift_slightly(x, rng)
    assert bool((shifted.diff(dim=2) >= -1e-6).all())
    assert bool((shifted.diff(dim=3) >= -1e-6).all())
    reach = max(1, min(size) // 14)
    assert float((shifted - x).abs().max()) <= reach * (0.5 / (size[0] - 1) + 0.5 / (size[1] - 1)) + 1e-6
    assert not torch.equal(shifted, x)
    covered = shift_and_cover(torch.rand(40, 3, *size, generator=rng), rng)
    same = (covered == covered[:, :, :1, :1]).all(1).sum((1, 2))
    assert covered.shape == (40, 3, *size)
    assert float(covered.min()) >= 0
    assert int(same.max()) <= (min(size) // 3) ** 2 + 4


# --- judges are trained once ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("judges_learn")
@pytest.mark.slow
def test_judges_are_trained_announced_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    data = spec_of(3, 72, channels=3)
    real = real_of(monkeypatch, data, 60)
    events, judges = finish_with_events(find_judges(data, real, CPU))
    assert all(isinstance(event, Tick | EvaluateProgress | Notice) for event in events)
    assert judges is not None
    notices = [event.message for event in events if isinstance(event, Notice)]
    assert len(notices) == 1
    assert "drawings of Bars must be trained first" in notices[0]
    assert "72 real images" in notices[0]
    progress = [event for event in events if isinstance(event, EvaluateProgress)]
    assert progress
    assert all(0 < event.done <= event.total == 80 for event in progress)
    assert [judge.second for judge in judges] == [False, True]
    assert all(judge.tested == 60 and (judge.test_accuracy or 0) > 0.9 for judge in judges), [judge.test_accuracy for judge in judges]

    again, kept = finish_with_events(find_judges(data, real, CPU))
    assert not again
    assert kept is not None
    for old, new in zip(judges, kept, strict=True):
        assert torch.equal(old.head.weight, new.head.weight)
        assert (new.test_accuracy, new.tested, new.trained_on) == (old.test_accuracy, 60, 72)

    other = replace(data, digest="sha256:other")
    assert not cached_path(other, "first").exists()
    assert cached_path(replace(data, name="Renamed"), "first").exists(), "the images decide, not their name"


@pytest.mark.usefixtures("judges_learn")
def test_the_announced_time_is_that_of_both_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    now, pace = 0.0, {"first": 1.0, "second": 4.0}

    def begin(training: judges_module.Training, model: Classifier, real: RealImages, steps: int) -> Iterator[Tensor]:
        nonlocal now
        for k in range(steps):
            now += pace[training.role] * (10 if k == 0 else 1)  # the first step builds kernels
            yield torch.zeros(())

    monkeypatch.setattr(judges_module.Training, "begin", begin)
    monkeypatch.setattr("engine.compute.stopwatch.time.perf_counter", lambda: now)
    data = spec_of(3, 72)
    events, _ = finish_with_events(find_judges(data, real_of(monkeypatch, data, 60), CPU))
    (notice,) = [event.message for event in events if isinstance(event, Notice)]
    assert "takes about 3:20, once" in notice, "40 steps of one second and 40 of four"


@pytest.mark.slow
def test_stopping_leaves_nothing_half_done(monkeypatch: pytest.MonkeyPatch) -> None:
    data = spec_of(3, 60)
    real = real_of(monkeypatch, data, 60)
    folder = cached_path(data, "first").parent
    for pulls in (1, 3):
        work = find_judges(data, real, CPU)
        for _ in range(pulls):
            next(work)
        work.close()
        assert not folder.exists() or not list(folder.iterdir())
    work = find_judges(data, real, CPU)
    while not folder.exists() or not list(folder.iterdir()):
        next(work)
    work.close()
    assert [path.name for path in folder.iterdir()] == [cached_path(data, "first").name], "the first judge is whole, and stays"


@pytest.mark.slow
def test_a_damaged_judge_is_trained_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    data = spec_of(2, 60)
    real = real_of(monkeypatch, data, 60)
    finish(find_judges(data, real, CPU))
    path = cached_path(data, "second")
    path.write_bytes(path.read_bytes()[:-100])
    events, judges = finish_with_events(find_judges(data, real, CPU))
    assert judges is not None
    assert any("again" in event.message for event in events if isinstance(event, Notice))
    load_classifier(path=path, data=data)


@pytest.mark.slow
def test_a_judge_that_can_not_be_kept_judges_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    data = spec_of(2, 60)
    real = real_of(monkeypatch, data, 60)

    def refuse(*_: object) -> None:
        raise StorageError("can't write there; free some space")

    monkeypatch.setattr(judges_module, "save_classifier", refuse)
    events, judges = finish_with_events(find_judges(data, real, CPU))
    assert all(isinstance(event, Tick | EvaluateProgress | Notice) for event in events)
    assert judges is not None
    assert judges[0].tested == 60
    assert sum("can't be kept" in event.message for event in events if isinstance(event, Notice)) == 2


# --- what they say ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("judges_learn")
@pytest.mark.slow
def test_good_pictures_score_like_real_ones_and_noise_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    data = spec_of(3, 300)
    real = real_of(monkeypatch, data, 200)
    judges = finish(find_judges(data, real, CPU))
    good, labels = bars(data, 200, 3)
    figures, gallery, notes, text = judged(judges, data, real, good, labels)
    assert (figures.accuracy or 0) > 0.9
    assert (figures.frechet_ratio or math.inf) < 3
    assert (figures.recall or 0) > 0.8 * (figures.recall_floor or 0)
    assert [row.name for row in gallery] == [*data.class_names]
    assert not notes
    assert "class 0: " in text
    assert "as many real ones: " in text
    noise = torch.randint(0, 255, good.shape, generator=torch.Generator().manual_seed(4), dtype=torch.uint8)
    worse = judged(judges, data, real, noise, labels)[0]
    assert (worse.accuracy or 0) < 0.7
    assert (worse.frechet_ratio or 0) > 10 * (figures.frechet_ratio or 0)


@pytest.mark.usefixtures("judges_learn")
@pytest.mark.slow
@pytest.mark.parametrize("classes", [0, 1])
def test_images_without_classes_are_compared_by_features(monkeypatch: pytest.MonkeyPatch, classes: int) -> None:
    data = spec_of(classes, 300, channels=3)
    real = real_of(monkeypatch, data, 150)
    judges = finish(find_judges(data, real, CPU))
    assert judges is not None
    assert [judge.test_accuracy for judge in judges] == [None, None]
    good, labels = bars(data, 150, 3)
    figures, gallery, notes, text = judged(judges, data, real, good, labels)
    assert figures.accuracy is figures.accuracy_interval is figures.second.accuracy is None
    assert figures.class_accuracy == ()
    assert figures.classifier.kind == "features"
    assert [(len(row.best), len(row.worst), row.drawn) for row in gallery] == [(5, 5, 150)]
    assert any("without classes" in note for note in notes)
    assert "accuracy" not in text
    assert "Fréchet" in text
    ratios = [figures.frechet_ratio or 0, figures.second.frechet_ratio or 0]
    rng = torch.Generator().manual_seed(4)
    for strength in (20, 60):
        noise = torch.randint(-strength, strength + 1, good.shape, generator=rng)
        worse = judged(judges, data, real, (good + noise).clamp(0, 255).byte(), labels)[0]
        now = [worse.frechet_ratio or 0, worse.second.frechet_ratio or 0]
        assert now[0] > ratios[0], "more noise is farther"
        assert now[1] > ratios[1], "for the other network, too"
        ratios = now


@pytest.mark.slow
def test_many_classes_show_the_worst_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    data = replace(spec_of(1000, 2000), class_names=tuple(f"{label} is the number of a class with a long name" for label in range(1000)))
    real = real_of(monkeypatch, data, 100)
    judges = finish(find_judges(data, real, CPU))
    drawn, labels = bars(data, 150, 3)
    figures, gallery, _, text = judged(judges, data, real, drawn, labels)
    assert len(figures.class_accuracy) == 1000
    assert sum(share is not None for share in figures.class_accuracy) == 150
    worst = next(line for line in text.splitlines() if line.startswith("worst"))
    assert worst.count("%") == 10
    assert len(worst) < 400
    assert len(gallery) == 10
    assert all(row.drawn for row in gallery)


@pytest.mark.slow
def test_one_image_of_each_of_many_classes_trains_no_classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    data = spec_of(1000, 1000)
    real = real_of(monkeypatch, data, 100)
    judges = finish(find_judges(data, real, CPU))
    figures, _, notes, _ = judged(judges, data, real, *bars(data, 120, 3))
    assert figures.accuracy is None
    assert any("too few images of each class" in note for note in notes)


@pytest.mark.parametrize(("classes", "images", "test"), [(1, 1, 0), (0, 1, 0), (3, 12, 3), (10, 10, 0)])
def test_too_few_to_judge_is_said(monkeypatch: pytest.MonkeyPatch, classes: int, images: int, test: int) -> None:
    data = spec_of(classes, images)
    real = real_of(monkeypatch, data, test)
    assert finish(find_judges(data, real, CPU)) is None
    figures, gallery, notes, text = judged(None, data, real, *bars(data, 8, 3))
    assert figures.classifier.kind is figures.accuracy is figures.frechet is None
    assert "too few to train a judge" in notes[0]
    assert "judged by" not in text
    assert len(gallery[0].best) == 4
    assert any(line.startswith("copying") for line in text.splitlines()) == (test > 0)


@pytest.mark.slow
def test_few_test_images_make_a_weak_judge_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    data = spec_of(3, 126)
    real = real_of(monkeypatch, data, 14)
    judges = finish(find_judges(data, real, CPU))
    figures, _, notes, text = judged(judges, data, real, *bars(data, 30, 3))
    assert figures.classifier.tested == 14
    low, high = figures.classifier.test_interval or (0, 0)
    assert high - low > 0.15
    assert any(note.startswith("too few to judge") and "14" in note for note in notes)
    assert any("distances need 100 pictures" in note for note in notes)
    assert f"({figures.classifier.tested} of them" in text


@pytest.mark.slow
def test_without_test_images_halves_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    data = spec_of(3, 401)
    real = real_of(monkeypatch, data, 0)
    assert not real.held_out
    assert (real.trained_on, len(real.train), len(real.test)) == (201, 201, 200)
    assert not set(real.train.order.tolist()) & set(real.test.order.tolist())
    assert torch.equal(real.labels[real.test.order], real.test_labels)
    judges = finish(find_judges(data, real, CPU))
    figures, _, notes, text = judged(judges, data, real, *bars(data, 200, 3))
    assert figures.compared == 200
    assert figures.memorisation is None, "both halves were trained on"
    assert figures.frechet_floor is not None
    assert any("half with half" in note for note in notes)
    assert "images of one half" in text


def test_an_older_file_without_test_images_is_halved_too(monkeypatch: pytest.MonkeyPatch) -> None:
    data = spec_of(2, 50)

    def load(_: DataSpec, train: bool, *__: object, **___: object) -> tuple[Tensor, Tensor]:
        if not train:
            raise SettingError("bars.npz has no array test_images")
        return bars(data, 50, 1)

    monkeypatch.setattr(real_images, "load_images", load)
    assert not load_real_images(data, CPU).held_out
    with pytest.raises(SettingError, match="no array"):
        load_real_images(replace(data, test_images=5), CPU)  # a spec that promises some


# --- memory -----------------------------------------------------------------------------------------------------------


def test_copies_are_counted_in_chunks_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = spec_of(3, 90)
    drawn, train, test = (Pictures.all_of(bars(data, n, seed)[0]) for n, seed in ((40, 1), (90, 2), (70, 3)))
    at_once = finish(memorisation(drawn, train, test))
    monkeypatch.setattr(real_images, "CHUNK_BYTES", 4 * 16 * 16 * 7)
    assert train.chunk == 7
    assert finish(memorisation(drawn, train, test)) == pytest.approx(at_once, rel=1e-5)


def test_chunks_of_large_pictures_are_small_and_mnist_is_one_chunk() -> None:
    assert Pictures.all_of(torch.empty(1, 128, 128, 3, dtype=torch.uint8)).chunk * 128 * 128 * 3 * 4 <= real_images.CHUNK_BYTES
    assert Pictures.all_of(torch.empty(1, 28, 28, dtype=torch.uint8)).chunk >= real_images.MAX_COMPARED


# --- the reader -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("judges_learn")
@pytest.mark.slow
def test_a_reader_is_trained_only_on_request_and_then_found(monkeypatch: pytest.MonkeyPatch) -> None:
    data = spec_of(3, 240)
    real, runtime = real_of(monkeypatch, data, 60), Runtime("cpu", "fp32")
    judges = finish(find_judges(data, real, CPU))
    assert find_reader(data) is runtime.reader(data) is None, "judges are no readers"
    events, _ = finish_with_events(train_reader(data, real, CPU))
    assert any("reject drawings of Bars must be trained first" in event.message for event in events if isinstance(event, Notice))
    reader = runtime.reader(data)
    assert reader is not None
    assert (reader.test_accuracy or 0) > 0.9
    assert runtime.reader(data) is reader
    assert judges is not None
    assert not torch.equal(reader.head.weight, judges[0].head.weight), "the reader is none of the judges"
    assert find_reader(replace(data, digest="sha256:other")) is None
    assert find_reader(MNIST) == READER


@pytest.mark.parametrize(("classes", "images", "said"), [(0, 300, "no classes"), (1, 300, "no classes"), (10, 15, "too few")])
def test_no_reader_can_be_trained(monkeypatch: pytest.MonkeyPatch, classes: int, images: int, said: str) -> None:
    data = spec_of(classes, images)
    with pytest.raises(SettingError, match=f"{said}.*--train-reader"):
        finish(train_reader(data, real_of(monkeypatch, data, 20), CPU))


# --- the job ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("classes", [0, 3])
def test_the_job_judges_what_weights_for_other_images_draw(jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, classes: int) -> None:
    """Without classes nothing is asked for, and nothing is read. The images are prepared, or prepared again, before they are loaded."""
    data, fetched = spec_of(classes, 120), []
    real_of(monkeypatch, data, 110)
    monkeypatch.setattr(job, "fetch_images", lambda spec: iter(fetched.append(spec) or [Preparing("preparing images")]))
    model = ModelConfig(channels=(8, 8), time_dim=16, emb_dim=16, data=replace(data, test_images=110))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tensors = UNet(model).state_dict()
    path = tmp_path / "bars.safetensors"
    save_weights(path, ModelWeights(tensors, model, ScheduleConfig(), 12, "bars", "average"))
    events = list(jobs.evaluate(EvaluateRequest(110, SampleConfig(steps=1), str(path))))
    assert fetched == [model.data]
    done = events[-1]
    assert isinstance(done, EvaluateDone)
    report = json.loads(json.dumps(done.report))
    assert (report["count"], report["compared"], report["again"]) == (110, 110, 0)
    assert (report["accuracy"] is None) == (classes == 0)
    assert report["frechet_ratio"] > 5
    assert report["distance_ratio"] is not None
    assert len(done.gallery) == (classes or 1)


# --- words ------------------------------------------------------------------------------------------------------------


def words(accuracy: float | None, frechet: float | None, names: Sequence[str]) -> tuple[str, str]:
    report = {"accuracy": accuracy, "frechet": frechet, "class_names": names, "count": 9, "weights": "x", "data": "Bars"}
    return ranking(report).summary, gallery_title(report)


def test_the_sheet_says_by_what_it_ranks() -> None:
    assert words(0.5, None, ("a", "b")) == (Ranking().summary, "9 pictures drawn with x; 50.00% are read as the requested class")
    assert "ten classes" in words(0.5, None, tuple(map(str, range(21))))[0]
    assert "nearest to real images" in words(None, 1.0, ())[0]
    assert "too few real images" in words(None, None, ())[0]
    assert words(None, None, ())[1] == "9 pictures drawn with x"
