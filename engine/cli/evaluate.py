"""`digitty evaluate`: draw pictures, judge them, print the figures."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from engine.cli.evaluation_text import evaluation_text, gallery_title, ranking
from engine.cli.options import device_options, fitted_weights, force_option, plain_option, sample_config, sampling_options, setting_option
from engine.cli.output import print_line, print_status
from engine.cli.progress import BETWEEN
from engine.cli.run_job import run_with_progress
from engine.config.compute import Device, Precision
from engine.config.fields import settings_of
from engine.config.sampling import steps_hint
from engine.formatting import format_duration
from engine.jobs.jobs import Jobs
from engine.process.signals import interruptible
from engine.protocol import events as e
from engine.protocol.requests import EvaluateRequest

SURE_AFTER = 2.0
"""Seconds of a kind of work, before its progress line says how much time is left."""


@click.command(help="Draw pictures and judge them: are they read as the requested class, how close are they to real ones, are they copies?")
@setting_option(settings_of(EvaluateRequest)["count"])
@sampling_options()
@setting_option(settings_of(EvaluateRequest)["captions"], is_flag=True, show_default=False)
@setting_option(settings_of(EvaluateRequest)["train_reader"], is_flag=True, show_default=False)
@click.option("--out", type=click.Path(path_type=Path), help="Also write a .png with the best five and the worst five of each class, labelled.")
@force_option
@device_options
@plain_option
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON on standard output.")
def evaluate(
    count: int,
    weights: str,
    out: Path | None,
    force: bool,
    device: Device,
    precision: Precision,
    threads: int | None,
    train_reader: bool,
    captions: bool,
    as_json: bool,
    **options: Any,
) -> None:
    from engine.storage.gallery_sheet import describe_gallery, save_gallery
    from engine.storage.images import check_output_path

    sample = sample_config(options, weights)
    request = EvaluateRequest(count, sample, fitted_weights(weights, sample.sampler), train_reader, captions)
    if out is not None:
        check_output_path(out, (".png",), force)
    if hint := steps_hint(sample):
        print_status(hint)
    done = run_with_progress(Jobs(device, precision, threads).evaluate(request), e.EvaluateDone, Described())
    if out is not None:
        with interruptible():
            save_gallery(out, done.gallery, gallery_title(done.report), ranking(done.report))
        print_status(describe_gallery(out, done.gallery, ranking(done.report)))
    if as_json:
        click.echo(json.dumps(done.report))
    else:
        for line in evaluation_text(done.report).splitlines():
            print_line(line)


class Described:
    """What the progress line says of each event, and the fraction that is done. It estimates the time left of each kind of work."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._what = ""
        self._started, self._first = 0.0, 0

    def __call__(self, event: e.Event) -> tuple[str, float] | None:
        if not isinstance(event, e.EvaluateProgress):
            return None
        now = self._clock()
        if event.what != self._what:
            self._what, self._started, self._first = event.what, now, event.done
        facts = [event.what, f"{event.done}/{event.total}"]
        done, spent = event.done - self._first, now - self._started
        if done > 0 and spent >= SURE_AFTER:
            facts.append(f"{format_duration(spent / done * (event.total - event.done))} left")
        return BETWEEN.join(facts), event.done / max(1, event.total)
