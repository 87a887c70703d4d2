"""Compares a drawing with an earlier one: which pixels differ, and what in the two recipes may be the reason."""

from __future__ import annotations

from dataclasses import fields

from engine.protocol.recipe import Images, Recipe

COMPUTE = {
    "torch": "torch",
    "processor": "processor",
    "device": "device",
    "precision": "precision",
    "layout": "memory layout",
    "threads": "threads",
}
"""What a drawing is computed with, and what messages call it."""


def count_differences(old: Images, new: Images) -> int | None:
    """In how many pixels the images differ; None if their sizes or numbers do, so that no pixel corresponds to another."""
    if (old.count, old.height, old.width, old.channels) != (new.count, new.height, new.width, new.channels):
        return None
    if old.data == new.data:
        return 0
    import numpy as np

    pixels = (np.frombuffer(images.data, np.uint8).reshape(-1, images.channels) for images in (old, new))
    return int(np.any(np.not_equal(*pixels), axis=1).sum())


def compare_recipes(old: Recipe, new: Recipe) -> list[str]:
    """What differs between the recipes of two drawings, apart from names: guidance 2 instead of 1.4, torch 2.9 instead of 2.8."""
    found = []
    if old.labels != new.labels or old.indices != new.indices:
        found.append("other labels" if old.labels != new.labels else "other noise")
    if old.conditions != new.conditions:
        found.append("other conditions")
    for field in fields(old.sample):
        before, after = getattr(old.sample, field.name), getattr(new.sample, field.name)
        if before != after:
            found.append(f"{field.name.replace('_', '-')} {_short(after)} instead of {_short(before)}")
    found += compare_machines(old, new)
    return found


def compare_machines(old: Recipe, new: Recipe) -> list[str]:
    """As `compare_recipes`, for what the user does not choose each time: weights, data set, versions, device, precision."""
    found = []
    if old.data != new.data:
        renamed = old.data.name != new.data.name
        found.append(f"images of {new.data.name} instead of {old.data.name}" if renamed else f"another data set named {old.data.name}")
    before, after = old.weights, new.weights
    known = bool(before.digest and after.digest)
    if (before.digest != after.digest) if known else (before.name, before.step, before.kind) != (after.name, after.step, after.kind):
        found.append(f"the weights {_named(new)} instead of {_named(old)}")
    if old.version and old.version != new.version:
        found.append(f"digitty {new.version} instead of {old.version}")
    for name, word in COMPUTE.items():
        source_old, source_new = (recipe if name in ("torch", "processor") else recipe.engine for recipe in (old, new))
        was, is_now = getattr(source_old, name), getattr(source_new, name)
        if was and was != is_now:
            found.append(f"{word} {is_now} instead of {was}")
    return found


def describe_result(stored: Images | str, old: Recipe, images: Images, new: Recipe) -> str:
    """One sentence about a drawing from an old recipe. `stored` are the old images, or why they can't be compared."""
    reasons = compare_recipes(old, new)
    because = f": {'; '.join(reasons)}" if reasons else ""
    if isinstance(stored, str):
        return f"not compared with the stored picture, since {stored}{because}"
    differing = count_differences(stored, images)
    if differing == 0:
        return "the same picture, to the pixel" + (f", despite {'; '.join(reasons)}" if reasons else "")
    if differing is None:
        return f"a different picture{because}"
    pixels = len(images.data) // images.channels
    unknown = "; nothing else differs, so the picture was changed, or drawn in a batch with others"
    if new.engine.device.startswith("cuda"):
        unknown = "; nothing else differs, but a GPU need not round the same way twice"
    if not old.weights.digest:
        unknown = "; the picture does not record the digest of its weights"
    return f"differs in {differing:,} of {pixels:,} pixels{because or unknown}"


def _named(recipe: Recipe) -> str:
    """shipped · step 4690 · average (sha256:0123456789abcdef)"""
    digest = recipe.weights.digest
    return f"{recipe.weights} ({digest})" if digest else str(recipe.weights)


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
