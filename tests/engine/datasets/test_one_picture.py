"""A picture keeps what it shows: upright, whole or cropped, over the background that was asked for, and as grey as it is."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.config.data import Fit
from engine.datasets.picture import Target, look, original_size, to_pixels
from engine.datasets.sources.picture import decode


def halves(width: int, height: int) -> Image.Image:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", (width, height), "red")
    picture.paste("blue", (width // 2, 0, width, height))
    return picture


def encoded(picture: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95, **options)
    return file.getvalue()


@pytest.mark.parametrize(("fit", "corner"), [("crop", (255, 0, 0)), ("stretch", (255, 0, 0)), ("pad", (255, 255, 255))])
def test_a_wide_picture_fits_as_asked(fit: Fit, corner: tuple[int, ...]) -> None:
    pixels = to_pixels(halves(200, 100), Target(32, 32, 3, fit, "white"))
    assert pixels.shape == (32, 32, 3)
    assert [tuple(pixels[place]) for place in ((16, 2), (2, 2), (16, 29))] == [(255, 0, 0), corner, (0, 0, 255)]


def test_crop_takes_the_middle() -> None:
    picture = Image.new("L", (90, 30))
    picture.paste(255, (30, 0, 60, 30))
    assert to_pixels(picture, Target(30, 30, 1)).min() == 255


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 500), (3, 2), (31, 33), (2000, 17)])
@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_any_shape_becomes_the_size(width: int, height: int, fit: Fit) -> None:
    for mode, channels in (("L", 1), ("LA", 1), ("RGB", 1), ("RGBA", 3), ("L", 3)):
        target = Target(28, 32, channels, fit)
        assert to_pixels(Image.new(mode, (width, height), 128 if mode == "L" else None), target).shape == target.shape
        assert to_pixels(np.zeros((height, width), np.uint8), target).shape == target.shape


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize(("background", "level"), [("black", 0), ("white", 255)])
def test_transparent_pixels_show_the_background(mode: str, background: Any, level: int) -> None:
    picture = Image.new("RGBA", (40, 40), (128, 128, 128, 0))
    picture.paste((200, 200, 200, 255), (20, 0, 40, 40))
    pixels = to_pixels(picture.convert(mode), Target(20, 20, 1, background=background))
    assert pixels[10, 3] == level
    assert pixels[10, 16] == 200
    assert look(picture.convert(mode)).transparent


def test_arrays_of_the_right_shape_are_not_touched() -> None:
    array = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    assert to_pixels(array, Target(28, 28, 1)) is array


def test_a_smooth_picture_shrinks_to_the_averages_of_its_blocks() -> None:
    y, x = np.mgrid[0:512, 0:512]
    smooth = np.rint(127 + 100 * np.sin(x / 90) * np.cos(y / 70)).astype(np.uint8)
    blocks = smooth.reshape(64, 8, 64, 8).mean(axis=(1, 3))
    assert np.abs(to_pixels(smooth, Target(64, 64, 1)) - blocks)[2:-2, 2:-2].max() < 1.5


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_reduced_photograph_knows_its_own_upright_size(orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    raw = encoded(halves(1200, 800), exif=exif)
    whole, reduced = decode(raw, "a.jpg"), decode(raw, "a.jpg", 128)
    assert reduced.size != whole.size
    assert original_size(reduced) == original_size(whole) == whole.size == ((800, 1200) if orientation > 4 else (1200, 800))
    for target in (Target(64, 64, 3), Target(32, 48, 1)):
        difference = to_pixels(decode(raw, "a.jpg", target.least), target).astype(int) - to_pixels(whole, target)
        assert np.abs(difference).mean() < 2


def test_colour_is_seen_and_grey_is_not() -> None:
    assert look(halves(300, 200)).colour
    assert look(halves(3, 2)).colour
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 300), dtype=np.uint8))
    for grey in (noise, noise.convert("RGB"), decode(encoded(noise.convert("RGB")), "a.jpg")):
        assert not look(grey).colour
    assert look(np.zeros((20, 30, 3), np.uint8)) == look(Image.new("RGB", (30, 20)))
    assert not look(noise.convert("RGBA")).transparent
