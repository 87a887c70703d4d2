"""Says where pictures are shown smaller than they are."""

from __future__ import annotations

from tui.terminal.pixel_app import PixelApp
from tui.widgets.image_view import ImageView


def describe_shown_size(view: ImageView) -> str:
    """shown at 36 of 128 px; empty where each pixel of the pictures has at least one on the screen."""
    images, tile, app = view.images, view.tile, view.app
    if images is None or tile is None:
        return ""
    side = max(images.height, images.width)
    has_pixels = isinstance(app, PixelApp) and app.graphics.has_pixels
    shown = tile * app.cell[0] if isinstance(app, PixelApp) and has_pixels and not view.live else tile
    return f"shown at {shown} of {side} px" if shown < side else ""
