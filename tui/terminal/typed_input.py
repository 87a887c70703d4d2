"""Turn the bytes that a terminal sends into keys, pastes, mouse events and answers. Plain state and a clock: no thread, no terminal.

Textual's own parser raises on some input, waits for ever for the end of a paste, and types what it does not know into the input. This one
splits the stream as ECMA-48 says, so that it knows where each sequence ends, and asks Textual only what a whole sequence means. A sequence
that makes no sense is skipped and logged.
"""

from __future__ import annotations

import codecs
import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator

from textual import constants, events, messages
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._keyboard_protocol import FUNCTIONAL_KEYS
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, FOCUSIN, FOCUSOUT, XTermParser
from textual.keys import Keys
from textual.message import Message

ESC = "\x1b"
LONGEST = 64
"""Characters of a sequence that are read; the rest of a longer one is skipped with it."""
LARGEST_PASTE = 1 << 20
"""Characters of a paste that are read."""
SEQUENCE_PATIENCE = 1.0
"""Seconds to wait for the rest of a sequence or of a character that a link delivers in pieces."""
PASTE_PATIENCE = 2.0
"""Seconds without input after which a paste has lost its end."""
TYPED_PATIENCE = 5.0
"""Seconds without a long piece after which the input in a paste is a person who types."""
LONG_PIECE = 16
"""Bytes that nobody types at once."""
FARTHEST = 10_000
"""Columns and rows beyond which a mouse report makes no sense."""
LOG_EVERY = 60.0
"""Seconds between two lines of the log about input that was skipped."""

_STRINGS = "P]X^_"
"""DCS, OSC, SOS, PM, APC: what follows runs to its own terminator."""
_ANSWER = re.compile(r"\x1b\[(\d{1,5});(\d{1,5})R")
_MOUSE = re.compile(r"\x1b\[<\d{1,5};(-?\d{1,9});(-?\d{1,9})[Mm]")
_OLD_MOUSE = re.compile(r"\x1b\[(M...|\d+;\d+;\d+M)", re.DOTALL)
"""Modes 1000, 1005 and 1015, of a terminal that lacks 1006."""
_MODE = re.compile(r"\x1b\[\?(\d+);(\d)\$y")
_KITTY = re.compile(r"\x1b\[(\d*)(?::\d*)*(?:;(\d*)(?::(\d+))?)?(?:;([\d:]*))?([u~ABCDEFHPQRS])")
"""Code point and its alternatives; modifiers and kind of event; text; final. The parts behind a colon are optional."""
_RELEASE = "3"

log = logging.getLogger(__name__)


def _one_each(error: UnicodeError) -> tuple[str, int]:
    """One replacement a byte, so that the bytes of an old mouse report can be counted."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\N{REPLACEMENT CHARACTER}" * (error.end - error.start), error.end


codecs.register_error("digitty_typed", _one_each)


def _plain(kitty: re.Match[str]) -> str:
    """The sequence without what Textual does not expect in it, and with the text that some terminals leave out."""
    code, modifiers, _, text, final = kitty.groups(default="")
    if final == "u" and not text and modifiers in ("", "1") and code + final not in FUNCTIONAL_KEYS and chr(int(code or 1)).isprintable():
        text = code
    return f"\x1b[{code};{modifiers}" + (f";{text}" if text else "") + final if code or modifiers or text else f"\x1b[{final}"


class TypedInput:
    """For one thread. `feed` and `tick` return what the input so far means, and never raise."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known = XTermParser()
        self._decoder = codecs.getincrementaldecoder("utf-8")("digitty_typed")
        self._held = ""
        """The sequence under way, from its escape on."""
        self._interrupted = ""
        """In a paste, the beginning of a sequence that another one interrupts."""
        self._heard = 0.0
        """When the last byte came."""
        self._paste: list[str] | None = None
        self._long_piece = 0.0
        """When the last long piece of the paste came."""
        self._found: list[Message] = []
        self._skipped = 0
        self._logged = -LOG_EVERY

    @property
    def waiting(self) -> bool:
        """Whether a time-out may be due soon."""
        return bool(self._held) or self._paste is not None or bool(self._decoder.getstate()[0])

    @property
    def _may_be_keys(self) -> bool:
        """Escape, or alt with a letter. (Alt with [ is rarer than a sequence that is cut there.)"""
        return len(self._held) <= 2 and self._held != "\x1b["

    def feed(self, data: bytes) -> list[Message]:
        """The messages that these bytes complete."""
        now = self._heard = self._clock()
        if len(data) >= LONG_PIECE:
            self._long_piece = now
        self._read(self._decoder.decode(data))
        return self._taken()

    def tick(self, now: float | None = None) -> list[Message]:
        """The messages that are due because nothing more had come by then. To be called several times a second while `waiting`."""
        now = self._clock() if now is None else now
        quiet = now - self._heard
        if quiet >= SEQUENCE_PATIENCE and self._decoder.getstate()[0]:
            self._read(self._decoder.decode(b"", True))
            self._decoder.reset()
        if self._paste is not None:
            if quiet >= PASTE_PATIENCE or now - self._long_piece >= TYPED_PATIENCE:
                self._skip("a paste without an end")
                self._end_paste()
        elif self._held and quiet >= (constants.ESCAPE_DELAY if self._may_be_keys else SEQUENCE_PATIENCE):
            self._give_up()
        return self._taken()

    def _taken(self) -> list[Message]:
        found, self._found = self._found, []
        return found

    # --- where a sequence ends ----------------------------------------------------------------------------------------

    def _read(self, text: str) -> None:
        for char in text:
            try:
                self._read_one(char)
            except Exception:  # whatever Textual makes of it
                log.exception("reading %r", self._held + char)
                self._held = ""

    def _read_one(self, char: str) -> None:
        if self._held:
            self._go_on(char)
        elif char == ESC:
            self._held = ESC
        elif self._paste is None:
            self._key(char)
        elif len(self._paste) < LARGEST_PASTE and (char.isprintable() or char in "\t\r\n"):
            self._paste.append(char)

    def _go_on(self, char: str) -> None:
        """One more character of a sequence."""
        kind = self._held[1:2]
        if kind and kind in _STRINGS:
            self._go_on_with_string(char)
        elif char == ESC and self._paste is not None:
            self._held, self._interrupted = ESC, self._held
        elif char == ESC:
            self._give_up()
            self._held = ESC
        elif not kind and char in "[O" + _STRINGS:
            self._held += char
        elif not kind:
            self._held = ""
            self._escaped(char)
        elif not " " <= char <= "~" and not (self._held.startswith("\x1b[M") and char >= " "):
            self._give_up()  # it was broken off
            self._read_one(char)
        else:
            if len(self._held) <= LONGEST:
                self._held += char
            if self._ends(char):
                sequence, self._held, self._interrupted = self._held, self._interrupted, ""
                self._sequence(sequence)

    def _ends(self, char: str) -> bool:
        """Whether this printable character ends the sequence held."""
        held = self._held
        if held.startswith("\x1b[M"):
            return len(held) == 6
        if held.startswith("\x1bO"):
            return len(held) == 3
        if held == "\x1b[[":  # the Linux console's function keys
            return False
        return "@" <= char <= "~" or (char == "$" and held in ANSI_SEQUENCES_KEYS)

    def _go_on_with_string(self, char: str) -> None:
        """Such strings answer questions that nobody asked here: they are skipped as a whole."""
        if char in "\x07\x18\x1a" or (char == "\\" and self._held.endswith(ESC)):
            self._skip(self._held)
            self._held = ""
        elif self._held.endswith(ESC):  # it was broken off by another sequence
            self._skip(self._held)
            self._held = ESC
            self._go_on(char)
        elif char == ESC or len(self._held) <= LONGEST:
            self._held += char

    def _give_up(self) -> None:
        """The sequence held is all there is: keys where a person may have pressed them."""
        held, self._held = self._held, ""
        if self._paste is not None or len(held) > 2:
            self._skip(held)
        elif held == ESC:
            self._found.append(events.Key("escape", ESC))
        else:
            self._escaped(held[1])

    # --- what it means ------------------------------------------------------------------------------------------------

    def _sequence(self, sequence: str) -> None:
        """A whole CSI or SS3 sequence."""
        if sequence == BRACKETED_PASTE_START:
            if self._paste is None:
                self._paste, self._long_piece = [], self._clock()
        elif sequence == BRACKETED_PASTE_END:
            self._end_paste()
        elif sequence in (FOCUSIN, FOCUSOUT):
            self._found.append(events.AppFocus() if sequence == FOCUSIN else events.AppBlur())
        elif answer := _ANSWER.fullmatch(sequence):
            self._found.append(events.CursorPosition(int(answer[2]) - 1, int(answer[1]) - 1))
        elif mouse := _MOUSE.fullmatch(sequence):
            self._mouse(sequence, int(mouse[1]), int(mouse[2]))
        elif mode := _MODE.fullmatch(sequence):
            if mode[1] == "2026" and mode[2] != "0":
                self._found.append(messages.TerminalSupportsSynchronizedOutput())
        elif not _OLD_MOUSE.fullmatch(sequence):
            found = [] if self._paste is not None else list(self._pressed(sequence))
            self._found += found
            if not found and not self._is_quiet(sequence):
                self._skip(sequence)

    def _mouse(self, sequence: str, x: int, y: int) -> None:
        event = self._known.parse_mouse_code(sequence) if x <= FARTHEST and y <= FARTHEST else None
        if event is not None:
            self._found.append(event)
        else:
            self._skip(sequence)

    def _key(self, char: str) -> None:
        self._found += self._legible(self._known._sequence_to_key_events(char))

    def _escaped(self, char: str) -> None:
        """A key pressed with alt, which few terminals tell from escape and then the key."""
        if self._paste is not None:
            self._skip(ESC + char)
            return
        found = list(self._legible(self._known._sequence_to_key_events(ESC + char)))
        self._found += found or self._legible(self._known._sequence_to_key_events(char, alt=True))

    def _pressed(self, sequence: str) -> Iterator[Message]:
        """The keys that a sequence stands for."""
        kitty, listed = _KITTY.fullmatch(sequence), ANSI_SEQUENCES_KEYS.get(sequence)
        if kitty is not None and kitty[3] != _RELEASE and self._makes_sense(kitty[1] or "1", kitty[4] or "", kitty[5]):
            yield from self._legible(self._known._sequence_to_key_events(_plain(kitty)))
        elif listed is not None and kitty is None:
            yield from self._legible(self._known._sequence_to_key_events(sequence))
        elif isinstance(listed, tuple):  # Textual takes its number for a character's
            yield from self._legible([events.Key(key.value, None) for key in listed])

    @staticmethod
    def _makes_sense(code: str, text: str, final: str) -> bool:
        """Whether it is a key that exists and text that could be typed. (Textual takes any number for a character's.)"""
        points = text.split(":") if text else []
        if len(code) > 7 or not all(1 <= len(point) <= 7 for point in points):
            return False
        typed = [int(point) for point in points]
        if not all(point <= 0x10FFFF and chr(point).isprintable() for point in typed):
            return False
        if final != "u":
            return f"{int(code)}{final}" in FUNCTIONAL_KEYS
        return int(code) <= 0x10FFFF and not 0xD800 <= int(code) <= 0xDFFF

    @staticmethod
    def _legible(keys: Iterable[events.Key]) -> Iterator[events.Key]:
        return (key for key in keys if key.key != Keys.Ignore)

    @staticmethod
    def _is_quiet(sequence: str) -> bool:
        """Whether it is skipped for a good reason, and often: a key that is let go, or one that stands for nothing."""
        kitty = _KITTY.fullmatch(sequence)
        return sequence in ANSI_SEQUENCES_KEYS or (kitty is not None and kitty[3] == _RELEASE)

    def _end_paste(self) -> None:
        text, self._paste, self._held = "".join(self._paste or ()), None, ""
        if text:
            self._found.append(events.Paste(text))

    def _skip(self, sequence: str) -> None:
        """Says so in the log, at most once a minute."""
        self._skipped += 1
        now = self._clock()
        if now - self._logged >= LOG_EVERY:
            log.warning("skipped input that makes no sense (%d); the last was %r", self._skipped, sequence[:LONGEST])
            self._skipped, self._logged = 0, now
