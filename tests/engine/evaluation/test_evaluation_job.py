"""The figures against scipy, scikit-learn, brute force and closed forms; the job from request to report."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from finish import finish, finish_with_events

from engine.checkpoints import weights as checkpoint
from engine.checkpoints.classifier import SECOND, WEIGHTS, load_classifier
from engine.cli.evaluation_text import evaluation_text
from engine.config.data import MNIST
from engine.config.model import ModelConfig, ScheduleConfig
from engine.config.sampling import SampleConfig
from engine.data import mnist as data
from engine.data.batches import epoch_order
from engine.errors import CheckpointError, SettingError
from engine.evaluation import real_images
from engine.evaluation.gallery import make_gallery
from engine.evaluation.judging import judge_pictures
from engine.evaluation.metrics import Shares, frechet, memorisation, neighbourhoods, wilson
from engine.evaluation.real_images import Pictures, RealImages
from engine.jobs.jobs import Jobs
from engine.models.unet import UNet
from engine.protocol.events import EvaluateDone, EvaluateProgress, Event, Tick
from engine.protocol.recipe import Images
from engine.protocol.requests import EvaluateRequest
from engine.sampling import rejection


def normal(rng: np.random.Generator, n: int, d: int, mean: float = 0.0) -> torch.Tensor:
    """n points of a Gaussian whose axes are neither independent nor alike."""
    mixing = np.random.default_rng(1).normal(size=(d, d)) / math.sqrt(d)
    return torch.from_numpy(rng.normal(size=(n, d)) @ mixing + mean)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


# --- Fréchet distance -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "m", "d"), [(400, 300, 16), (1000, 1000, 64)])
def test_frechet_is_what_scipy_says(rng: np.random.Generator, n: int, m: int, d: int) -> None:
    import scipy.linalg

    a, b = normal(rng, n, d), normal(rng, m, d, mean=0.3) * 1.5
    A, B = np.cov(a.numpy(), rowvar=False), np.cov(b.numpy(), rowvar=False)
    root = scipy.linalg.sqrtm(A @ B).real
    oracle = np.sum((a.numpy().mean(0) - b.numpy().mean(0)) ** 2) + np.trace(A + B - 2 * root)
    assert frechet(a, b) == pytest.approx(oracle, rel=1e-9)
    assert frechet(a, b) == pytest.approx(frechet(b, a), rel=1e-9)


def test_frechet_of_a_set_to_itself_is_nothing(rng: np.random.Generator) -> None:
    a = normal(rng, 500, 64)
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)


def test_frechet_of_shifted_and_scaled_gaussians_is_the_closed_form(rng: np.random.Generator) -> None:
    """Where B = s² A, it is |mu|² + (1 - s)² tr A."""
    a = normal(rng, 500, 8)
    mu = torch.arange(8.0, dtype=torch.float64)
    closed = float(mu.square().sum() + (1 - 3) ** 2 * torch.cov(a.T).trace())
    assert frechet(a, (a - a.mean(0)) * 3 + a.mean(0) + mu) == pytest.approx(closed, rel=1e-9)


def test_frechet_of_few_points_is_finite(rng: np.random.Generator) -> None:
    """Fewer points than dimensions, and dimensions that never move: both covariances are singular."""
    a, b = normal(rng, 20, 64), normal(rng, 20, 64)
    a[:, :8] = b[:, :8] = 0
    assert 0 < frechet(a, b) < math.inf
    assert frechet(a, a) == pytest.approx(0, abs=1e-6)


# --- neighbourhoods ---------------------------------------------------------------------------------------------------


def brute_force(real: np.ndarray, fake: np.ndarray, k: int) -> dict[str, float]:
    """Word for word from the papers, with scikit-learn's neighbours: slow and plain."""
    from sklearn.neighbors import NearestNeighbors

    real_ball = NearestNeighbors(n_neighbors=k).fit(real).kneighbors()[0][:, -1]  # without arguments a point is no neighbour of its own
    fake_ball = NearestNeighbors(n_neighbors=k).fit(fake).kneighbors()[0][:, -1]
    distance = [[math.dist(r, f) for f in fake] for r in real]
    return {
        "precision": float(np.mean([any(distance[i][j] <= real_ball[i] for i in range(len(real))) for j in range(len(fake))])),
        "recall": float(np.mean([any(distance[i][j] <= fake_ball[j] for j in range(len(fake))) for i in range(len(real))])),
        "coverage": float(np.mean([any(distance[i][j] <= real_ball[i] for j in range(len(fake))) for i in range(len(real))])),
    }


@pytest.mark.parametrize("k", [1, 5])
def test_neighbourhoods_are_what_brute_force_says(rng: np.random.Generator, k: int) -> None:
    real, fake = normal(rng, 300, 6), normal(rng, 280, 6, mean=0.4) * 0.7
    events, shares = finish_with_events(neighbourhoods(real, fake, k))
    assert all(isinstance(event, Tick | EvaluateProgress) for event in events)
    figures = asdict(shares)
    assert figures == pytest.approx(brute_force(real.numpy(), fake.numpy(), k), abs=1e-12)
    assert 0.02 < figures["coverage"] < 0.98  # the comparison says something


def test_identical_sets_cover_each_other(rng: np.random.Generator) -> None:
    a = normal(rng, 300, 64)
    assert finish(neighbourhoods(a, a)) == Shares(1.0, 1.0, 1.0)


def test_far_sets_have_nothing_in_common(rng: np.random.Generator) -> None:
    a = normal(rng, 300, 64)
    assert finish(neighbourhoods(a, a + 1000)) == Shares(0.0, 0.0, 0.0)


def test_what_lacks_half_the_modes_is_precise_and_covers_half(rng: np.random.Generator) -> None:
    left, right = normal(rng, 400, 8), normal(rng, 400, 8, mean=500)
    figures = finish(neighbourhoods(torch.cat([left[:200], right[:200]]), torch.cat([left[200:]] * 2)[:400]))
    assert figures.precision > 0.9
    assert figures.recall <= 0.5
    assert 0.4 < figures.coverage <= 0.5


# --- copying, intervals -----------------------------------------------------------------------------------------------


def pictures(rng: np.random.Generator, n: int) -> Pictures:
    return Pictures.all_of(torch.from_numpy(rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)))


def test_memorisation_is_what_scikit_learn_says(rng: np.random.Generator) -> None:
    from sklearn.neighbors import NearestNeighbors

    drawn, train, test = pictures(rng, 60), pictures(rng, 300), pictures(rng, 200)
    flat, *others = (each.images.flatten(1).numpy().astype(float) for each in (drawn, train, test))
    mean = [NearestNeighbors(n_neighbors=1).fit(other).kneighbors(flat)[0].mean() for other in others]
    assert finish(memorisation(drawn, train, test)) == pytest.approx(mean[0] / mean[1], rel=1e-4)


def test_copies_are_seen(rng: np.random.Generator) -> None:
    train, test = pictures(rng, 300), pictures(rng, 300)
    assert finish(memorisation(train.first(100), train, test)) < 0.01
    assert finish(memorisation(test.first(100), test, test)) == 1.0


@pytest.mark.parametrize(("right", "n"), [(0, 1), (1, 1), (0, 20), (993, 1000), (1000, 1000), (99_999, 100_000)])
def test_wilson_is_what_scipy_says(right: int, n: int) -> None:
    from scipy.stats import binomtest

    oracle = binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert wilson(right, n) == pytest.approx((oracle.low, oracle.high), abs=1e-7)


# --- the job ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def weights(tmp_path: Path) -> str:
    """An untrained network of the smallest kind, in a file."""
    model = ModelConfig(channels=(8, 8), time_dim=16, emb_dim=16)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tensors = UNet(model).state_dict()
    path = tmp_path / "tiny.safetensors"
    checkpoint.save_weights(path, checkpoint.ModelWeights(tensors, model, ScheduleConfig(), 12, "tiny", "average"))
    return str(path)


def report_of(events: Iterator[Event]) -> dict[str, Any]:
    *_, last = events
    assert isinstance(last, EvaluateDone)
    return last.report


@pytest.mark.slow
def test_the_job_reports_what_it_did(jobs: Jobs, weights: str) -> None:
    sample = SampleConfig(steps=2, seed=5)
    told = list(jobs.evaluate(EvaluateRequest(20, sample, weights)))
    report = report_of(iter(told))
    assert json.loads(json.dumps(report)) is not None
    assert report["count"] == report["compared"] == 20
    assert report["sample"] == {**vars(sample)}
    assert report["frechet"] is report["frechet_floor"] is report["frechet_ratio"] is report["recall"] is report["coverage"] is None
    low, high = report["accuracy_interval"]
    assert low <= report["accuracy"] <= high
    assert len(report["class_accuracy"]) == 10
    asked = torch.bincount(data.load(False)[1][epoch_order(0, 0, 10_000)[:20]], minlength=10).tolist()  # the test set's first in a fixed order
    assert [share is None for share in report["class_accuracy"]] == [n == 0 for n in asked]
    right = sum(n * (share or 0) for n, share in zip(asked, report["class_accuracy"], strict=True))
    assert right / 20 == pytest.approx(report["accuracy"])
    assert 0 <= report["second"]["accuracy"] <= 1
    assert str(report["weights"]).startswith("tiny.safetensors")
    drawing = [e for e in told if isinstance(e, EvaluateProgress) and e.what == "drawing"]
    assert drawing
    assert all(0 < e.done <= e.total == 20 for e in drawing)
    text = evaluation_text(report)
    assert "95% interval" in text
    for digit, n in enumerate(asked):
        assert f"{digit}: {'' if n else 'not drawn'}" in text, "no digit is left out silently"
    assert "Fréchet" not in text


@pytest.mark.parametrize(("guidance", "evaluations"), [(1.0, 3), (1.5, 6)])
def test_evaluations_are_counted(jobs: Jobs, weights: str, at_hand: None, monkeypatch: pytest.MonkeyPatch, guidance: float, evaluations: int) -> None:
    """A guided one counts twice, and what is drawn again, to the fourth time here, counts as well."""
    sample = SampleConfig(steps=3, guidance=guidance, guided_from=0.0, guided_to=1e6, redraw_below=0.0)
    report = report_of(jobs.evaluate(EvaluateRequest(40, sample, weights)))
    assert (report["evaluations"], report["again"]) == (evaluations, 0)
    monkeypatch.setattr(rejection, "rejected_indices", lambda _, __, labels, indices, *___: set(indices))
    told = list(jobs.evaluate(EvaluateRequest(40, sample, weights)))
    report = report_of(iter(told))
    assert (report["evaluations"], report["again"]) == (4 * evaluations, 40)
    assert {e.total for e in told if isinstance(e, EvaluateProgress) and e.what == "redrawing"} == {40}
    assert "40 of them redrawn" in evaluation_text(report)


@pytest.mark.slow
def test_enough_digits_are_compared(jobs: Jobs, weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """MAX_COMPARED is lowered, so that the comparisons are of fewer than were drawn."""
    monkeypatch.setattr(real_images, "MAX_COMPARED", 100)
    report = report_of(jobs.evaluate(EvaluateRequest(120, SampleConfig(steps=1), weights)))
    assert (report["count"], report["compared"]) == (120, 100)
    assert report["frechet_ratio"] == pytest.approx(report["frechet"] / report["frechet_floor"])
    assert report["frechet_ratio"] > 5  # an untrained network draws no digits …
    assert report["coverage"] < 0.2
    assert f"real training images are {report['frechet_floor']:.4g} from them" in evaluation_text(report)


@pytest.mark.slow
def test_test_images_themselves_score_the_floor() -> None:
    """Drawings as good as real ones: other test images, judged by the shipped classifier."""
    (test, labels), (train, _) = data.load(False), data.load(True, limit=1000)
    judges = load_classifier(), load_classifier(path=SECOND)
    real = RealImages(Pictures.all_of(train), Pictures(test, torch.arange(400)), labels[:400], train, labels, None, held_out=True)
    figures, gallery = finish(judge_pictures(judges, test[1000:1400], labels[1000:1400], real, MNIST.class_names))
    assert figures.accuracy > 0.97
    assert figures.second.accuracy > 0.97
    assert (figures.second.frechet_ratio or math.inf) < 3
    assert [(len(row.best), len(row.worst)) for row in gallery] == [(5, 5)] * 10
    assert (figures.frechet_ratio or math.inf) < 3
    assert (figures.recall or 0) > 0.8
    assert (figures.coverage or 0) > 0.8
    assert (figures.recall or 0) == pytest.approx(figures.recall_floor, abs=0.06)  # those of 400 training images
    assert (figures.precision or 0) == pytest.approx(figures.precision_floor, abs=0.06)
    assert (figures.coverage or 0) == pytest.approx(figures.coverage_floor, abs=0.06)
    assert 0.9 < (figures.memorisation or 0) < 1.3


def test_the_gallery_has_the_surest_first_and_the_least_sure_last() -> None:
    wanted = torch.arange(60) % 2 * 3  # zeros and threes
    drawn = torch.arange(60, dtype=torch.uint8)[:, None, None].expand(60, 28, 28).contiguous()
    logits = torch.zeros(60, 10)
    logits[torch.arange(60), wanted] = torch.arange(60.0) / 10  # the later, the surer
    gallery = make_gallery(drawn, logits, wanted, MNIST.class_names)
    assert [row.name for row in gallery] == [*MNIST.class_names]
    assert [row.drawn for row in gallery] == [30, 0, 0, 30, 0, 0, 0, 0, 0, 0]
    assert (values(gallery[0].best), values(gallery[0].worst)) == ([58, 56, 54, 52, 50], [8, 6, 4, 2, 0])
    assert (values(gallery[3].best), values(gallery[3].worst)) == ([59, 57, 55, 53, 51], [9, 7, 5, 3, 1])
    assert gallery[0].worst_read_as == ("zero",) * 5


@pytest.mark.parametrize("count", range(1, 12))
def test_the_gallery_leaves_no_class_out_and_shows_no_picture_twice(count: int) -> None:
    drawn = torch.arange(count, dtype=torch.uint8)[:, None, None].expand(count, 28, 28).contiguous()
    logits = torch.zeros(count, 10)
    logits[:, 4] = torch.arange(count)  # read as a four, ever more surely
    row = make_gallery(drawn, logits, torch.full((count,), 7), MNIST.class_names)[7]
    assert row.drawn == count
    shown = values(row.best) + values(row.worst)
    assert len(shown) == len(set(shown)) == min(count, 10)
    assert shown == sorted(shown)  # the surest sevens are those that look least like a four
    assert (shown[0], shown[-1]) == (0, count - 1)
    assert len(row.best) - len(row.worst) in (0, 1)
    assert set(row.best_read_as[1:] + row.worst_read_as) <= {"four"}


def values(images: Images) -> list[int]:
    return [images[i][0] for i in range(len(images))]


@pytest.mark.slow
def test_the_two_judges_differ_and_both_read_mnist() -> None:
    images, labels = data.load(False)
    first, second = (load_classifier(path=path).features_and_logits(images[:2000])[1].argmax(1) for path in (WEIGHTS, SECOND))
    assert float((first == labels[:2000]).double().mean()) > 0.985
    assert float((second == labels[:2000]).double().mean()) > 0.985
    assert not torch.equal(first, second)


def test_the_same_request_gives_the_same_report(jobs: Jobs, weights: str, at_hand: None) -> None:
    first = report_of(jobs.evaluate(EvaluateRequest(20, SampleConfig(steps=2), weights)))
    again = report_of(jobs.evaluate(EvaluateRequest(20, SampleConfig(steps=2), weights)))
    assert {**first, "seconds": 0} == {**again, "seconds": 0}


def test_it_can_be_left_at_any_event(jobs: Jobs, weights: str, at_hand: None) -> None:
    for pulls in (1, 3, 5):
        job = jobs.evaluate(EvaluateRequest(20, SampleConfig(steps=2), weights))
        for _ in range(pulls):
            next(job)
        job.close()  # type: ignore[attr-defined]


def test_a_missing_file_is_said_before_anything_is_drawn(jobs: Jobs, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no file"):
        list(jobs.evaluate(EvaluateRequest(20, weights=str(tmp_path / "none.safetensors"))))


@pytest.mark.parametrize("count", [0, -1, 100_001])
def test_counts_have_bounds(count: int) -> None:
    with pytest.raises(SettingError, match="outside 1 to"):
        EvaluateRequest(count)
