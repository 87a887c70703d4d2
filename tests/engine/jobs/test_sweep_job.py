"""A sweep is its drawings: the same pictures as one by one, counted and timed each, one after another or side by side."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.config.compute import ComputeInfo
from engine.config.condition import Condition, Interval
from engine.config.model import ModelConfig, ScheduleConfig
from engine.config.sampling import SampleConfig
from engine.config.sweep import Cell, plan_race, plan_sweep
from engine.errors import RunError, SettingError
from engine.jobs.jobs import Jobs
from engine.jobs.sweep import sweep
from engine.protocol.events import DrawDone, DrawStarted, Event, Frame, Tick
from engine.protocol.recipe import Images, Recipe, WeightsInfo
from engine.protocol.requests import DrawRequest, SweepRequest
from engine.protocol.sweep_events import CellDone, CellFailed, CellProgress, SweepDone

BLACK = Images(bytes(784), 1)


class Drawings:
    """Drawing jobs whose steps are written down. `damaged` weights can't be drawn with."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        """For each step of a drawing with frames: how many steps that drawing has."""
        self.open = 0

    def __call__(self, request: DrawRequest) -> Generator[Event, None, None]:
        self.open += 1
        try:
            yield from self._drawn(request)
        finally:
            self.open -= 1

    def _drawn(self, request: DrawRequest) -> Iterator[Event]:
        if request.weights == "damaged":
            raise RunError("these weights are damaged")
        steps = request.sample.steps
        recipe = Recipe(request.labels, (0,), request.sample, WeightsInfo(request.weights, 1, "average"), ComputeInfo("cpu", "fp32", "contiguous"))
        yield DrawStarted(recipe)
        for step in range(1, steps + 1):
            if request.fps:
                self.steps.append(steps)
            yield Frame(BLACK, step, steps, 1.0) if step < steps else Tick()
        yield DrawDone(recipe, BLACK, (BLACK, BLACK), (0, steps), 0.5, 2.0, evaluations=float(steps))


def request_of(*steps: int, weights: str = "w", side_by_side: bool = False, keep_going: bool = False) -> SweepRequest:
    cells = plan_sweep({"steps": steps}, SampleConfig(), weights).cells
    return SweepRequest((7,), cells, side_by_side=side_by_side, keep_going=keep_going)


def test_one_after_another_in_order() -> None:
    draw = Drawings()
    events = list(sweep(draw, request_of(3, 5, 2)))
    assert draw.steps == [3] * 3 + [5] * 5 + [2] * 2
    assert [event.cell for event in events if isinstance(event, CellDone)] == [0, 1, 2]
    last = events[-1]
    assert isinstance(last, SweepDone)
    assert [done.evaluations if done else None for done in last.cells] == [3, 5, 2]
    assert all(done and done.frames == (BLACK,) and done.frame_steps == (n,) for done, n in zip(last.cells, (3, 5, 2), strict=True))


def test_frames_are_kept_on_request() -> None:
    *_, last = sweep(Drawings(), replace(request_of(3, 5), keep_frames=True))
    assert isinstance(last, SweepDone)
    assert [done.frame_steps if done else () for done in last.cells] == [(0, 3), (0, 5)]


def test_progress_only_grows_and_ends_at_one() -> None:
    for side_by_side in (False, True):
        events = [event for event in sweep(Drawings(), request_of(3, 50, 2, side_by_side=side_by_side)) if isinstance(event, CellProgress | CellDone)]
        fractions = [event.fraction for event in events]
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1.0
        assert events[-1].seconds_left == 0
        assert fractions[0] == pytest.approx(1 / 55 if not side_by_side else fractions[0])


def test_side_by_side_the_shortest_finishes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock on which each pull takes a second: all drawings advance at the same speed."""
    now = iter(range(10_000))
    monkeypatch.setattr("engine.jobs.sweep.time.perf_counter", lambda: float(next(now)))
    draw = Drawings()
    events = list(sweep(draw, request_of(40, 4, 12, side_by_side=True)))
    assert [event.cell for event in events if isinstance(event, CellDone)] == [1, 2, 0]
    assert draw.steps[:12] == [40, 4, 12] * 4
    assert [event.seconds for event in events if isinstance(event, CellProgress) and event.cell == 1] == [1, 2, 3]


def test_stopping_closes_every_drawing() -> None:
    for side_by_side in (False, True):
        draw = Drawings()
        job = sweep(draw, request_of(9, 9, 9, side_by_side=side_by_side))
        assert isinstance(job, Generator)
        for event in job:
            if isinstance(event, CellProgress):
                break
        job.close()
        assert draw.open == 0


def test_weights_that_can_not_be_used_end_a_sweep_or_only_their_cell() -> None:
    cells = tuple(Cell(SampleConfig(steps=2), weights) for weights in ("a", "damaged", "b"))
    with pytest.raises(RunError, match="damaged"):
        list(sweep(Drawings(), SweepRequest((7,), cells)))
    events = list(sweep(Drawings(), SweepRequest((7,), cells, keep_going=True)))
    assert [event for event in events if isinstance(event, CellFailed)] == [CellFailed(1, "these weights are damaged")]
    last = events[-1]
    assert isinstance(last, SweepDone)
    assert [done and done.recipe.weights.name for done in last.cells] == ["a", None, "b"]


def test_too_much_is_refused() -> None:
    with pytest.raises(SettingError, match="17 images is outside 1 to 16"):
        SweepRequest((7,) * 17, (Cell(SampleConfig(), "w"),))
    with pytest.raises(SettingError, match="101 drawings"):
        SweepRequest((7,), (Cell(SampleConfig(), "w"),) * 101)
    with pytest.raises(SettingError, match="noise indices"):
        SweepRequest((7, 8), (Cell(SampleConfig(), "w"),), indices=(0,))


def test_a_cell_narrows_what_the_prompt_asks_for_and_has_no_caption_that_asks_for_more() -> None:
    bold = (Condition(7, (("thickness", Interval(low=3)),), text="a bold 7"),)
    cells = (Cell(SampleConfig(), "w", (("thickness", 4.0),)), Cell(SampleConfig(), "w"))
    exact, plain = (drawing.conditions for drawing in SweepRequest((7,), cells, conditions=bold).drawings())
    assert exact == (Condition(7, (("thickness", Interval(4, 4)),)),)
    assert plain == bold


def test_a_cell_that_contradicts_the_prompt_is_refused() -> None:
    mixed = (Condition(3), Condition(7, (("thickness", Interval(low=3)), ("slant", Interval(-5, 5)))))
    for name, value, asked in (("thickness", 2.0, "3 px or more"), ("slant", 20.0, "-5 to 5°")):
        cells = (Cell(SampleConfig(), "w"), Cell(SampleConfig(), "w", ((name, value),)))
        with pytest.raises(SettingError, match=f"{name} {value:g}.* contradicts the prompt, which asks for {asked}; leave the {name} out"):
            SweepRequest((3, 7), cells, conditions=mixed)


# --- a real network ---------------------------------------------------------------------------------------------------


@pytest.fixture
def weights(tmp_path: Path, one_thread: None) -> str:
    """A file of weights that draw something, if nothing sensible."""
    import torch

    from engine.checkpoints.weights import ModelWeights, save_weights
    from engine.models.unet import UNet

    torch.manual_seed(0)
    model = ModelConfig(channels=(8, 8, 8), time_dim=16, emb_dim=16, groups=4)
    network = UNet(model)
    torch.nn.init.normal_(network.conv_out.weight, std=0.3)
    save_weights(tmp_path / "w.safetensors", ModelWeights(network.state_dict(), model, ScheduleConfig(), 3, "x", "average"))
    return str(tmp_path / "w.safetensors")


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Counts the images that go through any U-Net, and starts again at 0 when it is asked."""
    from torch import Tensor

    from engine.models.unet import UNet

    count, forward = 0, UNet.forward

    def counted(self: UNet, x: Tensor, *rest: Tensor) -> Tensor:
        nonlocal count
        count += len(x)
        return forward(self, x, *rest)

    monkeypatch.setattr(UNet, "forward", counted)

    def taken() -> int:
        nonlocal count
        before, count = count, 0
        return before

    return taken


@pytest.mark.parametrize("side_by_side", [False, True])
def test_each_cell_is_the_picture_that_a_drawing_alone_gives(jobs: Jobs, weights: str, side_by_side: bool) -> None:
    plan = plan_sweep({"guidance": (1.0, 1.4, 3.0), "steps": (3, 5)}, SampleConfig(seed=11, guided_from=0.0, guided_to=1e6), weights)
    labels, indices = (3, 3, 8), (4, 4, 9)
    *_, done = jobs.sweep(SweepRequest(labels, plan.cells, indices, side_by_side))
    assert isinstance(done, SweepDone)
    for cell, drawn in zip(plan.cells, done.cells, strict=True):
        *_, alone = jobs.draw(DrawRequest(labels, cell.sample, indices, weights))
        assert isinstance(alone, DrawDone)
        assert drawn
        assert (drawn.images, drawn.recipe, drawn.evaluations) == (alone.images, alone.recipe, alone.evaluations)
    assert len({drawn.images for drawn in done.cells if drawn}) == 6, "the settings matter"


@pytest.mark.parametrize(
    "sample",
    [
        SampleConfig(steps=7, guidance=1.0),
        SampleConfig(steps=7, guidance=0.0),
        SampleConfig(steps=7, guidance=0.5),
        SampleConfig(steps=7, guidance=-1.0),
        SampleConfig(steps=7, guidance=1.4),
        SampleConfig("ddim", 7, "linear", guidance=1.4, guided_from=0.0, guided_to=1e6),
        SampleConfig("ddpm", 9, "leading", guidance=2.0),
    ],
    ids=str,
)
def test_evaluations_are_those_of_the_network(jobs: Jobs, weights: str, evaluated: Callable[[], int], sample: SampleConfig) -> None:
    request = DrawRequest((1, 2, 3), replace(sample, redraw_below=0.0), weights=weights, fps=10_000)
    list(jobs.draw(request))  # the first one also measures
    evaluated()
    events = list(jobs.draw(request))
    done, frames = events[-1], [event for event in events if isinstance(event, Frame)]
    assert isinstance(done, DrawDone)
    assert done.evaluations * 3 == evaluated()
    assert [frame.evaluations for frame in frames] == sorted(frame.evaluations for frame in frames)
    assert frames[0].evaluations == 0


def test_evaluations_of_redrawn_images_count(jobs: Jobs, weights: str, evaluated: Callable[[], int]) -> None:
    request = DrawRequest((1, 2), SampleConfig(steps=3, redraw_below=1.0), weights=weights)
    list(jobs.draw(request))
    evaluated()
    *_, done = jobs.draw(request)
    assert isinstance(done, DrawDone)
    assert done.again > 0
    assert done.evaluations * 2 == evaluated()


def test_the_samplers_race_with_the_shipped_weights(jobs: Jobs) -> None:
    cells = [cell for cell in plan_race(SampleConfig(), "shipped").cells if cell.sample.steps < 20]
    *_, done = jobs.sweep(SweepRequest((7,), tuple(cells), side_by_side=True))
    assert isinstance(done, SweepDone)
    names = [drawn.recipe.weights.name if drawn else "" for drawn in done.cells]
    assert names == ["shipped", "shipped:one-step"]
    assert [drawn.evaluations if drawn else 0 for drawn in done.cells][-1] == 1
