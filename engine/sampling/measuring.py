"""Measures what a condition asks for in a drawn picture. Loads scipy only where there is something to measure."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from engine.config.condition import ATTRIBUTES, VARIANTS, Condition, Interval
from engine.protocol.events import Event, StrokesMeasured, Tick
from engine.protocol.measured import Measured, compare
from engine.protocol.recipe import Images


def is_measurable(condition: Condition) -> bool:
    """Whether it asks for something that can be measured. Variants of another digit can't."""
    return bool(condition.attributes or _own_variants(condition))


def measure_asked(image: Tensor, condition: Condition) -> Measured:
    """What the condition asks for, as it is in an image (H, W) or (H, W, 3) uint8 on the CPU. Takes about 2 ms at 28x28 pixels."""
    from engine.measures import variants
    from engine.measures.shape import enlarge, measure_enlarged
    from engine.measures.strokes import to_strokes

    large = enlarge(to_strokes(image.numpy()))
    if large is None:
        return compare(condition, {}, {})
    found = {name: bool(variants.VARIANTS[name][1](large)) for name in _own_variants(condition)}
    if not condition.attributes:
        return compare(condition, {}, found)
    shape = measure_enlarged(large)
    return compare(condition, {name: float(getattr(shape, name)) for name, _ in condition.attributes}, found)


def measure_images(images: Images) -> Iterator[Event]:
    """The job that measures all attributes of each picture: StrokesMeasured, after a Tick for each."""
    everything, pictures = Condition(attributes=tuple((name, Interval()) for name in ATTRIBUTES)), []
    shape = (images.height, images.width, images.channels)[: 2 if images.channels == 1 else 3]
    for image in images:
        pixels = torch.frombuffer(bytearray(image), dtype=torch.uint8).reshape(shape)
        pictures.append(measure_asked(pixels, everything).attributes)
        yield Tick()
    yield StrokesMeasured(tuple(pictures))


def load_measures() -> None:
    """Load scipy and make its tables, which the first picture to be measured would otherwise wait for."""
    image = torch.zeros(28, 28, dtype=torch.uint8)
    image[4:24, 14] = 255
    measure_asked(image, Condition(7, tuple((name, Interval()) for name in ATTRIBUTES), (("crossed", True),)))


def _own_variants(condition: Condition) -> list[str]:
    return [name for name, _ in condition.variants if condition.label in (None, VARIANTS[name])]
