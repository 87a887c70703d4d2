"""A progress line fitted into a terminal's width: the bar shrinks, then facts go, and the time left stays. Pure: knows no terminal."""

from __future__ import annotations

BETWEEN = "  "
BAR, SHORTEST_BAR = 24, 10


def fitted(text: str, fraction: float | None, width: int, bar: str = "━─") -> str:
    """`text` behind a bar of `fraction` in at most `width` characters. `bar` is its two characters, or empty for none.

    Facts of `text` stand apart by two spaces. Where room is short, those before the last go first, from the right; the last one, the
    time left, is the last to go.
    """
    facts = text.split(BETWEEN)
    done = "" if fraction is None else f"{fraction:4.0%}{BETWEEN}"
    least = len(done) + (SHORTEST_BAR + 1 if bar and done else 0)
    while len(facts) > 2 and least + len(BETWEEN.join(facts)) > width:
        del facts[-2]
    if len(facts) > 1 and len(done) + len(BETWEEN.join(facts)) > width:
        del facts[:-1]
    words = BETWEEN.join(facts)
    room = min(BAR, width - len(done) - len(words) - 1)
    if fraction is not None and bar and room >= SHORTEST_BAR:
        full = round(fraction * room)
        return f"{bar[0] * full}{bar[1] * (room - full)} {done}{words}"
    return (done + words if len(done) + len(words) <= width else words)[:width]
