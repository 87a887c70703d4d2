"""Moments of a terminal screen as one animated SVG that plays in any browser, and on GitHub. Knows no screen and no digits.

Letters become text, blocks and backgrounds become coloured strokes. A line that is the same for several moments is written once, for all of them.
CSS shows and hides; where a reader prefers reduced motion, or nothing animates, the last moment stands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from xml.sax.saxutils import escape

from rich.segment import Segment
from rich.terminal_theme import DIMMED_MONOKAI

WIDTH, HEIGHT, MARGIN = 10, 20, 10
"""Of a cell, and around the screen, in the picture's units."""
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
BOLD = ' class="b"'
HALVES = {"▀": (0, 1), "▄": (1, 0), "█": (0, 0)}
"""Block characters: which of (foreground, background) fills the upper and the lower half of the cell."""


@dataclass(frozen=True)
class Cell:
    text: str
    color: str
    background: str
    bold: bool = False


Line = tuple[Cell, ...]


def cells(segments: Iterable[Segment]) -> Line:
    """One line of the screen, a cell a character; a style without colours takes the theme's."""
    return tuple(cell for segment in segments for cell in _cells_of(segment))


def _cells_of(segment: Segment) -> Iterator[Cell]:
    style = segment.style
    color = DIMMED_MONOKAI.foreground_color.hex
    background = DIMMED_MONOKAI.background_color.hex
    if style and style.color and not style.color.is_default:
        color = style.color.get_truecolor(DIMMED_MONOKAI).hex
    if style and style.bgcolor and not style.bgcolor.is_default:
        background = style.bgcolor.get_truecolor(DIMMED_MONOKAI).hex
    if style and style.reverse:
        color, background = background, color
    for character in segment.text:
        yield Cell(character, color, background, bool(style and style.bold))


def animate(moments: Sequence[Sequence[Line]], seconds: Sequence[float], title: str) -> str:
    """The SVG: moment k is shown for `seconds[k]`, then it begins anew. All moments have the same number of lines."""
    spans: dict[tuple[int, int], list[tuple[int, Line]]] = defaultdict(list)  # (first moment, moment after the last) -> what is shown then
    for row in range(len(moments[0])):
        at = 0
        for line, same in groupby(moment[row] for moment in moments):
            after = at + len(list(same))
            spans[at, after].append((row, line))
            at = after
    paper = moments[0][-1][0].background
    ends = list(accumulate(seconds))
    rules, groups = [], []
    for number, ((first, after), lines) in enumerate(sorted(spans.items())):
        begin, end = 100 * (ends[first] - seconds[first]) / ends[-1], 100 * ends[after - 1] / ends[-1]
        if (first, after) == (0, len(moments)):
            groups.append(f"<g>{_draw(lines, paper)}</g>")
            continue
        hidden = "" if after == len(moments) else ";opacity:0"
        frames = f"{begin:.2f}%{{opacity:1}}" + (f"{end:.2f}%{{opacity:0}}" if hidden else "")
        rules.append(f"@keyframes k{number}{{{'0%{opacity:0}' if first else ''}{frames}}}#g{number}{{animation-name:k{number}{hidden}}}")
        groups.append(f'<g id="g{number}" class="a">{_draw(lines, paper)}</g>')
    width, height = len(moments[0][0]) * WIDTH + 2 * MARGIN, len(moments[0]) * HEIGHT + 2 * MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>"
        f"<style>text{{font:{WIDTH / 0.602:.1f}px {FONT};white-space:pre}}.b{{font-weight:bold}}"
        f"path{{transform:scale({WIDTH});shape-rendering:crispEdges}}"
        f".a{{animation:{ends[-1]:.2f}s step-end infinite}}{''.join(rules)}"
        "@media(prefers-reduced-motion:reduce){.a{animation:none}}</style>"
        f'<rect width="{width}" height="{height}" rx="8" fill="{paper}"/>'
        f'<g transform="translate({MARGIN} {MARGIN})">{"".join(groups)}</g></svg>\n'
    )


def _draw(lines: Sequence[tuple[int, Line]], paper: str) -> str:
    return _blocks(lines, paper) + "".join(_words(row, line) for row, line in lines)


def _blocks(lines: Sequence[tuple[int, Line]], paper: str) -> str:
    """Blocks and backgrounds but those of the `paper`: a path a colour, whose strokes are runs of half cells, which are square."""
    paths: dict[str, str] = defaultdict(str)
    for row, line in lines:
        for half in (0, 1):
            column = 0
            for color, same in groupby(_color(cell, half) for cell in line):
                count = len(list(same))
                paths[color] += f"M{column} {2 * row + half}.5h{count}"
                column += count
    return "".join(f'<path stroke="{color}" d="{path}"/>' for color, path in paths.items() if color != paper)


def _color(cell: Cell, half: int) -> str:
    """Of the upper (0) or the lower (1) half of a cell."""
    return (cell.color, cell.background)[HALVES[cell.text][half]] if cell.text in HALVES else cell.background


def _words(row: int, line: Line) -> str:
    """What is written on a line, held to its columns whatever the font."""
    parts, column = [], 0
    for (color, bold), same in groupby(line, key=lambda cell: (cell.color, cell.bold)):
        text = "".join(" " if cell.text in HALVES else cell.text for cell in same)
        word = text.strip()
        if word:
            x = (column + len(text) - len(text.lstrip())) * WIDTH
            parts.append(
                f'<text x="{x}" y="{row * HEIGHT + 15}" textLength="{len(word) * WIDTH}" fill="{color}"{BOLD if bold else ""}>{escape(word)}</text>'
            )
        column += len(text)
    return "".join(parts)
