"""Imports without the cyclic garbage collector."""

from __future__ import annotations

import gc

import pytest

from engine.process.quick_imports import quick_imports


@pytest.fixture(autouse=True)
def unfrozen() -> object:
    """Other tests keep a collector that walks what they leave behind."""
    yield
    gc.unfreeze()
    gc.enable()


def test_nothing_is_collected_within_and_what_was_enabled_is_enabled_again() -> None:
    with quick_imports():
        assert not gc.isenabled()
        with quick_imports():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 1000


def test_a_disabled_collector_stays_disabled() -> None:
    gc.disable()
    with quick_imports():
        pass
    assert not gc.isenabled()
