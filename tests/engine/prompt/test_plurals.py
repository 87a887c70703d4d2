"""English plurals, against a table written by hand."""

from __future__ import annotations

import pytest

from engine.prompt.plurals import plurals_of


@pytest.mark.parametrize(
    ("name", "plural"),
    [
        *(("boot", "boots"), ("Ankle boot", "Ankle boots"), ("Dress", "Dresses"), ("bus", "buses"), ("Fox", "Foxes"), ("bench", "benches")),
        *(("T-shirt/top", "T-shirts/tops"), ("Trousers", "Trousers"), ("jeans", "jeans"), ("iris", "irises"), ("octopus", "octopuses")),
        *(("city", "cities"), ("key", "keys"), ("Knife", "Knives"), ("Maple leaf", "Maple leaves"), ("zero", "zeroes"), ("photo", "photos")),
        *(("Mouse", "Mice"), ("snowman", "snowmen"), ("German", "Germans"), ("human", "humans"), ("sheep", "sheep"), ("lens", "lenses")),
        *(("bird of prey", "birds of prey"), ("mother-in-law", "mothers-in-law"), ("bass (fish)", "basses (fish)"), ("BOX", "BOXES")),
        *(("7", "7s"), ("00017", "00017s"), ("X", "Xs"), ("café", "cafés"), ("猫", "猫"), ("🐱", "🐱"), ("кот", "кот"), ("/", "/"), ("a (", "as (")),
    ],
)
def test_the_usual_plural(name: str, plural: str) -> None:
    assert plurals_of(name)[0] == plural
