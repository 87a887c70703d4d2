"""One seed an image: the same picture in any batch, count or place; frames; which weights draw; and what is saved of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from engine.checkpoints import weights as checkpoint
from engine.checkpoints.classifier import load_classifier
from engine.config.data import MNIST
from engine.config.model import ModelConfig
from engine.config.sampling import SampleConfig, Sampler
from engine.config.serialize import from_dict
from engine.config.training import TrainConfig
from engine.config.version import VERSION
from engine.data import mnist as data
from engine.diffusion.noise import ImageNoise
from engine.errors import CheckpointError, InputError, OutputError, RunError, SettingError
from engine.jobs.jobs import Jobs
from engine.protocol.events import DrawDone, DrawStarted, Event, Frame, Preparing, Ready, Tick, TrainStep
from engine.protocol.recipe import Images
from engine.protocol.requests import DrawRequest, TrainRequest
from engine.runs.readers import READER
from engine.runs.run import find_run
from engine.sampling import batch, rejection
from engine.sampling.draw import FRAMES
from engine.sampling.pixels import to_uint8
from engine.sampling.rejection import rejected_indices
from engine.storage import images

CPU = torch.device("cpu")
MODEL = ModelConfig(channels=(8, 8), time_dim=16, emb_dim=16, groups=4)
SAMPLES = [
    SampleConfig("dpmpp", 10, seed=7),
    SampleConfig("ddim", 12, "leading", eta=0.7, seed=7),
    SampleConfig("ddpm", 15, "linear", guidance=1.0, seed=7),
]


@pytest.fixture
def weights(save_random_weights: Callable[[ModelConfig], str]) -> str:
    return save_random_weights(MODEL)


def drawn(jobs: Jobs, request: DrawRequest) -> DrawDone:
    *_, done = jobs.draw(request)
    assert isinstance(done, DrawDone)
    return done


def pixels(of: Images) -> NDArray[np.int16]:
    return np.frombuffer(of.data, np.uint8).reshape(len(of), of.height, of.width).astype(np.int16)


# --- noise ------------------------------------------------------------------------------------------------------------


def test_noise_is_philox_keyed_by_seed_and_index() -> None:
    noise = ImageNoise(MNIST.shape, 7, [3, 2**40], CPU)
    for index, rng in ((0, np.random.Generator(np.random.Philox(key=[7, 3]))), (1, np.random.Generator(np.random.Philox(key=[7, 2**40])))):
        other = ImageNoise(MNIST.shape, 7, [3, 2**40], CPU)
        for _ in range(3):
            np.testing.assert_array_equal(other()[index].numpy(), rng.standard_normal((1, 28, 28), np.float32))
    whole = torch.cat([noise() for _ in range(20)])
    assert float(whole.mean()) == pytest.approx(0, abs=4 / whole.numel() ** 0.5)
    assert float(whole.var()) == pytest.approx(1, abs=4 * (2 / whole.numel()) ** 0.5)


def test_noise_is_the_same_to_the_bit_in_any_batch() -> None:
    apart = [ImageNoise(MNIST.shape, 7, [index], CPU) for index in (0, 17, 3)]
    together = ImageNoise(MNIST.shape, 7, [0, 17, 3], CPU)
    for _ in range(4):
        assert torch.equal(together(), torch.cat([noise() for noise in apart]))


def test_neighbours_have_nothing_in_common() -> None:
    firsts = [ImageNoise(MNIST.shape, seed, [index], CPU)().flatten() for seed in (0, 1, 2**63 - 2, 2**63 - 1) for index in (0, 1, 2)]
    correlation = torch.corrcoef(torch.stack(firsts)) - torch.eye(len(firsts))
    assert float(correlation.abs().max()) < 0.2


def test_equal_indices_share_their_noise() -> None:
    noise = ImageNoise(MNIST.shape, 7, [5, 5, 6], CPU)
    for _ in range(3):
        x = noise()
        assert torch.equal(x[0], x[1])
        assert not torch.equal(x[0], x[2])


# --- pictures ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.sampler)
def test_a_picture_is_the_same_in_any_batch_and_place(jobs: Jobs, weights: str, sample: SampleConfig) -> None:
    """Image 17 of seed 7: alone, third of five, and one of the 70 that are drawn in several batches."""
    labels = tuple(i % 10 for i in range(70))
    many = pixels(drawn(jobs, DrawRequest(labels, sample, weights=weights)).images)
    assert len(many) == 70
    some = (4, 65, 17, 0, 33)
    few = pixels(drawn(jobs, DrawRequest(tuple(labels[i] for i in some), sample, some, weights)).images)
    for place, index in enumerate(some):
        assert np.abs(few[place] - many[index]).max() <= 2
    alone = pixels(drawn(jobs, DrawRequest((labels[17],), sample, (17,), weights)).images)
    assert np.abs(alone[0] - many[17]).max() <= 2
    assert np.abs(many[17] - many[27]).max() > 20  # the same label from other noise is another picture


def test_seed_and_label_and_guidance_matter(jobs: Jobs, weights: str) -> None:
    base = DrawRequest((3,), SampleConfig(steps=5), weights=weights)
    first = pixels(drawn(jobs, base).images)
    assert np.array_equal(first, pixels(drawn(jobs, base).images))
    others = [
        replace(base, labels=(4,)),
        replace(base, labels=(None,)),
        replace(base, indices=(1,)),
        replace(base, sample=replace(base.sample, seed=base.sample.seed + 1)),
        replace(base, sample=replace(base.sample, guidance=4.0)),
        replace(base, sample=replace(base.sample, guided_to=1e6)),
        replace(base, sample=replace(base.sample, steps=6)),
        replace(base, sample=replace(base.sample, sampler="ddim")),
    ]
    for other in others:
        assert not np.array_equal(first, pixels(drawn(jobs, other).images)), other


def test_guidance_zero_ignores_the_label(jobs: Jobs, weights: str) -> None:
    sample = SampleConfig(steps=5, guidance=0.0)
    done = drawn(jobs, DrawRequest((1, 8, None), sample, (0, 0, 0), weights))
    assert done.images[0] == done.images[1] == done.images[2]


# --- frames and events ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", ["dpmpp", "ddpm"])
@pytest.mark.parametrize("steps", [1, 2, 63, 64, 200])
def test_frames_lead_from_noise_to_the_picture(jobs: Jobs, weights: str, steps: int, sampler: Sampler) -> None:
    done = drawn(jobs, DrawRequest((5,), SampleConfig(sampler, steps, redraw_below=0.0, seed=2), weights=weights, fps=0))
    assert len(done.frames) == len(done.frame_steps) == min(steps + 1, FRAMES)
    assert done.frames[0] == to_uint8(ImageNoise(MNIST.shape, 2, [0], CPU)())
    assert done.frames[-1] == done.images
    assert (done.frame_steps[0], done.frame_steps[-1]) == (0, steps)
    gaps = np.diff(done.frame_steps)
    assert gaps.min() >= 1
    assert gaps.max() - gaps.min() <= 1  # evenly spaced


def test_events_of_a_drawing(jobs: Jobs, weights: str) -> None:
    events: Sequence[Event] = list(jobs.draw(DrawRequest((5, 6), SampleConfig(steps=30, redraw_below=0.0), weights=weights, fps=10_000)))
    told = [event for event in events if not isinstance(event, Preparing | Tick)]
    assert isinstance(told[0], DrawStarted)
    frames = [event for event in told if isinstance(event, Frame)]
    assert frames[0].step == 0
    assert [frame.step for frame in frames] == sorted({frame.step for frame in frames})
    assert all(frame.steps == 30 and len(frame.images) == 2 and not frame.again for frame in frames)
    done = told[-1]
    assert isinstance(done, DrawDone)
    assert done.recipe == told[0].recipe
    assert not [e for e in jobs.draw(DrawRequest((5,), weights=weights, fps=0)) if isinstance(e, Frame)]


# --- drawn again ------------------------------------------------------------------------------------------------------


class Reader:
    """Doubts a digit so often."""

    def __init__(self, doubts: dict[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
        self.doubts, self.read = dict(doubts), 0

        def rejected(_: object, images: Tensor, labels: Sequence[int | None], indices: Sequence[int], threshold: float) -> set[int]:
            assert threshold == 0.7
            self.read += len(images)
            places = [place for place, label in enumerate(labels) if label is not None and self.doubts.get(label, 0)]
            for place in places:
                self.doubts[labels[place]] -= 1  # type: ignore[index]
            return {indices[place] for place in places}

        monkeypatch.setattr(rejection, "rejected_indices", rejected)


AGAIN = SampleConfig(steps=6, redraw_below=0.7, seed=2)


def attempt(jobs: Jobs, label: int | None, index: int, which: int, weights: str, monkeypatch: pytest.MonkeyPatch) -> DrawDone:
    """The drawing that an attempt makes, alone."""
    with monkeypatch.context() as patched:
        patched.setattr(batch, "ImageNoise", lambda shape, seed, indices, device, _: ImageNoise(shape, seed, indices, device, which))
        return drawn(jobs, DrawRequest((label,), replace(AGAIN, redraw_below=0.0), (index,), weights))


def test_what_is_doubted_is_drawn_again_and_nothing_else(jobs: Jobs, weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    once, again = (attempt(jobs, label, index, which, weights, monkeypatch) for label, index, which in ((3, 0, 0), (4, 1, 2)))
    reader = Reader({4: 2}, monkeypatch)
    events = list(jobs.draw(DrawRequest((3, 4), AGAIN, weights=weights, fps=10_000)))
    done = events[-1]
    assert isinstance(done, DrawDone)
    assert (done.again, reader.read) == (1, 4)
    for frame, *alone in zip(done.frames, once.frames, again.frames, strict=True):
        assert np.abs(pixels(frame) - np.concatenate([pixels(of) for of in alone])).max() <= 2
    frames = [event for event in events if isinstance(event, Frame)]
    assert [frame.again for frame in frames] == [0] * 6 + [1] * 10
    assert [frame.step for frame in frames] == [0, *[1, 2, 3, 4, 5] * 3]
    assert all(frame.images[0] == done.images[0] for frame in frames if frame.again), "which is finished"
    assert frames[6].images[1] != frames[11].images[1], "other noise each time"


def test_a_digit_is_drawn_four_times_at_most(jobs: Jobs, weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    last = attempt(jobs, 3, 0, 3, weights, monkeypatch)
    reader = Reader({3: 100}, monkeypatch)
    assert np.abs(pixels(drawn(jobs, DrawRequest((3,), AGAIN, weights=weights)).images) - pixels(last.images)).max() <= 2
    assert reader.read == 3, "nothing hangs on the fourth"


def test_what_shares_its_noise_is_drawn_again_together(jobs: Jobs, weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Reader({4: 1}, monkeypatch)
    done = drawn(jobs, DrawRequest((3, 4, 5), AGAIN, (8, 8, 9), weights, fps=0))
    assert done.again == 2
    assert done.frames[0][0] == done.frames[0][1], "the same noise still"
    monkeypatch.undo()
    for place, (label, index, which) in enumerate(((3, 8, 1), (4, 8, 1), (5, 9, 0))):
        alone = attempt(jobs, label, index, which, weights, monkeypatch)
        assert np.abs(pixels(done.images)[place] - pixels(alone.images)[0]).max() <= 2


@pytest.mark.parametrize("count", [8, 70])
def test_many_are_drawn_again_as_few_are(jobs: Jobs, weights: str, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """70 go batch by batch."""
    Reader({1: 1, 2: count}, monkeypatch)
    labels = (1, *[3] * (count - 3), 2, None)
    done = drawn(jobs, DrawRequest(labels, AGAIN, tuple(range(count)), weights))
    assert done.again == 2
    monkeypatch.undo()
    for place, which in ((0, 1), (1, 0), (count - 3, 0), (count - 2, 3)):
        alone = attempt(jobs, labels[place], place, which, weights, monkeypatch)
        assert np.abs(pixels(done.images)[place] - pixels(alone.images)[0]).max() <= 2


@pytest.mark.parametrize("sample", [replace(AGAIN, guidance=0.0), replace(AGAIN, redraw_below=0.0)], ids=["guidance-0", "redraw-below-0"])
def test_where_no_digit_is_asked_for_or_all_are_kept_none_is_drawn_again(jobs: Jobs, weights: str, sample: SampleConfig) -> None:
    assert drawn(jobs, DrawRequest((1, 8, 5), sample, weights=weights)).again == 0


def test_the_reader_that_ships_doubts_what_was_not_asked_for() -> None:
    reader = load_classifier(CPU, READER)
    pictures, labels = data.load(False, limit=500)
    indices = range(1000, 1500)
    assert len(rejected_indices(reader, pictures, labels.tolist(), indices, 0.9)) < 15
    others = [(label + 1) % 10 for label in labels.tolist()]
    assert len(rejected_indices(reader, pictures, others, indices, 0.9)) > 495
    assert rejected_indices(reader, pictures, [None, *others[1:100], *[None] * 400], indices, 0.9) == set(range(1001, 1100))
    assert rejected_indices(reader, pictures, others, indices, 0.0) == set()
    assert rejected_indices(None, pictures, others, indices, 0.9) == set()


@pytest.mark.parametrize(
    "bad",
    [
        {"labels": ()},
        {"labels": (10_000,)},
        {"labels": (-1,)},
        {"labels": (True,)},
        {"labels": (1,) * 100_001},
        {"indices": (1, 2)},
        {"indices": (-1,)},
    ],
    ids=lambda bad: str(bad)[:30],
)
def test_what_can_not_be_drawn_is_an_error(bad: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        DrawRequest(**{"labels": (1,), **bad})


# --- which weights ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_weights_of_a_run_and_live(jobs: Jobs, tiny: TrainConfig) -> None:
    config = replace(tiny, lr=0.05, lr_schedule="constant", ema=0.9)

    def with_weights(name: str) -> DrawDone:
        return drawn(jobs, DrawRequest((1, 2), SampleConfig(steps=3, guidance=2.0), weights=name))

    with closing(jobs.train(TrainRequest(config, run="r"))) as training:
        for event in training:
            if isinstance(event, TrainStep) and event.step >= 4:
                break
        average, live = with_weights("r"), with_weights("r:live")
        assert (average.recipe.weights.kind, live.recipe.weights.kind) == ("average", "live")
        assert average.recipe.weights.step == live.recipe.weights.step == 4
        assert average.images != live.images
        for event in training:
            if isinstance(event, TrainStep) and event.step >= 8:
                break
        later = with_weights("r:latest")
        assert later.recipe.weights.step == 8
        assert later.images != average.images  # the weights of step 4 are not drawn with again
    kept = with_weights("r")
    assert kept.recipe.weights == later.recipe.weights
    assert kept.images == later.images  # what was saved is what drew
    best = with_weights("r:best")
    assert best.recipe.weights.kind == "best"
    assert (best.recipe.weights.name, best.recipe.weights.step) == ("r", checkpoint.load_weights(find_run("r").best_path).step)
    with pytest.raises(RunError, match="is not being trained"):
        with_weights("r:live")
    with pytest.raises(RunError, match=":latest"):
        with_weights("r:worst")


@pytest.mark.slow
def test_drawing_leaves_the_training_as_it_was(jobs: Jobs, tiny: TrainConfig) -> None:
    def losses(draw: bool) -> list[float]:
        found = []
        for event in jobs.train(TrainRequest(tiny)):
            if isinstance(event, TrainStep):
                found.append(event.loss)
                if draw:
                    drawn(jobs, DrawRequest((1,), SampleConfig(steps=2), weights=next(iter(jobs._get_runtime().live))))
        return found

    assert losses(True)[-1] == losses(False)[-1]


@pytest.mark.parametrize("name", ["nowhere", "nowhere:best", "../x", "missing.safetensors", "folder/none.pth", ""])
def test_unknown_weights(jobs: Jobs, name: str) -> None:
    with pytest.raises((RunError, CheckpointError)):
        list(jobs.draw(DrawRequest((1,), weights=name)))


def test_a_file_that_changes_is_read_again(jobs: Jobs, weights: str) -> None:
    before = drawn(jobs, DrawRequest((1,), SampleConfig(steps=2), weights=weights))
    loaded = checkpoint.load_weights(Path(weights))
    checkpoint.save_weights(Path(weights), replace(loaded, tensors={k: v * 0.5 for k, v in loaded.tensors.items()}, step=9))
    after = drawn(jobs, DrawRequest((1,), SampleConfig(steps=2), weights=weights))
    assert (before.recipe.weights.step, after.recipe.weights.step) == (3, 9)
    assert before.images != after.images


def test_prepare_says_ready_once_and_then_at_once(jobs: Jobs, weights: str) -> None:
    runtime = jobs._get_runtime()
    for _ in range(2):
        *_, ready = runtime.prepare(weights)
        assert isinstance(ready, Ready)
        assert ready.weights.name == "w.safetensors"
    assert len(runtime._pipelines) == 1


# --- saving -----------------------------------------------------------------------------------------------------------


def test_a_png_holds_the_recipe_that_draws_it_again(jobs: Jobs, weights: str, tmp_path: Path) -> None:
    done = drawn(jobs, DrawRequest((3, None, 8), SampleConfig("ddim", 6, eta=0.3, seed=11, guidance=2.0), (4, 4, 9), weights))
    path = tmp_path / "three.png"
    images.save_drawing(path, done.recipe, done.images, done.frames)
    with Image.open(path) as picture:
        recipe = json.loads(picture.text["digitty"])  # type: ignore[attr-defined]
        sheet = np.asarray(picture)
    assert sheet.shape == (28 * 8, (3 * 28 + 2) * 8)  # 8×, a pixel between
    for i, expected in enumerate(pixels(done.images)):
        tile = sheet[:, i * 29 * 8 : (i * 29 + 28) * 8]
        np.testing.assert_array_equal(tile[4::8, 4::8], expected)
        np.testing.assert_array_equal(tile, np.kron(tile[::8, ::8], np.ones((8, 8), np.uint8)))
    digest = checkpoint.load_weights(Path(weights)).digest
    assert recipe["weights"] == {"name": "w.safetensors", "step": 3, "kind": "average", "digest": digest}
    assert (recipe["digitty"], recipe["torch"]) == (VERSION, torch.__version__)
    assert recipe["processor"].endswith(torch.backends.cpu.get_cpu_capability())
    again = DrawRequest(tuple(recipe["labels"]), from_dict(SampleConfig, recipe["sample"]), tuple(recipe["indices"]), weights)
    assert drawn(jobs, again).images == done.images


def test_npz_and_gif(jobs: Jobs, weights: str, tmp_path: Path) -> None:
    done = drawn(jobs, DrawRequest((3, None), SampleConfig(steps=6), weights=weights))
    for name in ("two.npz", "two.gif"):
        images.save_drawing(tmp_path / name, done.recipe, done.images, done.frames)
    with np.load(tmp_path / "two.npz") as arrays:  # allow_pickle is False
        assert (arrays["images"].dtype, arrays["labels"].dtype) == (np.uint8, np.int64)
        np.testing.assert_array_equal(arrays["images"], pixels(done.images))
        assert arrays["labels"].tolist() == [3, -1]
        assert json.loads(str(arrays["recipe"]))["sample"]["steps"] == 6
    with Image.open(tmp_path / "two.gif") as gif:
        assert gif.n_frames == len(done.frames) == 7  # type: ignore[attr-defined]
        gif.seek(6)
        last = np.asarray(gif.convert("L")).astype(np.int16)
    assert np.abs(last[4 : 28 * 8 : 8, 4 : 28 * 8 : 8] - pixels(done.images)[0]).max() <= 2


@pytest.mark.parametrize("name", ["x.jpg", "x", "x.png.txt", "none/x.png", "folder.png", "file/x.png"])
def test_where_nothing_can_be_saved(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        images.check_output_path(tmp_path / name)
    assert issubclass(OutputError, InputError)


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (2, 2), (5, 5), (6, 3), (9, 3), (10, 5), (12, 4), (16, 4), (64, 8), (100, 10), (7, 3)])
def test_columns(count: int, columns: int) -> None:
    assert images.columns_for(count) == columns


def test_grey_rounds_and_clips() -> None:
    x = torch.tensor([-9.0, -1.0, 0.0, 1.0, 9.0]).view(1, 1, 1, 5)
    assert list(to_uint8(x).data) == [0, 0, 128, 255, 255]


@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_strip_is_none_or_the_same(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    strip = Images(rng.integers(0, 256, 3 * 784, np.uint8).tobytes(), 3)
    path = tmp_path / "step.png"
    images.save_strip(path, strip)
    whole = path.read_bytes()
    assert images.load_strip(path, MNIST) == strip
    for place in rng.integers(0, len(whole), 40):
        damaged = bytearray(whole)
        damaged[place] ^= 255
        path.write_bytes(damaged)
        assert images.load_strip(path, MNIST) in (None, strip)
        path.write_bytes(whole[:place])
        assert images.load_strip(path, MNIST) in (None, strip)


# --- CUDA -------------------------------------------------------------------------------------------------------------


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.sampler)
def test_cuda_draws_what_the_cpu_draws(jobs: Jobs, weights: str, sample: SampleConfig) -> None:
    request = DrawRequest(tuple(range(10)), sample, weights=weights)
    on_cuda = drawn(Jobs("cuda", "fp32"), request)
    assert on_cuda.recipe.engine.device.startswith("cuda")
    assert np.abs(pixels(on_cuda.images) - pixels(drawn(jobs, request).images)).max() <= 2
