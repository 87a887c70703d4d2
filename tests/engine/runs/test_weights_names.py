"""What names of weights mean."""

from __future__ import annotations

from dataclasses import replace

from engine.checkpoints.lookup import find_weights
from engine.protocol.recipe import WeightsInfo
from engine.runs.weights_names import LABELS_DIGEST, weights_of


def test_a_picture_names_the_weights_that_drew_it_although_they_have_another_name_now() -> None:
    assert find_weights("shipped:labels").digest == LABELS_DIGEST
    old = WeightsInfo("shipped", 12194, "average", LABELS_DIGEST)
    assert weights_of(old, "dpmpp") == "shipped:labels"
    assert weights_of(replace(old, digest=""), "dpmpp") == "shipped:labels"
    new = replace(old, digest=find_weights("shipped").digest)
    assert weights_of(new, "dpmpp") == "shipped"
