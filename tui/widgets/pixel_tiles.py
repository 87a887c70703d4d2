"""Finds the pictures of a screen that may be shown in real pixels: finished, whole, and with nothing above them."""

from __future__ import annotations

from textual.geometry import Region
from textual.screen import Screen

from tui.render.painter import Painter
from tui.terminal.pixel_layer import Placement
from tui.widgets.image_view import ImageView


def find_placements(screen: Screen[object], painter: Painter) -> list[Placement]:
    """From the top widget of the screen downwards. Live pictures change too often, and their pixels would take too many bytes."""
    found: list[Placement] = []
    above: list[Region] = []
    for widget, geometry in screen._compositor.layers:
        visible = geometry.visible_region
        if isinstance(widget, ImageView) and not widget.live:
            origin = widget.content_region.offset - widget.region.offset + geometry.region.offset
            for region, picture in widget.tiles_on_view():
                place = region.translate(origin)
                if visible.contains_region(place) and not any(place.overlaps(other) for other in above):
                    found.append(painter.place(place, picture))
        if visible and not widget.is_container:
            above.append(visible)
    return found
