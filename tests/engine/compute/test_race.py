"""A race of simulated candidates: it finds the fastest and keeps to its budget. The clock is simulated too."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pytest
from finish import finish

from engine.compute.race import NEAR, Result, race

SIZES = (2, 8, 32)


class Machine:
    """Candidates that need some seconds an image, and some to build their kernels at each new size."""

    def __init__(self, per_image: Mapping[str, float], building: float = 0.05) -> None:
        self.now = 0.0
        self.trials: list[tuple[str, int]] = []
        self._per_image, self._building = per_image, building

    def trial(self, candidate: str, size: int) -> float:
        spent = self._per_image[candidate] * size + (self._building if (candidate, size) not in self.trials else 0)
        self.trials.append((candidate, size))
        self.now += min(spent, 1.0) if math.isinf(spent) else spent
        return spent

    def race(self, budget: float = 6.0, candidates: Sequence[str] = ()) -> Result[str]:
        return finish(race(candidates or list(self._per_image), self.trial, SIZES, budget, lambda: self.now))


def test_a_modern_cpu_takes_bf16() -> None:
    """Seconds an image of the seed's training step on two cores with AVX512-BF16."""
    machine = Machine({"bf16 last": 0.0081, "bf16": 0.0236, "fp32": 0.0239, "fp32 last": 0.0503})
    assert machine.race() == Result("bf16 last", complete=True)
    assert machine.now < 3


def test_a_cpu_with_avx2_only_is_spared_the_hopeless() -> None:
    """bf16 needs 0.7 s an image there, fp32 a tenth of that at most."""
    machine = Machine({"fp32": 0.06, "fp32 last": 0.04, "bf16 last": 0.7, "bf16": 1.3})
    assert machine.race() == Result("fp32 last", complete=True)
    assert machine.now < 10
    assert [trial for trial in machine.trials if trial[0].startswith("bf16")] == [("bf16 last", 2), ("bf16", 2)], (
        "one trial each, of the smallest size"
    )


def test_no_trial_begins_after_the_budget() -> None:
    machine = Machine({"a": 2.0, "b": 1.0, "c": 0.5})
    assert machine.race(budget=6.0) == Result("a", complete=False)
    assert machine.trials == [("a", 2), ("a", 2)]


def test_one_that_works_is_found_whatever_the_budget() -> None:
    machine = Machine({"a": math.inf, "b": math.inf, "c": 5.0})
    assert machine.race(budget=0.1).best == "c"


def test_a_likelier_candidate_wins_if_it_is_nearly_as_fast() -> None:
    assert Machine({"likely": 0.01, "other": 0.01 / (1 + NEAR) + 1e-4}, building=0).race().best == "likely"
    assert Machine({"likely": 0.01, "other": 0.01 / (1 + NEAR) - 1e-4}, building=0).race().best == "other"


def test_what_is_slow_on_few_images_alone_may_still_win() -> None:
    class Layouts(Machine):
        def trial(self, candidate: str, size: int) -> float:
            slower = 2.5 if (candidate == "contiguous") == (size == 2) else 1
            spent = 0.01 * size * slower
            self.now += spent
            return spent

    assert Layouts({"last": 0, "contiguous": 0}).race().best == "contiguous"


@pytest.mark.parametrize("works_up_to", [2, 8])
def test_a_size_at_which_nothing_works_leaves_the_answer_of_the_one_before(works_up_to: int) -> None:
    class Small(Machine):
        def trial(self, candidate: str, size: int) -> float:
            return super().trial(candidate, size) if size <= works_up_to else math.inf

    assert Small({"slow": 0.015, "fast": 0.01}, building=0).race().best == "fast"


def test_none_works() -> None:
    machine = Machine({"a": math.inf, "b": math.inf})
    assert machine.race().best is None
    assert machine.trials == [("a", 2), ("b", 2)]


def test_it_can_be_left_between_trials() -> None:
    machine = Machine({"a": 1.0, "b": 1.0})
    running = race(["a", "b"], machine.trial, SIZES, 6.0, lambda: machine.now)
    assert next(running) == "a"
    assert machine.trials == [], "it says what comes before it begins"
    assert next(running) == "a"
    running.close()
    assert machine.trials == [("a", 2)]
