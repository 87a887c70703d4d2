"""One image of a drawing, with the recipe that draws it alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.config.compute import ComputeInfo
from engine.config.condition import Condition, Interval
from engine.config.sampling import SampleConfig
from engine.protocol.events import DrawDone
from engine.protocol.measured import Measured
from engine.protocol.recipe import Images, Recipe, WeightsInfo


def drawing(indices: tuple[int, ...], again: int = 0) -> DrawDone:
    count = len(indices)
    recipe = Recipe(tuple(range(count)), indices, SampleConfig(seed=3), WeightsInfo("w", 1, "live"), ComputeInfo("cpu", "fp32", "nchw", 1))
    images, noise = (Images(b"".join(bytes([k + i]) * 6 for i in range(count)), count, 2, 3) for k in (0, 100))
    return DrawDone(recipe, images, (noise, images), (0, 1), 0.5, 2.0, again, (images, images))


@pytest.mark.parametrize("again", [0, 1])
def test_it_keeps_its_label_noise_and_frames(again: int) -> None:
    done = drawing((5, 6, 7), again)
    one = done.only(2)
    assert (one.recipe.labels, one.recipe.indices) == ((2,), (7,))
    assert replace(one.recipe, labels=done.recipe.labels, indices=done.recipe.indices) == done.recipe
    assert one.images == Images(bytes([2]) * 6, 1, 2, 3)
    assert one.frames == (Images(bytes([102]) * 6, 1, 2, 3), one.images)
    assert one.guesses == (one.images, one.images)
    assert (one.frame_steps, one.seconds) == (done.frame_steps, done.seconds)


def test_it_keeps_its_condition_and_what_was_measured() -> None:
    asked, seen = Condition(1, (("slant", Interval(20, 20)),)), Measured((("slant", 9.0),), (), ("slant",))
    whole = drawing((5, 6, 7))
    done = replace(whole, recipe=replace(whole.recipe, conditions=(Condition(0), asked, Condition(2))), measured=(None, seen, None))
    assert (done.only(1).recipe.conditions, done.only(1).measured) == ((asked,), (seen,))
    assert (done.only(2).recipe.conditions, done.only(2).measured) == (None, (None,))


def test_images_that_were_redrawn_because_of_their_shared_noise_stay_together() -> None:
    assert drawing((0, 0, 1), again=2).only(1) == drawing((0, 0, 1), again=2)
    assert len(drawing((0, 0, 1), again=2).only(2).images) == 1
    assert len(drawing((0, 0, 1)).only(1).images) == 1


def test_there_is_no_image_beyond_the_last() -> None:
    with pytest.raises(IndexError):
        drawing((0, 1)).only(2)
