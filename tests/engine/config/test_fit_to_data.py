"""A preset fitted to its images: patches, widths, prediction and noise by their size; as many steps whatever their number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.config.data import MNIST, DataSpec
from engine.config.fit_to_data import fit_length, fit_to, grow, new_parts, relative_cost
from engine.config.training import PRESETS, Preset, TrainConfig
from engine.errors import SettingError

BEST, QUICK, SEED = PRESETS["best"], PRESETS["quick"], PRESETS["seed"]


def images(height: int, width: int | None = None, channels: int = 1) -> DataSpec:
    size = {"height": height, "width": width or height, "channels": channels}
    return replace(MNIST, name="other", source="/data/other.npz", digest="sha256:00", **size)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("preset", "data", "patch", "widths", "groups", "prediction"),
    [
        ("best", images(16), 2, (96, 192), 6, "v"),
        ("best", images(32), 2, (96, 192), 6, "v"),
        ("best", images(16, 24, 3), 2, (96, 192), 6, "v"),
        ("best", images(48), 4, (96, 192), 6, "v"),
        ("best", images(64), 4, (96, 192), 6, "v"),
        ("best", images(64, channels=3), 4, (96, 192), 6, "v"),
        ("best", images(96), 8, (112, 224), 7, "v"),
        ("best", images(128), 8, (112, 224), 7, "v"),
        ("best", images(128, channels=3), 8, (112, 224), 7, "x0"),
        ("best", images(128, 64), 8, (112, 224), 7, "v"),
        ("best", images(52), 2, (96, 192), 6, "v"),
        ("best", images(60, 64), 2, (96, 192), 6, "v"),
        ("best", images(104), 4, (96, 192), 6, "v"),
        ("quick", images(64, channels=3), 4, (64, 128), 4, "v"),
        ("quick", images(128), 8, (96, 192), 6, "v"),
        ("quick", images(128, channels=3), 8, (96, 192), 6, "x0"),
        ("seed", images(32), 1, (64, 128, 256), 8, "eps"),
        ("seed", images(64), 2, (64, 128, 256), 8, "eps"),
        ("seed", images(128, channels=3), 4, (64, 128, 256), 8, "eps"),
    ],
)
def test_the_table_of_sizes(preset: Preset, data: DataSpec, patch: int, widths: tuple[int, ...], groups: int, prediction: str) -> None:
    fitted = fit_to(PRESETS[preset], data)
    model = fitted.model
    assert (model.patch_side, model.channels, model.groups, model.prediction) == (patch, widths, groups, prediction)
    assert model.data == fitted.data == data
    assert fitted.schedule.shift == pytest.approx((data.height * data.width) ** 0.5 / 28)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: str(preset.preset))
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_mnists_size_change_nothing_but_the_data(preset: TrainConfig, channels: int) -> None:
    data = images(28, channels=channels)
    assert fit_to(preset, data) == preset.with_data(data)
    assert fit_to(preset, MNIST) == preset


@pytest.mark.parametrize("side", range(16, 132, 4))
def test_every_size_has_a_network(side: int) -> None:
    """Also beside every other side, and none is cut into patches that leave a remainder: ModelConfig would refuse it."""
    for preset in (BEST, SEED):
        for other in range(16, 132, 4):
            fit_to(preset, images(side, other, 3))


def test_growing_keeps_the_trunk() -> None:
    """32 -> 64 -> 128 pixels: the widths stay, and what a patch of the trunk shows keeps its noise."""
    small = fit_to(BEST, images(32))
    model, schedule = small.model, small.schedule
    for side, patch in ((64, 4), (128, 8)):
        larger, schedule = grow(model, schedule, images(side))
        assert (larger.channels, larger.patch_side, larger.prediction) == (model.channels, patch, "v")
        assert schedule.shift == pytest.approx(side / 28)
        assert new_parts(model, larger) == ("conv_in", "conv_out")
        model = larger
    colour, _ = grow(small.model, small.schedule, images(128, channels=3))
    assert colour.prediction == "x0"


def test_only_what_differs_is_new() -> None:
    old = fit_to(BEST, images(28)).model
    assert new_parts(old, old) == ()
    assert new_parts(old, replace(old, data=replace(old.data, digest="sha256:01", height=32, width=32))) == ()
    assert new_parts(old, replace(old, data=replace(old.data, class_names=()))) == ("label",)
    assert new_parts(old, replace(old, data=images(28, channels=3))) == ("conv_in", "conv_out")


def test_class_names_that_differ_in_capitals_name_the_same_classes() -> None:
    old, names = PRESETS["best"].model, ("T-shirt/top", "Ankle boot")
    lower, upper = (replace(old, data=replace(old.data, class_names=each)) for each in (tuple(name.lower() for name in names), names))
    assert new_parts(lower, upper) == new_parts(upper, lower) == ()
    assert new_parts(lower, replace(upper, data=replace(upper.data, class_names=names[::-1]))) == ("label",)


@pytest.mark.parametrize(("count", "epochs"), [(140, 2345), (60_000, 10), (600_000, 1), (9_000_000, 1)])
def test_a_preset_takes_as_many_steps_on_any_data(count: int, epochs: int) -> None:
    """Ten epochs of 140 images would be twenty steps. Steps that are asked for are never cut short, and a limit makes a run shorter."""
    config = fit_to(BEST, replace(images(28), train_images=count))
    assert fit_length(config, BEST, None, True).epochs == epochs
    assert fit_length(config, BEST, None, False) == config
    limited = fit_length(config, BEST, 100, True)
    assert (limited.images, limited.epochs) == (100, epochs)
    for steps in (50, 100_000):
        for limit in (None, 100):
            assert fit_length(replace(config, steps=steps), BEST, limit, True).total_steps == steps


def test_a_limit_is_checked_against_the_images_that_are_there() -> None:
    config = fit_to(BEST, replace(images(28), train_images=140))
    with pytest.raises(SettingError, match="limit 141 is outside 1 to 140"):
        fit_length(config, BEST, 141, False)


@pytest.mark.parametrize(
    ("data", "measured"), [(images(28), 1.0), (images(64), 1.25), (images(64, channels=3), 1.3), (images(128), 1.8), (images(128, channels=3), 2.1)]
)
def test_the_cost_of_a_step_is_about_what_was_measured(data: DataSpec, measured: float) -> None:
    assert relative_cost(fit_to(BEST, data).model, BEST.model) == pytest.approx(measured, rel=0.1)
