"""Decodes what a terminal gets for pictures in real pixels: kitty's protocol, iTerm2's, and sixel."""

from __future__ import annotations

import base64
import io
import re

from PIL import Image

_KITTY = re.compile(r"\x1b_G([^;\x1b]*);?([^\x1b]*)\x1b\\")
_ITERM2 = re.compile(r"\x1b\]1337;File=([^:]*):([^\x07]*)\x07")
_SIXEL = re.compile(r"\x1bP([\d;]*)q([^\x1b]*)\x1b\\")


def keys_of(text: str, separator: str = ",") -> dict[str, str]:
    return dict(part.split("=", 1) for part in text.split(separator) if part)


def unwrap_tmux(text: str) -> str:
    """What tmux passes on: each sequence wrapped by itself."""
    return re.sub(r"\x1bPtmux;((?:[^\x1b]|\x1b\x1b)*)\x1b\\", lambda match: match[1].replace("\x1b\x1b", "\x1b"), text)


def kitty_images(text: str) -> list[tuple[dict[str, str], Image.Image]]:
    """Every picture with the keys of its first sequence."""
    pictures, parts, first = [], [], {}
    for keys, payload in _KITTY.findall(text):
        values = keys_of(keys)
        if values.get("a") == "d":
            continue
        assert len(payload) <= 4096
        if "a" in values:
            first, parts = values, []
        parts.append(payload)
        if values.get("m", "0") == "0":
            pictures.append((first, Image.open(io.BytesIO(base64.b64decode("".join(parts), validate=True)))))
    return pictures


def iterm2_images(text: str) -> list[tuple[dict[str, str], Image.Image]]:
    pictures = []
    for keys, payload in _ITERM2.findall(text):
        data, values = base64.b64decode(payload, validate=True), keys_of(keys, ";")
        assert int(values["size"]) == len(data)
        pictures.append((values, Image.open(io.BytesIO(data))))
    return pictures


def sixel_images(text: str) -> list[Image.Image]:
    """As DEC's VT330/340 manual says (chapter 14); colours in RGB alone. Its results were compared with those of libsixel's sixel2png."""
    return [_sixel_image(body) for _, body in _SIXEL.findall(text)]


def _sixel_image(body: str) -> Image.Image:
    head = re.match(r'"(\d+);(\d+);(\d+);(\d+)', body)
    assert head, "no raster attributes"
    width, height = int(head[3]), int(head[4])
    image = Image.new("RGB", (width, height), (255, 0, 255))  # what is never painted stands out
    pixels = image.load()
    assert pixels is not None
    registers: dict[int, tuple[int, int, int]] = {}
    x = y = 0
    colour = (0, 0, 0)
    for token in re.finditer(r"#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)([?-~])|([?-~])|([$-])", body[head.end() :]):
        register, red, green, blue, count, repeated, single, control = token.groups()
        if register is not None:
            if red is not None:
                registers[int(register)] = (round(int(red) * 2.55), round(int(green) * 2.55), round(int(blue) * 2.55))
            else:
                colour = registers[int(register)]
        elif control == "$":
            x = 0
        elif control == "-":
            x, y = 0, y + 6
        else:
            bits = ord(repeated or single) - 63
            end = x + int(count or 1)
            for dy in range(6):
                if bits >> dy & 1:
                    assert end <= width, "beyond the right edge"
                    assert y + dy < height, "beyond the lower edge"
                    for column in range(x, end):
                        pixels[column, y + dy] = colour
            x = end
    return image
