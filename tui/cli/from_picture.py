"""`digitty generate --from PICTURE`: draw the recipe of a saved picture again, with single settings changed, and compare the result."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from engine.cli.options import SAMPLING
from engine.config.compute import Device, Precision
from engine.config.condition import Condition
from engine.config.condition_options import AskedOptions, change
from engine.config.sampling import SampleConfig, fit_sampler, with_sampler
from engine.config.serialize import with_changes
from engine.errors import DeviceError, PictureError, SettingError
from engine.jobs.jobs import Job, Jobs
from engine.process.processors import processors
from engine.protocol.events import DrawDone, DrawStarted
from engine.protocol.recipe import Images, Recipe
from engine.protocol.recipe_check import describe_result
from engine.protocol.requests import DrawRequest
from engine.runs.weights_names import is_student, weights_of
from engine.storage.pictures import StoredPicture
from tui.cli.prompts import Drawing
from tui.render import captions


def from_option(command: Callable[..., Any]) -> Callable[..., Any]:
    text = (
        "Draw again by the recipe in this PNG or GIF, and compare. Other options change single settings of the recipe; a PROMPT replaces "
        "everything that the recipe asks for: classes, attributes, variants and hand."
    )
    return click.option("--from", "picture", type=click.Path(path_type=Path), metavar="PICTURE", help=text)(command)


def settings_from(stored: StoredPicture, weights: str, options: dict[str, Any]) -> tuple[SampleConfig, str]:
    """How to draw and the weights, as the picture's recipe says and the command line changes it; config.toml changes nothing.

    Takes the fields of SampleConfig out of the options. Raises SettingError for a bad change, and RunError if the weights are missing.
    """
    recipe, given = stored.recipe, {name: options.pop(name) for name in SAMPLING}
    changes = {name: value for name, value in given.items() if _is_given(name)}
    sample = recipe.sample
    if "sampler" in changes:
        sample = with_sampler(sample, changes["sampler"])
    elif _is_given("weights"):
        sample = fit_sampler(sample, is_student(weights))
    sample = with_changes(sample, **changes)
    if _is_given("weights"):
        return sample, weights
    return sample, weights_of(recipe.weights, sample.sampler, Path.cwd(), stored.path.absolute().parent)


def plan_again(recipe: Recipe, count: int, sample: SampleConfig, weights: str, asked: AskedOptions) -> Drawing:
    """The request that draws what the picture shows, with what the options ask for in place of what its recipe does. Raises SettingError."""
    if count > 1:
        raise SettingError("--count repeats a prompt; without a prompt, --from draws the picture once")
    conditions = recipe.conditions
    if asked.are_given:
        conditions = change(conditions or [Condition(label) for label in recipe.labels], asked)
    return Drawing(captions.labels_of(recipe), DrawRequest(recipe.labels, sample, recipe.indices, weights, conditions=conditions))


class RecipeJobs(Jobs):
    """Draws on the recipe's kind of device, in its precision and with its number of threads, unless the command line says otherwise."""

    def __init__(self, recipe: Recipe, device: Device, precision: Precision, threads: int | None) -> None:
        kind = recipe.engine.device.partition(":")[0]
        if not _is_given("device") and device.partition(":")[0] != kind:
            device = kind
        self._like = None if _is_given("precision") else recipe.engine
        if not _is_given("threads") and recipe.engine.threads:
            threads = min(recipe.engine.threads, processors())
        super().__init__(device, "auto" if self._like else precision, threads)

    def draw(self, request: DrawRequest) -> Job:
        """As `Jobs.draw`. A device that this machine lacks is replaced by the best it has."""
        request, started = replace(request, like=self._like), False
        try:
            with closing(super().draw(request)) as job:
                for event in job:
                    started = started or isinstance(event, DrawStarted)
                    yield event
        except DeviceError:
            if started or _is_given("device"):
                raise
            self._device, self._runtime = "auto", None
            yield from super().draw(request)


def compare(stored: StoredPicture, done: DrawDone) -> str:
    """One sentence: whether the drawing is the stored picture, and what differs."""
    return describe_result(stored_images(stored), stored.recipe, done.images, done.recipe)


def stored_images(stored: StoredPicture) -> Images | str:
    """The picture's images, or why they can't be compared with others."""
    if stored.animated and stored.recipe.data.channels == 3:
        return "a GIF holds too few colours"
    try:
        return stored.images()
    except PictureError as error:
        return str(error)


def _is_given(name: str) -> bool:
    """Whether the command line sets this option."""
    return click.get_current_context().get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
