"""USPS: text in the form of LIBSVM, a line an image.

Source: https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass.html#usps. A line is the label, from 1, then `index:value` for each of
the 16×16 pixels, from index 1, with values from -1 to 1.
"""

from __future__ import annotations

from engine.datasets.sources.arrays import Part
from engine.errors import SettingError
from engine.formatting import printable

SIDE = 16
CLASSES = 10


def parse_usps(raw: bytes, name: str) -> Part:
    """The images and labels, as torchvision scales and numbers them. Raises SettingError, which names the file and the line."""
    import numpy as np

    lines = raw.split(b"\n")
    if not lines[-1].strip():
        lines.pop()
    values = np.zeros((len(lines), SIDE * SIDE), np.float32)
    labels = np.zeros(len(lines), np.int64)
    for number, line in enumerate(lines):
        try:
            label, *pairs = line.split()
            labels[number] = int(label) - 1
            for pair in pairs:
                index, _, value = pair.partition(b":")
                if not 1 <= int(index) <= SIDE * SIDE:
                    raise ValueError
                values[number, int(index) - 1] = float(value)
        except (ValueError, OverflowError):
            labels[number] = -1
        if not 0 <= labels[number] < CLASSES or not np.abs(values[number]).max() <= 1:
            raise SettingError(f"line {number + 1} of {printable(name)} is not an image of USPS; download it again")
    return Part(((values + 1) / 2 * 255).astype(np.uint8).reshape(-1, SIDE, SIDE), labels)
