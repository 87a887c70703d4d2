"""The figures of an evaluation in words. Knows no tensors."""

from __future__ import annotations

from typing import Any

from engine.formatting import duration


def evaluation_text(report: dict[str, Any]) -> str:
    """The figures of `engine.evaluation.job.Report`, a line each; a comparison of too few digits is left out."""
    drawn, judge, engine = report["sample"], report["classifier"], report["engine"]
    low, high = report["accuracy_interval"]
    again = f", {report['again']:,} of them again" if report["again"] else ""
    lines = {
        "digits": f"{report['count']:,}, drawn by {report['weights']}{again}; {report['evaluations']:.4g} network evaluations each",
        "sampler": ", ".join(f"{value}" if name == "sampler" else f"{name} {value}" for name, value in drawn.items()),
        "accuracy": f"{report['accuracy']:.2%}  (95% interval {low:.2%} to {high:.2%})",
        "each digit": "  ".join(f"{digit}: {share:.1%}" for digit, share in enumerate(report["class_accuracy"]) if share is not None),
    }
    if report["frechet"] is not None:
        sides = f"{report['compared']:,} test images"
        beside = f"{report['frechet_ratio']:.2f} times the floor" if report["frechet_ratio"] is not None else "the floor"
        lines["Fréchet"] = f"{report['frechet']:.4g}  ({beside} of {report['frechet_floor']:.4g}, training images against {sides})"
        lines["precision"] = f"{report['precision']:.1%}  of the digits look like one of {sides}"
        lines["recall"] = f"{report['recall']:.1%}  of {sides} look like one of the digits"
        lines["coverage"] = f"{report['coverage']:.1%}  of {sides} have a digit near"
    lines["copying"] = f"{report['memorisation']:.3f}  nearest training image by nearest test image, in pixels; well below 1 is copying"
    lines["judge"] = f"classifier with {judge['features']} features, {judge['test_accuracy']:.2%} on the test set"
    other = report["second"]
    low, high = other["accuracy_interval"]
    beside = f", Fréchet {other['frechet_ratio']:.2f} times the floor" if other["frechet_ratio"] is not None else ""
    lines["another"] = f"classifier ({other['test_accuracy']:.2%} on the test set): {other['accuracy']:.2%} right ({low:.2%} to {high:.2%}){beside}"
    lines["engine"] = f"{engine['device']} {engine['precision']} {engine['layout']}, {duration(report['seconds'])}"
    return "\n".join(f"{name:<10}  {text}" for name, text in lines.items())
