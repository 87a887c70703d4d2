"""Keys in kitty's keyboard protocol that Textual does not understand by itself."""

from __future__ import annotations

import re

from textual._keyboard_protocol import FUNCTIONAL_KEYS

KITTY_KEY = re.compile(r"\x1b\[(\d*)(?::\d*)*(?:;(\d*)(?::(\d+))?)?(?:;([\d:]*))?([u~ABCDEFHPQRS])")
"""A key in kitty's protocol: code point and alternatives; modifiers and kind of event; text; final. Parts after a colon are optional."""
RELEASE = "3"


def simplify(kitty: re.Match[str]) -> str:
    """The sequence without the parts that Textual does not know, and with the text that some terminals leave out."""
    code, modifiers, _, text, final = kitty.groups(default="")
    if final == "u" and not text and modifiers in ("", "1") and code + final not in FUNCTIONAL_KEYS and chr(int(code or 1)).isprintable():
        text = code
    return f"\x1b[{code};{modifiers}" + (f";{text}" if text else "") + final if code or modifiers or text else f"\x1b[{final}"


def makes_sense(code: str, text: str, final: str) -> bool:
    """Whether the key exists and the text could be typed. (Textual takes any number for that of a character.)"""
    points = text.split(":") if text else []
    if len(code) > 7 or not all(1 <= len(point) <= 7 for point in points):
        return False
    if not all(int(point) <= 0x10FFFF and chr(int(point)).isprintable() for point in points):
        return False
    if final != "u":
        return f"{int(code)}{final}" in FUNCTIONAL_KEYS
    return int(code) <= 0x10FFFF and not 0xD800 <= int(code) <= 0xDFFF
