"""What the screen How asks the engine for, without torch: real digits, seeded noise, guesses that grow worse with the noise."""

from __future__ import annotations

import random
import time
from array import array
from collections.abc import Iterator
from math import cos, pi
from threading import Event as Flag

from fake_pictures import blend

from engine.config.data import MNIST
from engine.protocol.events import Event, Preparing, Tick
from engine.protocol.lesson import AttentionMap, Guess, GuessRequest, Lesson, LossByNoise
from engine.protocol.recipe import Images, WeightsInfo

T = 1000
GRID = 7


class FakeLessons:
    """Guesses hold until `go_on_guessing` is set, losses after `losses_hold_at` of them until `go_on_losing` is."""

    def __init__(self) -> None:
        self.attends = True
        self.go_on_guessing, self.go_on_losing = Flag(), Flag()
        self.go_on_guessing.set()
        self.losses_hold_at: int | None = None
        self.lessons: list[str] = []
        self.guesses: list[GuessRequest] = []
        self.losses: list[str] = []

    def lesson(self, weights: str) -> Iterator[Event]:
        self.lessons.append(weights)
        yield Preparing("reading the images")
        rng = random.Random(0)
        digits = Images(b"".join(blend(label, 0, 0, 1.0) for label in range(10)), 10)
        noise = array("f", (rng.gauss(0, 1) for _ in range(MNIST.picture_bytes))).tobytes()
        alpha_bar = tuple(max(1e-4, cos((t + 1) / T * pi / 2) ** 2) for t in range(T))
        yield Lesson(MNIST, WeightsInfo(weights, 4690, "average"), digits, noise, alpha_bar, self.attends, weights.endswith("one-step"))

    def guess(self, request: GuessRequest) -> Iterator[Event]:
        self.guesses.append(request)
        while not self.go_on_guessing.is_set():
            time.sleep(0.002)
            yield Tick()
        share = 1 - request.t / T
        pictures = b"".join(blend(request.label, 0, i, share) for i in range(5))
        weights = tuple(1.0 if i == j else 0.0 for i in range(GRID * GRID) for j in range(GRID * GRID))
        attention = AttentionMap(GRID, GRID, weights) if self.attends else None
        yield Guess(request.label, request.t, Images(pictures, 5), 0.25, 12.0, attention)

    def loss_by_noise(self, weights: str) -> Iterator[Event]:
        self.losses.append(weights)
        yield Preparing("reading the images")
        timesteps = tuple(range(0, T, 111))
        for done in range(1, len(timesteps) + 1):
            while done - 1 == self.losses_hold_at and not self.go_on_losing.is_set():
                time.sleep(0.002)
                yield Tick()
            shown = timesteps[:done]
            yield LossByNoise(WeightsInfo(weights, 4690, "average"), shown, tuple(0.5 / (1 + t / 50) for t in shown), len(timesteps))
