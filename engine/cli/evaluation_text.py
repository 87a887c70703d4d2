"""The figures of an evaluation in words. Knows the report as JSON values, no tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.config.data import MNIST
from engine.formatting import format_duration, format_evaluations
from engine.storage.gallery_sheet import Ranking

MOST_CLASSES, WORST_CLASSES = 20, 10
"""All classes are listed up to the first number, as in the gallery; of more, the second number of those with the lowest accuracy."""
LONGEST_CLASS = 24
"""Characters of a class's name in a list of classes."""
BY_CLASS = Ranking()
OF_MANY = Ranking(
    summary="of the ten classes that are read worst, the {most} pictures that the classifier is most sure of, and those that it is least sure of"
)
BY_NEARNESS = Ranking(
    "these are nearest to real images", "these are farthest from real images", "the {most} pictures nearest to real images, and the farthest"
)
BY_ORDER = Ranking(
    "the first that were drawn", "the last that were drawn", "the first {most} pictures and the last; there are too few real images to judge by"
)


def ranking(report: dict[str, Any]) -> Ranking:
    """By what the pictures of the gallery are best and worst."""
    if report["accuracy"] is not None:
        return BY_CLASS if len(report["class_names"]) <= MOST_CLASSES else OF_MANY
    return BY_NEARNESS if report["frechet"] is not None else BY_ORDER


def gallery_title(report: dict[str, Any]) -> str:
    """The first line of the sheet."""
    read = "" if report["accuracy"] is None else f"; {report['accuracy']:.2%} are read as the requested {_one(report)}"
    return f"{report['count']:,} {_many(report)} drawn with {report['weights']}{read}"


def evaluation_text(report: dict[str, Any]) -> str:
    """The figures of `evaluation.report.Report`, a line each, without comparisons of too few pictures."""
    lines = {**_drawing_lines(report), **_caption_lines(report), **_comparison_lines(report), **_judge_lines(report)}
    width = max(10, *(len(name) for name in lines))
    notes = [f"{'note':<{width}}  {note}" for note in report["notes"]]
    return "\n".join([*(f"{name:<{width}}  {text}" for name, text in lines.items()), *notes])


def _one(report: dict[str, Any]) -> str:
    return "digit" if report["data"] == MNIST.name else "class"


def _many(report: dict[str, Any]) -> str:
    return "digits" if report["data"] == MNIST.name else "pictures"


def _drawing_lines(report: dict[str, Any]) -> dict[str, str]:
    redrawn = f", {report['again']:,} of them redrawn" if report["again"] else ""
    evaluations = format_evaluations(report["evaluations"])
    lines = {
        _many(report): f"{report['count']:,}, drawn with {report['weights']}{redrawn}; {evaluations} network evaluations each",
        "sampler": ", ".join(f"{value}" if name == "sampler" else f"{name} {value}" for name, value in report["sample"].items()),
    }
    if report["accuracy"] is not None:
        low, high = report["accuracy_interval"]
        judge = report["classifier"]
        real = f"; of real images {judge['test_accuracy']:.2%}" if report["data"] != MNIST.name else ""
        lines["accuracy"] = f"{report['accuracy']:.2%} are read as the requested {_one(report)} (95% interval {low:.2%} to {high:.2%}){real}"
        few = len(report["class_accuracy"]) <= MOST_CLASSES
        lines[f"each {_one(report)}" if few else "worst"] = "  ".join(_classes(report))
    return lines


def _caption_lines(report: dict[str, Any]) -> dict[str, str]:
    """How well the pictures fit the captions that they were drawn by, where there are any."""
    if (found := report.get("captions")) is None:
        return {}
    low, high = found["preferred_interval"]
    return {
        "captions": f"{found['preferred']:.2%} fit their caption better than the same with one fact changed "
        f"(95% interval {low:.2%} to {high:.2%}; real ones: {found['real_preferred']:.2%})",
        "fit": f"{found['fit']:.3f} is the mean probability that the caption is true, by an image tower (real ones: {found['real_fit']:.3f})",
    }


def _classes(report: dict[str, Any]) -> Iterator[str]:
    """MNIST's classes by their digits, others by their names; of many, those with the lowest accuracy."""
    shares = list(enumerate(report["class_accuracy"]))
    if len(shares) > MOST_CLASSES:
        shares = sorted((pair for pair in shares if pair[1] is not None), key=lambda pair: pair[1])[:WORST_CLASSES]
    for label, share in shares:
        name = str(label) if report["data"] == MNIST.name else _shortened(report["class_names"][label])
        yield f"{name}: {'not drawn' if share is None else f'{share:.1%}'}"


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_CLASS else f"{name[: LONGEST_CLASS - 1]}…"


def _comparison_lines(report: dict[str, Any]) -> dict[str, str]:
    lines = {}
    what = _many(report)
    if report["frechet"] is not None:
        test_images = f"{report['compared']:,} {'test images' if report['held_out'] else 'images of one half'}"
        floor, others = f"{report['frechet_floor']:.4g}", "real training images" if report["held_out"] else "those of the other half"
        lines["Fréchet"] = f"{report['frechet']:.4g} from the {test_images}; {others} are {floor} from them{_times(report, what)}"
        lines["precision"] = f"{report['precision']:.1%} of the {what} look like one of the {test_images}{_floor(report, 'precision_floor')}"
        lines["recall"] = f"{report['recall']:.1%} of the {test_images} look like one of the {what}{_floor(report, 'recall_floor')}"
        lines["coverage"] = f"{report['coverage']:.1%} of the {test_images} have one of the {what} nearby{_floor(report, 'coverage_floor')}"
    if (ratio := report["memorisation"]) is not None:
        lines["copying"] = (
            f"{ratio:.3f} (distance to the nearest training image, divided by that to the nearest test image; well below 1 means copies)"
        )
    if (ratio := report["distance_ratio"]) is not None:
        lines["by picture"] = (
            f"{ratio:.3f} (the same for each picture, relative to images that were not trained on; 1 means no copies, below 0.75 copies)"
        )
    return lines


def _floor(report: dict[str, Any], name: str) -> str:
    """The same figure for as many real images."""
    floor = report[name]
    return f" (as many real ones: {floor:.1%})" if floor is not None else ""


def _times(report: dict[str, Any], what: str) -> str:
    """How far the pictures are from the test images, compared with training images."""
    ratio = report["frechet_ratio"]
    return f" (the {what} are {ratio:.2f} times as far; 1 is perfect)" if ratio is not None else ""


def _judge_lines(report: dict[str, Any]) -> dict[str, str]:
    judge, second, engine = report["classifier"], report["second"], report["engine"]
    lines = {}
    if judge["kind"] == "features":
        lines["judged by"] = f"{judge['features']} features that a network learned from the images of {report['data']}, without classes"
        if second["frechet_ratio"] is not None:
            lines["check"] = f"{judge['features']} features of another network{_times(second, _many(report))}"
    elif judge["kind"] == "classifier":
        of_test_set = "of the real test images right"
        low, high = second["accuracy_interval"]
        lines["judged by"] = f"a classifier that reads {judge['test_accuracy']:.2%} {of_test_set}{_tested(judge)}"
        lines["check"] = (
            f"another classifier, which reads {second['test_accuracy']:.2%} {of_test_set}, "
            f"reads {second['accuracy']:.2%} of the {_many(report)} as requested ({low:.2%} to {high:.2%}){_times(second, _many(report))}"
        )
    lines["engine"] = f"{engine['device']} {engine['precision']} {engine['layout']}, {format_duration(report['seconds'])}"
    return lines


def _tested(judge: dict[str, Any]) -> str:
    """In brackets: 10,000 of them; 95% interval 91.78% to 92.82%."""
    if judge["test_interval"] is None:
        return ""
    low, high = judge["test_interval"]
    return f" ({judge['tested']:,} of them; 95% interval {low:.2%} to {high:.2%})"
