"""`digitty evaluate`: draw digits, judge them, print the figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from engine.cli.options import device_options, fitted_weights, force_option, plain_option, sample_config, sampling_options, setting_option
from engine.cli.output import print_line, print_status
from engine.cli.run_job import run_with_progress
from engine.config.compute import Device, Precision
from engine.config.fields import settings_of
from engine.config.sampling import steps_hint
from engine.formatting import format_duration
from engine.jobs.jobs import Jobs
from engine.process.signals import interruptible
from engine.protocol import events as e
from engine.protocol.requests import EvaluateRequest


@click.command(help="Draw digits and judge them: are they read as the requested digit, how close are they to real ones, are they copies?")
@setting_option(settings_of(EvaluateRequest)["count"])
@sampling_options()
@click.option("--out", type=click.Path(path_type=Path), help="Also write a .png with the best five and the worst five of each digit, labelled.")
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
    as_json: bool,
    **options: Any,
) -> None:
    from engine.storage.gallery_sheet import describe_gallery, save_gallery
    from engine.storage.images import check_output_path

    sample = sample_config(options, weights)
    request = EvaluateRequest(count, sample, fitted_weights(weights, sample.sampler))
    if out is not None:
        check_output_path(out, (".png",), force)
    if hint := steps_hint(sample):
        print_status(hint)
    done = run_with_progress(Jobs(device, precision, threads).evaluate(request), e.EvaluateDone, _describe)
    if out is not None:
        with interruptible():
            save_gallery(out, done.gallery, gallery_title(done.report))
        print_status(describe_gallery(out, done.gallery))
    if as_json:
        click.echo(json.dumps(done.report))
    else:
        for line in evaluation_text(done.report).splitlines():
            print_line(line)


def _describe(event: e.Event) -> tuple[str, float] | None:
    """What the progress line says, and the fraction that is done."""
    if not isinstance(event, e.EvaluateProgress):
        return None
    return f"{event.what}  {event.done}/{event.total}", event.done / max(1, event.total)


def gallery_title(report: dict[str, Any]) -> str:
    """The first line of the sheet."""
    return f"{report['count']:,} digits drawn with {report['weights']}; {report['accuracy']:.2%} are read as the requested digit"


def evaluation_text(report: dict[str, Any]) -> str:
    """The figures of `evaluation.report.Report`, a line each, without comparisons of too few digits."""
    lines = {**_drawing_lines(report), **_comparison_lines(report), **_judge_lines(report)}
    return "\n".join(f"{name:<10}  {text}" for name, text in lines.items())


def _drawing_lines(report: dict[str, Any]) -> dict[str, str]:
    low, high = report["accuracy_interval"]
    redrawn = f", {report['again']:,} of them redrawn" if report["again"] else ""
    return {
        "digits": f"{report['count']:,}, drawn with {report['weights']}{redrawn}; {report['evaluations']:.4g} network evaluations each",
        "sampler": ", ".join(f"{value}" if name == "sampler" else f"{name} {value}" for name, value in report["sample"].items()),
        "accuracy": f"{report['accuracy']:.2%} are read as the requested digit (95% interval {low:.2%} to {high:.2%})",
        "each digit": "  ".join(
            f"{digit}: {'not drawn' if share is None else f'{share:.1%}'}" for digit, share in enumerate(report["class_accuracy"])
        ),
    }


def _comparison_lines(report: dict[str, Any]) -> dict[str, str]:
    lines = {}
    if report["frechet"] is not None:
        test_images, floor = f"{report['compared']:,} test images", report["frechet_floor"]
        lines["Fréchet"] = f"{report['frechet']:.4g} from the {test_images}; real training images are {floor:.4g} from them{_times(report)}"
        lines["precision"] = f"{report['precision']:.1%} of the digits look like one of the {test_images}"
        lines["recall"] = f"{report['recall']:.1%} of the {test_images} look like one of the digits"
        lines["coverage"] = f"{report['coverage']:.1%} of the {test_images} have a digit nearby"
    ratio = report["memorisation"]
    lines["copying"] = f"{ratio:.3f} (distance to the nearest training image, divided by that to the nearest test image; well below 1 means copies)"
    return lines


def _times(report: dict[str, Any]) -> str:
    """How far the digits are from the test images, compared with training images."""
    ratio = report["frechet_ratio"]
    return f" (the digits are {ratio:.2f} times as far; 1 is perfect)" if ratio is not None else ""


def _judge_lines(report: dict[str, Any]) -> dict[str, str]:
    judge, second, engine = report["classifier"], report["second"], report["engine"]
    low, high = second["accuracy_interval"]
    of_test_set = "of the real test images right"
    return {
        "judged by": f"a classifier that reads {judge['test_accuracy']:.2%} {of_test_set}",
        "check": f"another classifier, which reads {second['test_accuracy']:.2%} {of_test_set}, "
        f"reads {second['accuracy']:.2%} of the digits as requested ({low:.2%} to {high:.2%}){_times(second)}",
        "engine": f"{engine['device']} {engine['precision']} {engine['layout']}, {format_duration(report['seconds'])}",
    }
