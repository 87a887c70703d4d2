"""The screens with colour images of three classes, drawn by the real engine from a run of a few steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from fakes import FakeJobs
from PIL import Image
from textual.widgets import Input
from user import LARGE, opened

from engine.config.data import DataSpec
from engine.config.training import TrainConfig
from engine.data import npz
from engine.jobs.jobs import Jobs
from engine.protocol.requests import TrainRequest
from tui.widgets.image_view import ImageView


class RealJobs(Jobs):
    """The engine, as the pilot ends it."""

    processes: tuple[Any, ...] = ()

    def end(self) -> None:
        """Nothing is held."""


@pytest.fixture
def flags(jobs: Jobs, tiny: TrainConfig, every_step: None, tmp_path: Path) -> DataSpec:
    """A run of that name; its images have 20 rows of 32 pixels."""
    images = np.random.default_rng(0).integers(0, 256, (12, 20, 32, 3), np.uint8)
    path = tmp_path / "flags.npz"
    np.savez(path, images=images, labels=np.arange(12) % 3, class_names=np.array(["red", "green", "blue"]))
    data = npz.describe(path)
    list(jobs.train(TrainRequest(replace(tiny, limit=None, epochs=1).with_data(data), run="flags")))
    return data


def shown(app: Any, query: str = "") -> Callable[[], bool]:
    """Whether the view that the query finds shows colour images of the flags' size."""

    def seen() -> bool:
        view = app.screen.query_one(query or ImageView, ImageView)
        images = view.images
        return images is not None and (images.height, images.width, images.channels) == (20, 32, 3) and any(images.data)

    return seen


@pytest.mark.slow
async def test_the_screens_draw_and_name_what_the_weights_draw(flags: DataSpec, home: Path) -> None:
    async with opened(cast(FakeJobs, RealJobs("cpu", "fp32")), LARGE) as person:
        person.app.studio.change_settings(weights="flags")
        assert person.app.studio.data == flags
        prompt = person.app.screen.query_one("#prompt", Input)
        await person.until(lambda: prompt.placeholder == "a class: red · three reds · random · grid")

        await person.enter("seven")
        await person.sees("'three reds' or", "'grid'")  # which may wrap
        prompt.clear()
        await person.enter("two reds, blue")
        await person.sees("2 × red, blue", "flags · step 1 · average")
        await person.until(shown(person.app))
        await person.enter("green")
        await person.sees("❯ green", "flags · step 1 · average")

        await person.press("f4")
        await person.until(shown(person.app, "#view"))
        await person.sees("red", "green", "blue", "← → scrub")
        assert len(person.view.images or ()) == 3
        assert person.view.tile == 32
        await person.press("home", "right")
        await person.sees("noise → picture")
        await person.press("s")
        await person.is_told("digitty-red-green-blue-seed")
        (path,) = (home / "data" / "pictures").glob("digitty-red-green-blue-seed*.png")
        with Image.open(path) as picture:
            assert (picture.mode, picture.size) == ("RGB", (8 * (3 * 32 + 2), 8 * 20))

        await person.press("f3", "enter")
        await person.until(shown(person.app, "#view"))
        assert len(person.view.images or ()) == 16

        await person.press("f5")
        await person.until(shown(person.app, "#previews"))

        await person.press("f6")
        await person.until(lambda: person.app.screen.query("RunPictures") and person.app.screen.query_one("#what").value == "grid")  # type: ignore[attr-defined]
        await person.press("c", "enter")
        await person.sees("guidance 1, 4 steps: ", "guidance 2, 14 steps: ", "red  flags")
        cells = person.app.screen.query_one("#sweep SheetView", ImageView)
        assert cells.images is not None
        assert (len(cells.images), cells.images.channels) == (9, 3)
