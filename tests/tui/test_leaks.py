"""Objects of the screen that pile up the longer it is used."""

from __future__ import annotations

import gc

from textual.widgets._footer import FooterKey
from user import opened

from tui.widgets.key_footer import KeyFooter


def count(kind: type[object]) -> int:
    gc.collect()
    return sum(1 for thing in gc.get_objects() if issubclass(type(thing), kind))  # isinstance would ask proxies


async def test_footer_keys_are_forgotten_once_others_are_shown() -> None:
    async with opened() as person:
        await person.press("f3")
        footer = person.app.screen.query_one(KeyFooter)
        await person.until(lambda: len(footer.children) > 3)
        before = count(FooterKey)
        for _ in range(8):
            footer.call_later(footer.recompose)
            await person.settle()
        await person.until(lambda: len(footer.children) > 3)
        # 8 recompositions show more than 40 keys; the last ones may still be on their way out
        await person.until(lambda: count(FooterKey) <= before + 20)
