"""The guesses at x0 that a drawing hands over on request, beside the frames that they were made from."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from finish import finish

from engine.config.model import ModelConfig
from engine.config.sampling import SampleConfig
from engine.diffusion.noise import ImageNoise
from engine.jobs.jobs import Jobs
from engine.protocol.events import DrawDone, Frame
from engine.protocol.requests import DrawRequest
from engine.sampling import frames, rejection
from engine.sampling.batch import sample_batch
from engine.sampling.pipeline import Pipeline
from engine.sampling.pixels import to_uint8
from engine.sampling.runtime import Runtime

MODEL = ModelConfig(channels=(8, 8, 8), time_dim=16, emb_dim=16, groups=4)
SAMPLES = [
    SampleConfig("dpmpp", 5, seed=7, redraw_below=0.0),
    SampleConfig("ddpm", 4, "linear", guidance=1.0, seed=7, redraw_below=0.0),
    SampleConfig("ddim", 66, seed=7, redraw_below=0.0),  # more steps than frames
]


@pytest.fixture
def weights(save_random_weights: Callable[[ModelConfig], str]) -> str:
    return save_random_weights(MODEL)


def pipeline_of(weights: str) -> Pipeline:
    return finish(Runtime("cpu", "fp32").pipeline(weights))


def drawn(jobs: Jobs, request: DrawRequest) -> tuple[list[Frame], DrawDone]:
    *events, done = jobs.draw(request)
    assert isinstance(done, DrawDone)
    return [event for event in events if isinstance(event, Frame)], done


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.sampler)
def test_each_guess_is_the_one_that_was_made_from_its_frame(jobs: Jobs, weights: str, sample: SampleConfig) -> None:
    labels = (7, 1)
    live, done = drawn(jobs, DrawRequest(labels, sample, weights=weights, fps=1e6, guesses=True))
    pipeline = pipeline_of(weights)
    noise = ImageNoise(pipeline.data.shape, sample.seed, (0, 1), pipeline.device)
    x = noise()
    states, guesses = [to_uint8(x)], []
    for step in sample_batch(pipeline, labels, sample, x, noise):
        guesses.append(to_uint8(step.x0))
        states.append(to_uint8(step.x))
    assert [frame.images for frame in live] == states[:-1]
    assert (live[0].before, live[0].guess) == (None, None), "nothing was guessed before the first step"
    assert [(frame.before, frame.guess) for frame in live[1:]] == list(zip(states[:-2], guesses[:-1], strict=True))
    assert list(done.guesses) == [*(guesses[step] for step in done.frame_steps[:-1]), done.images]


def test_asking_for_guesses_changes_no_picture(jobs: Jobs, weights: str) -> None:
    for sample in SAMPLES[:2]:
        _, without = drawn(jobs, DrawRequest((3, 5), sample, weights=weights))
        _, with_guesses = drawn(jobs, DrawRequest((3, 5), sample, weights=weights, guesses=True))
        assert without.guesses == ()
        assert with_guesses.frames == without.frames


def test_a_large_drawing_hands_over_no_guesses(jobs: Jobs, weights: str) -> None:
    live, done = drawn(jobs, DrawRequest((1,) * 65, SampleConfig("dpmpp", 1, redraw_below=0.0), weights=weights, guesses=True))
    assert done.guesses == ()
    assert all(frame.guess is None for frame in live)


def test_an_image_that_is_redrawn_has_its_new_guesses(jobs: Jobs, weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = SampleConfig("dpmpp", 5, seed=7)
    attempts = iter([{1}, set(), set()])
    monkeypatch.setattr(rejection, "rejected_indices", lambda *_: next(attempts))
    live, done = drawn(jobs, DrawRequest((7, 1), sample, weights=weights, fps=1e6, guesses=True))
    _, first = drawn(jobs, DrawRequest((7, 1), SampleConfig("dpmpp", 5, seed=7, redraw_below=0.0), weights=weights, guesses=True))
    assert done.again == 1
    assert [guess[0] for guess in done.guesses] == [guess[0] for guess in first.guesses]
    assert all(new[1] != old[1] for new, old in zip(done.guesses, first.guesses, strict=True))
    again = [frame for frame in live if frame.again]
    assert [frame.guess[1] for frame in again if frame.guess] == [guess[1] for guess in done.guesses[:-2]]
    assert all(frame.guess and frame.guess[0] == done.images[0] for frame in again), "the finished image stays as it is"


def test_pictures_are_the_same_however_many_wait_to_be_turned_into_bytes(jobs: Jobs, weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    request = DrawRequest((3, 5, 8), SampleConfig("ddim", 6, seed=2, redraw_below=0.0), weights=weights, guesses=True)
    _, together = drawn(jobs, request)
    monkeypatch.setattr(frames, "UNDEVELOPED", 1)
    _, one_by_one = drawn(jobs, request)
    assert (together.frames, together.guesses) == (one_by_one.frames, one_by_one.guesses)
    assert len(set(together.frames)) == 7
