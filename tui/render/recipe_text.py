"""What is known of a saved picture, as lines of text."""

from __future__ import annotations

import time
from collections.abc import Sequence

from engine.formatting import format_size
from engine.protocol.recipe import Recipe
from tui.render import captions


def file_lines(name: str, modified_ns: int, size: int) -> list[str]:
    """Its name, when it was saved, and how large it is."""
    saved = time.strftime("%Y-%m-%d %H:%M", time.localtime(modified_ns / 1e9))
    return [name, f"{saved} · {format_size(size)}"]


def recipe_lines(recipe: Recipe) -> list[str]:
    """How it was drawn: labels, settings, weights, machine."""
    count, data = len(recipe.labels), recipe.data
    what = captions.name_of(recipe.labels[0], data) if count == 1 else f"{captions.count_images(count, data)}: {captions.labels_of(recipe)}"
    engine = recipe.engine
    threads = f"{engine.threads} thread{'' if engine.threads == 1 else 's'}" if engine.threads else ""
    machine = " · ".join(part for part in (engine.device, engine.precision, threads, recipe.processor) if part)
    versions = " · ".join(f"{name} {version}" for name, version in (("digitty", recipe.version), ("torch", recipe.torch)) if version)
    weights = [f"weights {recipe.weights}", *([recipe.weights.digest] if recipe.weights.digest else [])]
    asked = [conditions] if (conditions := captions.conditions_of(recipe)) else []
    return [what, *asked, captions.describe_sample(recipe.sample), "", *weights, "", machine, *([versions] if versions else [])]


def sheet_lines(axes: Sequence[str], recipes: Sequence[Recipe]) -> list[str]:
    """What the sheet of a sweep compares, and what its drawings share."""
    count = len(recipes)
    lines = [f"sweep: {' × '.join(axes) or 'one drawing'}", f"{count} drawing{'' if count == 1 else 's'}"]
    if recipes:
        lines += [captions.labels_of(recipes[0]), *dict.fromkeys(f"weights {recipe.weights}" for recipe in recipes)]
    return lines


def short_lines(recipe: Recipe) -> tuple[str, str]:
    """Two lines for a contact sheet: what it shows, with what was asked for besides classes, and how it was drawn."""
    what = " · ".join(filter(None, (captions.labels_of(recipe), captions.conditions_of(recipe))))
    return what, f"{captions.describe_sample(recipe.sample)} · {recipe.weights.name}"
