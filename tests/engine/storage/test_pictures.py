"""Saved pictures read back: to the pixel, with their recipe; and whatever else a file may be is refused with one sentence."""

from __future__ import annotations

import io
import json
import struct
import time
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from engine.config.compute import ComputeInfo
from engine.config.condition import Condition
from engine.config.data import MNIST
from engine.config.sampling import SampleConfig
from engine.errors import PictureError, SettingError
from engine.protocol.recipe import Images, Recipe, WeightsInfo
from engine.protocol.recipe_check import compare_recipes, count_differences, describe_result
from engine.protocol.recipe_values import recipe_from_json, recipe_json
from engine.storage.images import save_drawing
from engine.storage.pictures import load_picture

COLOUR = replace(MNIST, name="flags", height=20, width=32, channels=3, class_names=("red", "green"), source="/flags.npz")
OLD = {
    "format": "digitty-recipe",
    "version": 1,
    "labels": [7, None],
    "indices": [0, 0],
    "sample": {"sampler": "ddim", "steps": 20, "seed": 3},
    "weights": {"name": "seed-1", "step": 400, "kind": "best"},
    "engine": {"device": "cuda:0", "precision": "bf16", "layout": "channels_last"},
}
"""As the first versions wrote it: without digest, versions and threads."""


def recipe_of(count: int, **changes: Any) -> Recipe:
    made = WeightsInfo("shipped", 4690, "average", "sha256:0123456789abcdef"), ComputeInfo("cpu", "fp32", "contiguous", 2)
    recipe = Recipe(tuple(i % 2 for i in range(count)), tuple(range(count)), SampleConfig(seed=5), *made, MNIST, "0.1.0", "2.9", "x86_64 AVX2")
    return replace(recipe, **changes)


def random_images(count: int, seed: int = 0, **shape: int) -> Images:
    sides = shape.get("height", 28), shape.get("width", 28), shape.get("channels", 1)
    return Images(np.random.default_rng(seed).integers(0, 256, (count, *sides), np.uint8).tobytes(), count, *sides)


def save(path: Path, count: int = 3) -> tuple[Recipe, Images]:
    recipe, frames = recipe_of(count), [random_images(count, seed) for seed in range(3)]
    save_drawing(path, recipe, frames[-1], frames)
    return recipe, frames[-1]


def png(text: str, size: tuple[int, int] = (224, 224)) -> bytes:
    """A PNG with this text where ours have their recipe."""
    info = PngImagePlugin.PngInfo()
    info.add_text("digitty", text)
    file = io.BytesIO()
    Image.new("L", size).save(file, "PNG", pnginfo=info)
    return file.getvalue()


# --- what digitty wrote -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".png", ".gif"])
@pytest.mark.parametrize("count", [1, 3, 7, 16, 17, 64])
def test_recipe_and_images_come_back(tmp_path: Path, ending: str, count: int) -> None:
    path = tmp_path / f"x{ending}"
    recipe, images = save(path, count)
    stored = load_picture(path)
    assert stored.recipe == recipe
    assert stored.images() == images
    assert stored.animated == (ending == ".gif")


def test_a_grey_gif_keeps_each_pixel_whichever_levels_its_frames_have(tmp_path: Path) -> None:
    """Pillow's optimizing encoder marks unchanged pixels with a level that it takes to be free; a frame with nearly all levels then lost some."""
    rng, data = np.random.default_rng(0), replace(MNIST, height=8, width=8)
    recipe = recipe_of(1, data=data)
    for _ in range(60):
        frames = [rng.integers(0, 16, (8, 8), np.uint8)]
        for share in (0.3, 0.3, 0.05):
            frames.append(np.where(rng.random((8, 8)) < share, rng.integers(0, 16, (8, 8), np.uint8), frames[-1]))
        shown = [Images(frame.tobytes(), 1, 8, 8) for frame in frames]
        save_drawing(tmp_path / "x.gif", recipe, shown[-1], shown)
        assert load_picture(tmp_path / "x.gif").images() == shown[-1]


@pytest.mark.parametrize("ending", [".png", ".gif"])
def test_a_picture_of_many_hands_comes_back(tmp_path: Path, ending: str) -> None:
    """64 codes of 64 numbers are more text than all else together."""
    codes = np.random.default_rng(1).normal(size=(64, 64)).tolist()
    recipe = recipe_of(64, conditions=tuple(Condition(i % 2, hand=tuple(code)) for i, code in enumerate(codes)))
    save_drawing(tmp_path / f"x{ending}", recipe, random_images(64), [random_images(64)])
    assert load_picture(tmp_path / f"x{ending}").recipe == recipe


def test_a_large_sheet_comes_back(tmp_path: Path) -> None:
    ends = random_images(2)
    path, images = tmp_path / "x.png", Images(ends[0] + bytes(598 * 784) + ends[1], 600)  # mostly black, so that it is packed quickly
    save_drawing(path, recipe_of(600), images, [])
    assert load_picture(path).images() == images


def test_colours_come_back(tmp_path: Path) -> None:
    path, images = tmp_path / "x.png", random_images(3, height=20, width=32, channels=3)
    save_drawing(path, recipe_of(3, data=COLOUR), images, [])
    assert load_picture(path).recipe.data == COLOUR
    assert load_picture(path).images() == images


def test_a_recipe_of_an_older_version_loads() -> None:
    recipe = recipe_from_json(json.loads(json.dumps(OLD)))
    assert recipe.labels == (7, None)
    assert recipe.weights == WeightsInfo("seed-1", 400, "best", "")
    assert (recipe.version, recipe.torch, recipe.processor, recipe.engine.threads) == ("", "", "", 0)
    assert recipe.data == MNIST


def test_a_recipe_of_a_later_version_says_so() -> None:
    with pytest.raises(SettingError, match="newer"):
        recipe_from_json({**OLD, "version": 2})
    assert recipe_from_json({**OLD, "mood": "good"}) == recipe_from_json(OLD)


def test_a_scaled_picture_keeps_its_recipe_but_not_its_images(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(png(json.dumps(recipe_json(recipe_of(1))), (225, 224)))
    stored = load_picture(path)
    assert stored.recipe == recipe_of(1)
    with pytest.raises(PictureError, match="cropped or scaled"):
        stored.images()


# --- what it did not write --------------------------------------------------------------------------------------------


def refusal(path: Path, content: bytes) -> str:
    """Why the picture can't be used; within a second."""
    path.write_bytes(content)
    began = time.process_time()
    with pytest.raises(PictureError) as refused:
        load_picture(path).images()
    assert time.process_time() - began < 1
    told = str(refused.value)
    assert str(path) in told
    assert len(told) < len(str(path)) + 300
    assert told.isprintable()
    return told


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    assert "neither a PNG nor a GIF" in refusal(path, b"")
    assert "neither a PNG nor a GIF" in refusal(path, b"text")
    file = io.BytesIO()
    Image.new("L", (28, 28)).save(file, "PNG")
    assert "no digitty recipe" in refusal(path, file.getvalue())
    gif = io.BytesIO()
    Image.new("L", (28, 28)).save(gif, "GIF")
    assert "no digitty recipe" in refusal(path, gif.getvalue())
    path.unlink()
    with pytest.raises(PictureError, match="no file"):
        load_picture(path)
    with pytest.raises(PictureError, match="can't read"):
        load_picture(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, "9" * 10_000, '{"format": "digitty-recipe"}', "\x1b[31m"])
def test_nonsense_texts_are_refused(tmp_path: Path, text: str) -> None:
    refusal(tmp_path / "x.png", png(text))


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": []},
        {"labels": [11]},
        {"labels": [-1]},
        {"labels": ["7"]},
        {"labels": [True]},
        {"labels": "77"},
        {"labels": [0] * 100_001, "indices": [0] * 100_001},
        {"indices": [1]},
        {"indices": [-1, 0]},
        {"indices": [2**80, 0]},
        {"indices": None},
        {"sample": {"steps": 10**9}},
        {"sample": {"guidance": 1e999}},
        {"sample": {"sampler": "os.system"}},
        {"sample": {"seed": {"a": 1}}},
        {"sample": []},
        {"weights": {"name": "../../etc/passwd.pth", "step": 1, "kind": "best"}},
        {"weights": {"name": "/dev/zero.safetensors", "step": 1, "kind": "best"}},
        {"weights": {"name": "", "step": 1, "kind": "best"}},
        {"weights": {"name": "x" * 300, "step": 1, "kind": "best"}},
        {"weights": {"name": "\x1b]0;owned\x07", "step": 1, "kind": "best"}},
        {"weights": {"name": "seed-1", "step": 1.5, "kind": "best"}},
        {"weights": {"name": "seed-1", "step": 1, "kind": ["best"]}},
        {"weights": {"name": "seed-1", "step": 1, "kind": "best", "digest": 7}},
        {"weights": "shipped"},
        {"engine": {"device": "cpu; rm -rf /", "precision": "fp32", "layout": "contiguous"}},
        {"engine": {"device": "cpu", "precision": "fp8", "layout": "contiguous"}},
        {"engine": {"device": "cpu", "precision": "fp32", "layout": "contiguous", "threads": -1}},
        {"engine": None},
        {"data": {}},
        {"data": {"name": "x"}},
        {"digitty": ["0.1.0"]},
        {"torch": "\x1b[2J"},
        {"version": "1"},
        {"format": "digitty-sheet"},
    ],
    ids=str,
)
def test_nonsense_values_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    refusal(tmp_path / "x.png", png(json.dumps({**OLD, **changes})))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_bombs_are_refused(tmp_path: Path) -> None:
    path, text = tmp_path / "x.png", b"digitty\0" + json.dumps(recipe_json(recipe_of(1))).encode()
    start, end = b"\x89PNG\r\n\x1a\n", chunk(b"IEND", b"")

    def header(side: int) -> bytes:
        return chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))

    assert "too long for a recipe" in refusal(path, start + header(28) + chunk(b"tEXt", b"digitty\0" + b" " * 5_000_000) + end)
    zeros = zlib.compress(bytes(50_000_000))
    assert "more pixels" in refusal(path, start + header(28 * 1000) + chunk(b"tEXt", text) + chunk(b"IDAT", zeros) + end)
    assert "cropped or scaled" in refusal(path, start + header(2**31 - 1) + chunk(b"tEXt", text) + chunk(b"IDAT", zeros) + end)
    assert "too many parts" in refusal(path, start + header(28) + chunk(b"teSt", b"") * 110_000 + end)
    assert "truncated" in refusal(path, start + header(28) + struct.pack(">I4s", 2**31, b"tEXt"))
    assert "damaged" in refusal(path, start + header(224) + chunk(b"tEXt", text) + chunk(b"IDAT", zeros[::-1]) + end)


def test_a_gif_with_too_many_or_too_large_frames_is_refused(tmp_path: Path) -> None:
    path, small = tmp_path / "x.gif", Image.new("L", (224, 224))
    comment = json.dumps(recipe_json(recipe_of(1))).encode()
    file = io.BytesIO()
    frames = [Image.new("L", (224, 224), n % 256) for n in range(70)]
    small.save(file, "GIF", save_all=True, append_images=frames, comment=comment)
    assert "too many frames" in refusal(path, file.getvalue())


@pytest.mark.slow
def test_large_images_are_enlarged_less_so_that_they_can_be_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = random_images(16, height=128, width=128, channels=3)
    recipe = replace(recipe_of(16), data=replace(MNIST, name="other", height=128, width=128, channels=3, digest="sha256:0", source="/other"))
    save_drawing(tmp_path / "x.gif", recipe, large, [large, large])
    with Image.open(tmp_path / "x.gif") as picture:
        assert max(picture.size) == 2 * (4 * 129 - 1)
    monkeypatch.setattr("engine.storage.images.MOST_PIXELS", 3_000_000)
    save_drawing(tmp_path / "x.png", recipe, large, [large])
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.size == (3 * (4 * 129 - 1), 3 * (4 * 129 - 1))


@pytest.mark.parametrize("ending", [".png", ".gif"])
def test_damage_is_noticed_or_harmless(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"x{ending}"
    save(path, 2)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 150):
        for content in (whole[:place], whole[:place] + bytes([whole[place] ^ int(rng.integers(1, 256))]) + whole[place + 1 :]):
            path.write_bytes(content)
            try:
                load_picture(path).images()
            except PictureError:
                continue
            assert ending == ".gif" or content == whole, "a damaged PNG was taken for a whole one"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.slow
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(sorted(OLD)), inner=st.text(max_size=8) | st.sampled_from(["name", "step", "kind", "seed", "device"]), value=JSON)
def test_any_value_in_any_field_is_a_recipe_or_refused(field: str, inner: str, value: object) -> None:
    """Nothing but a SettingError comes of it, and what is accepted can be written and read again."""
    for values in ({**OLD, field: value}, {**OLD, field: {**OLD[field], inner: value}} if isinstance(OLD[field], dict) else OLD):
        try:
            recipe = recipe_from_json(values)
        except SettingError:
            continue
        assert recipe_from_json(json.loads(json.dumps(recipe_json(recipe)))) == recipe


@settings(deadline=None, max_examples=200)
@given(noise=st.binary(max_size=300), start=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"GIF89a\x01\x00\x01\x00\x00\x00\x00!\xfe"]))
def test_any_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, noise: bytes, start: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "noise"
    path.write_bytes(start + noise)
    with pytest.raises(PictureError):
        load_picture(path)


# --- what differs -----------------------------------------------------------------------------------------------------


def test_pixels_are_counted_once_each() -> None:
    old = random_images(2, height=20, width=32, channels=3)
    changed = bytearray(old.data)
    changed[0] ^= 1
    changed[1] ^= 1  # of the same pixel
    changed[-1] ^= 1
    assert count_differences(old, replace(old, data=bytes(changed))) == 2
    assert count_differences(old, old) == 0
    assert count_differences(old, random_images(1, height=20, width=32, channels=3)) is None


def test_what_differs_is_named() -> None:
    old = recipe_of(2)
    assert compare_recipes(old, old) == []
    moved = replace(old, weights=WeightsInfo("renamed", 1, "best", old.weights.digest))
    assert compare_recipes(old, moved) == []  # the digest counts, not the name
    other = replace(old, weights=WeightsInfo("shipped", 4690, "average", "sha256:ff"), engine=ComputeInfo("cuda:0", "bf16", "contiguous"))
    told = "; ".join(compare_recipes(old, replace(other, torch="3.0", sample=replace(old.sample, guidance=2.0, seed=6))))
    for part in ("guidance 2 instead of 1.4", "seed 6 instead of 5", "sha256:ff", "torch 3.0 instead of 2.9", "device cuda:0 instead of cpu", "bf16"):
        assert part in told


def test_the_result_is_one_sentence() -> None:
    old, images = recipe_of(2), random_images(2)
    assert describe_result(images, old, images, old) == "the same picture, to the pixel"
    assert describe_result(images, old, random_images(2, 1), old).startswith("differs in 1,")
    assert describe_result("it was scaled", old, images, old) == "not compared with the stored picture, since it was scaled"
    faster = replace(old, engine=replace(old.engine, precision="bf16"))
    assert describe_result(images, old, images, faster) == "the same picture, to the pixel, despite precision bf16 instead of fp32"
    assert "a different picture: other labels" in describe_result(images, old, random_images(3), recipe_of(3))
