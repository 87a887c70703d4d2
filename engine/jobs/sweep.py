"""The sweep job: one drawing for each cell, one after another or side by side, made of drawing jobs. No torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace

from engine.config.sampling import SampleConfig
from engine.errors import DigittyError
from engine.protocol import events as e
from engine.protocol.events import Event
from engine.protocol.requests import DrawRequest, SweepRequest
from engine.protocol.sweep_events import CellDone, CellFailed, CellProgress, SweepDone

WARM_UP_STEPS = 3
"""Steps of the drawing that is thrown away: the first forwards of a network also build its kernels, which is no time of the sampler."""
GUIDED_COST = 1.5
"""About how many evaluations a guided step costs; the exact number depends on the weights' noise schedule."""

Draw = Callable[[DrawRequest], Generator[Event, None, None]]


@dataclass
class _Drawing:
    """One cell: its job, and what is known of it."""

    cell: int
    job: Generator[Event, None, None]
    cost: float
    """About its share of the work."""
    pulled: float = 0.0
    """Seconds in all its pulls, by which drawings side by side take turns."""
    started: float = 0.0
    """The same when the drawing started, after its weights were loaded."""
    fraction: float = 0.0
    done: e.DrawDone | None = None
    over: bool = False


def sweep(draw: Draw, request: SweepRequest) -> Iterator[Event]:
    """See `Jobs.sweep`. `draw` is a drawing job."""
    begin = time.perf_counter()
    yield from _warm_up(draw, request)
    with ExitStack() as stack:
        drawings = [
            _Drawing(cell, stack.enter_context(closing(draw(drawing))), _cost(drawing.sample)) for cell, drawing in enumerate(request.drawings())
        ]
        clock = time.perf_counter()
        while waiting := [drawing for drawing in drawings if not drawing.over]:
            drawing = min(waiting, key=lambda each: each.pulled) if request.side_by_side else waiting[0]
            try:
                event = _pull(drawing, request.keep_frames)
            except DigittyError as error:
                if not request.keep_going:
                    raise
                drawing.over, drawing.fraction = True, 1.0
                event = CellFailed(drawing.cell, str(error))
            yield _report(event, drawing, drawings, time.perf_counter() - clock)
    yield SweepDone(tuple(drawing.done for drawing in drawings), time.perf_counter() - begin)


def _cost(sample: SampleConfig) -> float:
    """About how many network evaluations a drawing takes."""
    return sample.steps * (1.0 if sample.sampler == "one-step" or sample.guidance in (0, 1) else GUIDED_COST)


def _warm_up(draw: Draw, request: SweepRequest) -> Iterator[Event]:
    """Load each of the weights once, so that the seconds of all cells are those of their samplers. Failures are left to the cells."""
    seen: set[tuple[str, bool]] = set()
    for drawing in request.drawings():
        key = drawing.weights, drawing.sample.sampler == "one-step"
        if key in seen:
            continue
        seen.add(key)
        small = replace(drawing, sample=replace(drawing.sample, steps=min(drawing.sample.steps, WARM_UP_STEPS)), fps=0.0)
        try:
            with closing(draw(small)) as job:
                for event in job:
                    yield event if isinstance(event, e.Preparing) else e.Tick()
        except DigittyError:
            continue


def _pull(drawing: _Drawing, keep_frames: bool) -> Event:
    """The next event of a drawing, whose time is counted. Raises what the drawing raises."""
    start = time.perf_counter()
    try:
        event = next(drawing.job, None)
    finally:
        drawing.pulled += time.perf_counter() - start
    match event:
        case e.DrawStarted():
            drawing.started = drawing.pulled
        case e.Frame(_, step, steps):
            drawing.fraction = max(drawing.fraction, step / steps)
        case e.DrawDone(_, images, _, frame_steps):
            drawing.fraction = 1.0
            drawing.done = event = event if keep_frames else replace(event, frames=(images,), frame_steps=frame_steps[-1:])
        case None:
            drawing.over = True
    return event or e.Tick()


def _report(event: Event, drawing: _Drawing, drawings: list[_Drawing], seconds: float) -> Event:
    """The event of a drawing as one of the sweep."""
    done = sum(each.cost * each.fraction for each in drawings)
    fraction = done / sum(each.cost for each in drawings)
    left = seconds * (1 - fraction) / fraction if fraction > 0 else None
    match event:
        case e.Frame():
            return CellProgress(drawing.cell, event, drawing.pulled - drawing.started, fraction, left)
        case e.DrawDone():
            return CellDone(drawing.cell, event, fraction, left)
        case e.Preparing() | CellFailed() | e.Notice():
            return event
        case _:
            return e.Tick()
