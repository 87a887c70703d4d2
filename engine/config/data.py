"""What the training images are."""

from __future__ import annotations

CLASS_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


TRAIN_IMAGES = 60_000
