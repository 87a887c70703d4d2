"""Colours of a GIF: one palette for the file, chosen for the finished pictures, and no bands where the shading is smooth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from engine.storage.images import with_one_palette

SIDE = 64


def denoised(frames: int = 9) -> list[Image.Image]:
    """From noise to a smoothly shaded picture of few hues."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1)
    clean = np.stack([60 + 120 * x, 40 + 60 * y, 130 + 50 * x * y], 2)
    noise = random.uniform(0, 255, (frames, SIDE, SIDE, 3))
    shares = np.linspace(1, 0, frames)
    return [Image.fromarray((share * each + (1 - share) * clean).astype(np.uint8)) for share, each in zip(shares, noise, strict=True)]


def bands(shown: Image.Image, true: Image.Image) -> float:
    """The error that is left where an eye averages over neighbouring pixels, in levels of 255."""
    blurred = [np.asarray(each.convert("RGB").filter(ImageFilter.GaussianBlur(2)), dtype=float) for each in (shown, true)]
    return float(np.abs(blurred[0] - blurred[1]).mean())


def test_smooth_shading_has_no_bands_though_the_first_frames_are_noise() -> None:
    frames = denoised()
    shown = with_one_palette(frames)
    assert bands(shown[-1], frames[-1]) < 1.0
    undithered = frames[-1].quantize(palette=shown[-1], dither=Image.Dither.NONE)
    assert bands(shown[-1], frames[-1]) < bands(undithered, frames[-1]) / 2


def test_all_frames_share_the_palette_also_in_the_file(tmp_path: Path) -> None:
    shown = with_one_palette(denoised())
    assert len({bytes(each.getpalette() or ()) for each in shown}) == 1
    shown[0].save(tmp_path / "a.gif", save_all=True, append_images=shown[1:])
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 9  # type: ignore[attr-defined]
        gif.seek(8)
        assert np.abs(np.asarray(gif.convert("RGB"), int) - np.asarray(shown[-1].convert("RGB"), int)).max() <= 1


def test_a_single_picture_of_one_colour_keeps_it() -> None:
    (shown,) = with_one_palette([Image.new("RGB", (4, 4), (12, 200, 99))])
    assert np.abs(np.asarray(shown.convert("RGB"), int) - (12, 200, 99)).max() <= 4
