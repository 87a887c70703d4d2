"""What drawings show of what was asked for: attributes as values, one attribute changed, and variants.

    python benchmarks/conditions.py --weights RUN
    python benchmarks/conditions.py --weights RUN --count 200 --guidance 2 --redraw 0.9      # a quick look, with redrawing

Attributes are those of real test images, so that each is one that a digit of its class can have. Values are asked for one at a time, and all four
together. Then each is moved by one standard deviation within the class while noise and the three others stay. Drawn digits are measured as real
ones are. Two judges that took no part in drawing read them. By default nothing is redrawn.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.checkpoints.classifier import SECOND, load_classifier
from engine.config.condition import ATTRIBUTES, VARIANTS, Condition, Interval
from engine.config.fields import MAX_COUNT
from engine.config.sampling import SampleConfig
from engine.data.mnist import load
from engine.jobs.jobs import Jobs
from engine.measures.shape import enlarge, measure_enlarged
from engine.measures.variants import VARIANTS as RULES
from engine.protocol.events import DrawDone
from engine.protocol.requests import DrawRequest

Values = npt.NDArray[np.float64]
NAMES = tuple(ATTRIBUTES)
DIGITS = 10


class Artist:
    """Draws conditions with one set of weights, and says how many digits the judges read as asked."""

    def __init__(self, weights: str, sample: SampleConfig, device: str) -> None:
        self.jobs, self.weights, self.sample = Jobs(device), weights, sample
        self.judges = load_classifier(), load_classifier(path=SECOND)

    def draw(self, conditions: Sequence[Condition], indices: Sequence[int] | None = None) -> Tensor:
        """(N, 28, 28) uint8."""
        labels, noise = tuple(condition.label for condition in conditions), None if indices is None else tuple(indices)
        request = DrawRequest(labels, self.sample, noise, self.weights, fps=0, conditions=tuple(conditions))
        with closing(self.jobs.draw(request)) as job:
            (done,) = (event for event in job if isinstance(event, DrawDone))
        return torch.frombuffer(bytearray(done.images.data), dtype=torch.uint8).view(-1, 28, 28)

    @torch.inference_mode()
    def read_right(self, images: Tensor, labels: Sequence[int]) -> str:
        wanted = torch.tensor(labels)
        shares = [float((judge.features_and_logits(images)[1].argmax(1) == wanted).float().mean()) for judge in self.judges]
        return " and ".join(f"{share:.2%}" for share in shares)


def measured(images: Tensor) -> Values:
    """(N, 4): NaN for images without strokes."""
    rows = []
    for image in images.numpy():
        large = enlarge(image)
        shape = None if large is None else measure_enlarged(large)
        rows.append([np.nan] * len(NAMES) if shape is None else [getattr(shape, name) for name in NAMES])
    return np.array(rows)


def deviations(values: Values, labels: npt.NDArray[np.int64]) -> Values:
    """(10, 4): the standard deviation of each attribute within each class."""
    return np.stack([np.nanstd(values[labels == digit], axis=0) for digit in range(DIGITS)])


def ask(label: int, values: Values, names: Sequence[str] = NAMES) -> Condition:
    return Condition(label, tuple((name, Interval(float(v), float(v))) for name, v in zip(NAMES, values, strict=True) if name in names))


def line(name: str, asked: Values, found: Values) -> str:
    """The errors of one attribute; values (N,)."""
    error = found - asked
    r2 = 1 - np.nanmean(error**2) / np.nanvar(asked)
    return f"  {name:10} MAE {np.nanmean(np.abs(error)):6.3f} {ATTRIBUTES[name].unit:2}  R² {r2:6.3f}  mean error {np.nanmean(error):+7.3f}"


def show_values(artist: Artist, labels: Sequence[int], real: Values) -> None:
    for k, name in enumerate(NAMES):
        images = artist.draw([ask(label, values, (name,)) for label, values in zip(labels, real, strict=True)])
        print(f"{line(name, real[:, k], measured(images)[:, k])}  read right {artist.read_right(images, labels)}", flush=True)
    images = artist.draw([ask(label, values) for label, values in zip(labels, real, strict=True)])
    print(f"all four together: read right {artist.read_right(images, labels)}")
    found = measured(images)
    for k, name in enumerate(NAMES):
        print(line(name, real[:, k], found[:, k]))


def show_changes(artist: Artist, labels: Sequence[int], real: Values, scale: Values) -> None:
    """How far each attribute moves when one is asked to move by a standard deviation of its class, in such deviations."""
    before = measured(artist.draw([ask(*each) for each in zip(labels, real, strict=True)]))
    deviation = scale[list(labels)]
    for k, name in enumerate(NAMES):
        moved = real.copy()
        moved[:, k] += deviation[:, k]
        after = measured(artist.draw([ask(*each) for each in zip(labels, moved, strict=True)]))
        change = np.nanmean((after - before) / deviation, axis=0)
        print(f"  {name:10} moved by {change[k]:+.2f}; " + ", ".join(f"{o} {change[j]:+.2f}" for j, o in enumerate(NAMES) if j != k), flush=True)


def show_variants(artist: Artist, count: int) -> None:
    for name, digit in VARIANTS.items():
        shares = []
        for wanted in (True, False):
            images = artist.draw([Condition(digit, (), ((name, wanted),))] * count)
            large = [enlarge(image) for image in images.numpy()]
            right = [each is not None and RULES[name][1](each) == wanted for each in large]
            shares.append(f"{'asked for' if wanted else 'refused'} {np.mean(right):.1%} (read right {artist.read_right(images, [digit] * count)})")
        plain = [enlarge(image) for image in artist.draw([Condition(digit)] * count).numpy()]
        share = np.mean([each is not None and RULES[name][1](each) for each in plain])
        print(f"  {name:12} {digit}  {', '.join(shares)}; not mentioned: {share:.1%} have it", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="shipped")
    parser.add_argument("--count", type=int, default=1000, help="digits of each drawing")
    parser.add_argument("--steps", type=int, default=SampleConfig().steps)
    parser.add_argument("--guidance", type=float, default=SampleConfig().guidance)
    parser.add_argument("--redraw", type=float, default=0.0, help="the setting --redraw-below")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto")
    parser.add_argument("--only", choices=["values", "changes", "variants"])
    given = parser.parse_args()
    if not 20 <= given.count <= MAX_COUNT // DIGITS:
        parser.error(f"--count is 20 to {MAX_COUNT // DIGITS:,}")
    artist = Artist(given.weights, replace(SampleConfig(), steps=given.steps, guidance=given.guidance, redraw_below=given.redraw), given.device)
    images, labels = load(False, limit=given.count)
    real, digits = measured(images), labels.tolist()
    if given.only in (None, "values"):
        print(f"one attribute asked for, {given.count:,} digits each:")
        show_values(artist, digits, real)
    if given.only in (None, "changes"):
        print("one attribute moved by one standard deviation; all move by:")
        show_changes(artist, digits, real, deviations(real, labels.numpy()))
    if given.only in (None, "variants"):
        print("variants:")
        show_variants(artist, max(20, given.count // 10))


if __name__ == "__main__":
    main()
