"""Where attention looks, as pictures: the image with the marked place framed, and what that place takes from each other place. Pure."""

from __future__ import annotations

from engine.protocol.lesson import AttentionMap
from engine.protocol.recipe import Images


def heat_map(image: Images, attention: AttentionMap, position: int) -> Images:
    """Two pictures of the image's size: the image with a frame, and the weights, enlarged, the largest white."""
    weights = attention.of(position)
    most = max(weights) or 1.0
    greys = [round(255 * weight / most) for weight in weights]
    framed, heat = bytearray(image[0]), bytearray(image.picture_bytes)
    ink = 255 if sum(framed) < 128 * len(framed) else 0
    for y in range(image.height):
        row = y * attention.rows // image.height
        for x in range(image.width):
            place = row * attention.columns + x * attention.columns // image.width
            at = (y * image.width + x) * image.channels
            heat[at : at + image.channels] = bytes([greys[place]]) * image.channels
            if place == position and _is_edge(image, attention, x, y):
                framed[at : at + image.channels] = bytes([ink]) * image.channels
    return Images(bytes(framed + heat), 2, image.height, image.width, image.channels)


def _is_edge(image: Images, attention: AttentionMap, x: int, y: int) -> bool:
    """Whether a neighbouring pixel belongs to another place."""

    def place(x: int, y: int) -> tuple[int, int]:
        return y * attention.rows // image.height, x * attention.columns // image.width

    inside = place(x, y)
    return any(place(x + dx, y + dy) != inside or x + dx < 0 or y + dy < 0 for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)))
