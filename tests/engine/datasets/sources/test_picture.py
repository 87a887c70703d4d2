"""Decoding one picture of any origin: the right way up, the right brightness, and an error with its name for what can't be read."""

from __future__ import annotations

import io
import pickle
import random
import resource
import subprocess
import time
import warnings
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from engine.datasets.sources import picture
from engine.datasets.sources.picture import FORMATS, decode
from engine.datasets.sources.source import DamagedPictureError

RAMP = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
COLOURS = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def tiff(values: np.ndarray[Any, Any], bits: int, sample_format: int, photometric: int, big_endian: bool = False) -> bytes:
    """A TIFF of one strip, as TIFF 6.0 has it."""
    order = ">" if big_endian else "<"
    body = values.astype(values.dtype.newbyteorder(order)).tobytes()
    width, height = values.shape[::-1]
    tags = [
        (256, width),
        (257, height),
        (258, bits),
        (259, 1),
        (262, photometric),
        (273, 8),
        (277, 1),
        (278, height),
        (279, len(body)),
        (339, sample_format),
    ]
    number = lambda value, size: value.to_bytes(size, "big" if big_endian else "little")  # noqa: E731
    directory = number(len(tags), 2) + b"".join(number(tag, 2) + number(4, 2) + number(1, 4) + number(value, 4) for tag, value in tags) + bytes(4)
    return (b"MM\0*" if big_endian else b"II*\0") + number(8 + len(body), 4) + body + directory


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_a_turned_photograph_is_upright(kind: str, orientation: int) -> None:
    small = Image.fromarray(RAMP).resize((48, 32), Image.Resampling.NEAREST)
    exif = Image.Exif()
    exif[274] = orientation
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {"quality": 100} if kind == "JPEG" else {}
    raw = encoded(small, kind, exif=exif, **options)
    tagged = small.copy()
    tagged.getexif()[274] = orientation
    expected = ImageOps.exif_transpose(tagged)
    got = decode(raw, "x")
    assert got.size == expected.size == ((48, 32) if orientation < 5 else (32, 48))
    np.testing.assert_allclose(np.asarray(got.convert("L"), int), np.asarray(expected, int), atol=3)


WHITE = np.full((2, 2), 65535, np.uint16)
HALF = np.array([[0, 32896], [65535, 65535]])  # black, grey, white, white in 16 bits


@pytest.mark.parametrize(
    "raw",
    [
        encoded(Image.fromarray(HALF.astype(np.uint16)), "PNG"),
        encoded(Image.fromarray(HALF.astype(np.uint16)), "TIFF"),
        encoded(Image.fromarray(HALF.astype(np.uint16)), "TIFF", compression="tiff_lzw"),
        encoded(Image.fromarray(HALF.astype(np.uint16)), "JPEG2000", irreversible=False),
        b"P5 2 2 65535\n" + HALF.astype(">u2").tobytes(),
        b"P2 2 2 65535\n" + " ".join(map(str, HALF.ravel())).encode(),
        tiff(HALF.astype(np.uint16), 16, 1, 1),
        tiff(HALF.astype(np.uint16), 16, 1, 1, big_endian=True),
        tiff((65535 - HALF).astype(np.uint16), 16, 1, 0),
        tiff((HALF // 2).astype(np.int16), 16, 2, 1),
        tiff((HALF * 65537).astype(np.uint32), 32, 1, 1),
        tiff(HALF.astype(np.uint32), 32, 1, 1),
        tiff((HALF // 257).astype(np.uint32), 32, 1, 1),
        tiff((HALF * 32768).astype(np.int32), 32, 2, 1),
        tiff((HALF / 65535).astype(np.float32), 32, 3, 1),
        tiff((HALF / 257).astype(np.float32), 32, 3, 1),
        tiff(HALF.astype(np.float32), 32, 3, 1, big_endian=True),
    ],
)
def test_numbers_of_many_bits_keep_their_brightness(raw: bytes) -> None:
    got = decode(raw, "x")
    assert got.mode == "L"
    np.testing.assert_allclose(np.asarray(got, int), [[0, 128], [255, 255]], atol=1)


def test_numbers_that_are_none_are_black() -> None:
    got = decode(tiff(np.array([[np.nan, 1], [-np.inf, 0.5]], np.float32), 32, 3, 1), "x")
    np.testing.assert_array_equal(np.asarray(got), [[0, 255], [0, 128]])


def test_colours_of_16_bits_keep_their_brightness() -> None:
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + np.array([[0xFFFF, 0x8080, 0]] * 2, ">u2").tobytes() for _ in range(2))
    raw = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    got = decode(raw, "x")
    assert (got.mode, got.getpixel((1, 1))) == ("RGB", (255, 128, 0))


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (200, 30, 30)])
def test_colours_for_print_become_those_of_the_screen(colour: tuple[int, ...]) -> None:
    flat = Image.new("RGB", (16, 16), colour)
    for mode, kind in (("CMYK", "JPEG"), ("CMYK", "TIFF"), ("LAB", "TIFF"), ("YCbCr", "TIFF")):
        if mode == "LAB":
            from PIL import ImageCms

            other = ImageCms.profileToProfile(flat, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB")
        else:
            other = flat.convert(mode)
        assert other is not None
        got = decode(encoded(other, kind), "x")
        assert got.mode == "RGB"
        np.testing.assert_allclose(got.getpixel((8, 8)), colour, atol=4)


def test_transparency_is_kept_however_it_is_written() -> None:
    palette = Image.fromarray(RAMP // 10).convert("P")
    see_through = decode(encoded(palette, "PNG", transparency=3), "x")
    assert see_through.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(see_through)[..., 3] == 0, RAMP == 30)
    levels = decode(encoded(palette, "PNG", transparency=bytes(range(24))), "x")
    np.testing.assert_array_equal(np.asarray(levels)[..., 3], RAMP // 10)
    grey = decode(encoded(Image.fromarray(RAMP), "PNG", transparency=30), "x")
    assert grey.mode == "LA"
    np.testing.assert_array_equal(np.asarray(grey)[..., 1] == 0, RAMP == 30)
    colour = decode(encoded(Image.fromarray(COLOURS), "PNG", transparency=tuple(COLOURS[1, 1].tolist())), "x")
    assert colour.mode == "RGBA"
    assert np.asarray(colour)[1, 1, 3] == 0
    gif = decode(encoded(palette, "GIF", transparency=3), "x")
    assert np.asarray(gif.convert("RGBA"))[0, 3, 3] == 0
    for mode, same in (("LA", "LA"), ("RGBA", "RGBA")):
        assert decode(encoded(Image.new(mode, (4, 4)), "PNG"), "x").mode == same
    assert decode(encoded(Image.new("1", (4, 4), 1), "PNG"), "x").getpixel((0, 0)) == 255


def test_a_palette_of_greys_is_grey() -> None:
    assert decode(encoded(Image.fromarray(RAMP).convert("P"), "PNG"), "x").mode == "L"
    assert decode(encoded(Image.fromarray(COLOURS).quantize(8), "PNG"), "x").mode == "RGB"


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_of_an_animation_the_first_picture_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "green")]
    raw = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    got = decode(raw, "x")
    assert got.info == {"animated": True}
    np.testing.assert_allclose(got.convert("RGB").getpixel((3, 3)), (255, 0, 0), atol=6)
    assert decode(encoded(frames[0], kind), "x").info == {"animated": False}


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "empty"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "EPS"),
        (b"%PDF-1.4\n", "PDF"),
        (b"\xd7\xcd\xc6\x9a" + bytes(40), "WMF"),
        (b"8BPS\0\1" + bytes(40), "Photoshop"),
        (b"\n<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<!doctype html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC"),
        (b"\x1b[31m" * 10, "damaged"),
        (encoded(Image.new("L", (9, 9)), "ICO"), "damaged"),
        (encoded(Image.new("L", (9, 9)), "TGA"), "damaged"),
        (encoded(Image.fromarray(COLOURS), "PNG")[:60], "truncated"),
    ],
)
def test_what_can_not_be_read_says_why(raw: bytes, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(DamagedPictureError, match=why) as caught:
        decode(raw, "cat.png")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.name, again.reason, str(again)) == ("cat.png", caught.value.reason, str(caught.value))
    assert str(again).isprintable()


@pytest.mark.parametrize(
    "raw",
    [
        b"P5 50000 50000 255\n" + bytes(100),
        encoded(Image.new("1", (50_000, 3000)), "PNG"),
        b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(6) + b",\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x4c\x01\0;",
        b"BM"
        + (54).to_bytes(4, "little")
        + bytes(4)
        + (54).to_bytes(4, "little")
        + (40).to_bytes(4, "little")
        + (50_000).to_bytes(4, "little") * 2
        + b"\1\0\x18\0"
        + bytes(24),
    ],
    ids=["ppm", "png", "gif", "bmp"],
)
def test_bombs_are_refused_before_their_pixels_are_decoded(raw: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DamagedPictureError, match=r"it has [\d,× ]+ pixels; the most is 134,217,728( in all)?$"):
        decode(raw, "x")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_a_large_jpeg_is_decoded_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    smooth = Image.linear_gradient("L").resize((640, 400))
    raw = encoded(smooth, "JPEG")
    assert decode(raw, "x").size == (640, 400)
    assert decode(raw, "x", least=64).size == (160, 100)  # a quarter, since an eighth has too few
    monkeypatch.setattr(picture, "MOST_PIXELS", 20_000)
    assert decode(raw, "x").size == (160, 100)
    monkeypatch.setattr(picture, "MOST_PIXELS", 1000)
    with pytest.raises(DamagedPictureError, match="pixels"):
        decode(raw, "x")


def test_a_jpeg_in_many_scans_is_refused_only_when_it_is_huge(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = encoded(Image.linear_gradient("L").convert("RGB"), "JPEG", progressive=True)
    assert decode(raw, "x").size == (256, 256)
    assert picture._has_scans(raw)
    assert not picture._has_scans(encoded(Image.fromarray(COLOURS), "JPEG"))
    monkeypatch.setattr(picture, "MOST_SCANNED", 100_000)
    with pytest.raises(DamagedPictureError, match="scans"):
        decode(raw, "x")
    monkeypatch.setattr(picture, "MOST_BUFFERED", 10_000)
    with pytest.raises(DamagedPictureError, match="several scans"):
        decode(raw, "x")


@pytest.mark.parametrize("kind", FORMATS)
def test_damage_costs_an_error_or_nothing(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(kind)
    image = Image.fromarray(np.kron(COLOURS, np.ones((4, 4, 1), np.uint8)))
    options: dict[str, Any] = {"TIFF": {"compression": "tiff_lzw"}, "AVIF": {"speed": 10}}.get(kind, {})
    whole = encoded(image, kind, **options)
    end = time.process_time() + 1.5
    reasons: list[str] = []
    with warnings.catch_warnings(record=True) as raised:
        for _ in range(150):
            damaged = bytearray(whole)
            for _ in range(rng.choice([1, 1, 2, 8])):
                damaged[rng.randrange(len(damaged) if rng.random() < 0.5 else min(64, len(damaged)))] = rng.randrange(256)
            for content in (bytes(damaged), whole[: rng.randrange(len(whole))]):
                try:
                    got = decode(content, "x")
                except DamagedPictureError as error:
                    reasons.append(error.reason)
                else:
                    assert got.mode in ("L", "LA", "RGB", "RGBA")
                    assert got.tobytes()
            if time.process_time() > end:
                break
    assert reasons
    assert all(reason and reason.isprintable() for reason in reasons)
    assert not raised
    assert capfd.readouterr() == ("", "")
