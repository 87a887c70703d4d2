"""What drawings show of what was asked for: attributes as values, one attribute changed, variants, and hands.

    python benchmarks/conditions.py --weights RUN
    python benchmarks/conditions.py --weights RUN --count 200 --guidance 2 --redraw 0.9      # a quick look, with redrawing

Attributes are those of real test images, so that each is one that a digit of its class can have. Values are asked for one at a time, and all four
together. Then each is moved by one standard deviation within the class while noise and the three others stay. Drawn digits are measured as real
ones are. Two judges that took no part in drawing read them. By default nothing is redrawn. A one-step student draws in one step.

    digitty train --preset hand --seed 1 --run verifier --data-root FOLDER
    python benchmarks/conditions.py --weights RUN --only hands --verifier verifier --data-root FOLDER

Hands are those of MNIST's test images, by writers whom nothing was trained on; FOLDER holds QMNIST's labels. Digits of other classes are drawn in the
hand of a reference of one or five real digits, and as many in the hand of another writer's digits. The verifier compares each with the reference. The
AUC is the probability that it finds the right one more like it; beside it stands the AUC where both are real digits by these writers.
"""

from __future__ import annotations

import argparse
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.checkpoints.classifier import SECOND, load_classifier
from engine.checkpoints.encoder import shipped_encoder, to_encoder
from engine.checkpoints.lookup import find_weights
from engine.config.condition import ATTRIBUTES, VARIANTS, Condition, Interval
from engine.config.fields import MAX_COUNT
from engine.config.hand import HandSource
from engine.config.sampling import SampleConfig
from engine.data.mnist import load
from engine.datasets.writers import QMNIST, read_writers
from engine.evaluation.hands import compare_codes, draw_trials, measure_auc
from engine.evaluation.metrics import Shares, neighbourhoods
from engine.jobs.jobs import Jobs
from engine.measures.shape import enlarge, measure_enlarged
from engine.measures.variants import VARIANTS as RULES
from engine.models.writer import WriterEncoder
from engine.protocol.events import DrawDone, Event
from engine.protocol.requests import DrawRequest
from engine.runs.weights_names import is_student
from engine.sampling.hands import encode, mean_hand

Values = npt.NDArray[np.float64]
NAMES = tuple(ATTRIBUTES)
DIGITS = 10
REFERENCES = (1, 5)
"""Digits of a reference."""


class JudgedPipeline:
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


def show_values(pipeline: JudgedPipeline, labels: Sequence[int], real: Values) -> None:
    for k, name in enumerate(NAMES):
        images = pipeline.draw([ask(label, values, (name,)) for label, values in zip(labels, real, strict=True)])
        print(f"{line(name, real[:, k], measured(images)[:, k])}  read right {pipeline.read_right(images, labels)}", flush=True)
    images = pipeline.draw([ask(label, values) for label, values in zip(labels, real, strict=True)])
    print(f"all four together: read right {pipeline.read_right(images, labels)}")
    found = measured(images)
    for k, name in enumerate(NAMES):
        print(line(name, real[:, k], found[:, k]))


def show_changes(pipeline: JudgedPipeline, labels: Sequence[int], real: Values, scale: Values) -> None:
    """How far each attribute moves when one is asked to move by a standard deviation of its class, in such deviations."""
    before = measured(pipeline.draw([ask(*each) for each in zip(labels, real, strict=True)]))
    deviation = scale[list(labels)]
    for k, name in enumerate(NAMES):
        moved = real.copy()
        moved[:, k] += deviation[:, k]
        after = measured(pipeline.draw([ask(*each) for each in zip(labels, moved, strict=True)]))
        change = np.nanmean((after - before) / deviation, axis=0)
        print(f"  {name:10} moved by {change[k]:+.2f}; " + ", ".join(f"{o} {change[j]:+.2f}" for j, o in enumerate(NAMES) if j != k), flush=True)


def show_variants(pipeline: JudgedPipeline, count: int) -> None:
    for name, digit in VARIANTS.items():
        shares = []
        for wanted in (True, False):
            images = pipeline.draw([Condition(digit, (), ((name, wanted),))] * count)
            large = [enlarge(image) for image in images.numpy()]
            right = [each is not None and RULES[name][1](each) == wanted for each in large]
            shares.append(f"{'asked for' if wanted else 'refused'} {np.mean(right):.1%} (read right {pipeline.read_right(images, [digit] * count)})")
        plain = [enlarge(image) for image in pipeline.draw([Condition(digit)] * count).numpy()]
        share = np.mean([each is not None and RULES[name][1](each) for each in plain])
        print(f"  {name:12} {digit}  {', '.join(shares)}; not mentioned: {share:.1%} have it", flush=True)


def hands_of(images: Tensor, labels: Tensor, places: Tensor) -> list[tuple[float, ...]]:
    """The hand of each row of places (n, k), as the network is told it."""
    codes = mean_hand(encode(shipped_encoder(), images, labels)[places])
    return [tuple(row) for row in codes.tolist()]


def show_hands(pipeline: JudgedPipeline, count: int, verifier: WriterEncoder, writers: str, data_root: Path | None) -> None:
    images, labels = load(False)
    who = read_writers(writers, labels.numpy(), data_root, train=False)
    real_codes = encode(verifier, images, labels)
    for digits in REFERENCES:
        trials = draw_trials(labels.numpy(), who, digits, count)
        real = measure_auc(compare_codes(real_codes, trials), trials)
        asked = [(trials.same, hands_of(images, labels, trials.reference)), (trials.other, hands_of(images, labels, trials.other))]
        conditions = [
            Condition(int(labels[place]), hand=code) for places, codes in asked for row, code in zip(places, codes, strict=True) for place in row
        ]
        drawn = pipeline.draw(conditions)
        shown = torch.tensor([condition.label for condition in conditions])
        same, other = torch.arange(len(shown)).view(2, count, digits) + len(labels)
        codes = torch.cat([real_codes, encode(verifier, drawn, shown)])
        found = measure_auc(compare_codes(codes, replace(trials, same=same, other=other)), trials)
        right = pipeline.read_right(drawn, shown.tolist())
        print(f"  {digits} digit{'s' * (digits > 1)}: AUC {found}; of real digits {real}; read right {right}", flush=True)


def show_many_hands(pipeline: JudgedPipeline, count: int) -> None:
    """How much of real digits do digits in as many hands cover? Beside it what as many other real digits cover."""
    (real, labels), (more, _) = load(False, limit=count), load(True, limit=count)
    drawn = pipeline.draw([Condition(label, hand=HandSource(number=number)) for number, label in enumerate(labels.tolist())])
    for judge in pipeline.judges:
        features = [judge.features_and_logits(each)[0] for each in (real, drawn, more)]
        shares = [run_through(neighbourhoods(features[0], each)) for each in features[1:]]
        print("  recall {:.3f}, coverage {:.3f}; of real digits {:.3f} and {:.3f}".format(*(v for s in shares for v in (s.recall, s.coverage))))
    print(f"  read right {pipeline.read_right(drawn, labels.tolist())}")


def run_through(job: Generator[Event, None, Shares]) -> Shares:
    """What a generator of events returns."""
    while True:
        try:
            next(job)
        except StopIteration as end:
            found: Shares = end.value
            return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="shipped")
    parser.add_argument("--count", type=int, default=1000, help="digits of each drawing")
    parser.add_argument("--steps", type=int, default=SampleConfig().steps)
    parser.add_argument("--guidance", type=float, default=SampleConfig().guidance)
    parser.add_argument("--redraw", type=float, default=0.0, help="the setting --redraw-below")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto")
    parser.add_argument("--only", choices=["values", "changes", "variants", "hands"])
    parser.add_argument("--verifier", help="a run or a file of the preset hand, from another random seed")
    parser.add_argument("--writers", default=QMNIST, help="who wrote each test image: qmnist, or a file with a number for each")
    parser.add_argument("--data-root", type=Path, help="the folder that holds QMNIST's labels")
    given = parser.parse_args()
    if given.only == "hands" and given.verifier is None:
        parser.error("hands need a --verifier: the encoder that ships judges what the network was told by itself")
    if not 20 <= given.count <= MAX_COUNT // DIGITS:
        parser.error(f"--count is 20 to {MAX_COUNT // DIGITS:,}")
    usual = replace(SampleConfig(), steps=given.steps, guidance=given.guidance, redraw_below=given.redraw)
    sample = replace(SampleConfig("one-step", 1), redraw_below=given.redraw) if is_student(given.weights) else usual
    pipeline = JudgedPipeline(given.weights, sample, given.device)
    images, labels = load(False, limit=given.count)
    real, digits = measured(images), labels.tolist()
    if given.only in (None, "values"):
        print(f"one attribute asked for, {given.count:,} digits each:")
        show_values(pipeline, digits, real)
    if given.only in (None, "changes"):
        print("one attribute moved by one standard deviation; all move by:")
        show_changes(pipeline, digits, real, deviations(real, labels.numpy()))
    if given.only in (None, "variants"):
        print("variants:")
        show_variants(pipeline, max(20, given.count // 10))
    if given.verifier is not None and given.only in (None, "hands"):
        print("hands:")
        show_hands(pipeline, given.count, to_encoder(find_weights(given.verifier), given.verifier), given.writers, given.data_root)
        print(f"{given.count:,} digits in {given.count:,} hands:")
        show_many_hands(pipeline, given.count)


if __name__ == "__main__":
    main()
