"""Turn the bytes that a terminal sends into keys, pastes, mouse events and answers. Plain state and a clock: no thread, no terminal.

Textual's own parser raises on some input, waits forever for the end of a paste, and types unknown sequences into the input. This one splits the
stream as ECMA-48 says, so that it knows where each sequence ends, and asks Textual only for the meaning of a whole sequence. Sequences that make
no sense are skipped and logged.
"""

from __future__ import annotations

import codecs
import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from textual import constants, events, messages
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, FOCUSIN, FOCUSOUT, XTermParser
from textual.keys import Keys
from textual.message import Message

from tui.terminal.kitty_keys import KITTY_KEY, RELEASE, makes_sense, simplify
from tui.terminal.self_description import SelfDescription, is_self_description

ESC = "\x1b"
MAX_SEQUENCE = 64
"""Characters of a sequence that are kept. A longer one is skipped as a whole."""
MAX_PASTE = 1 << 20
"""Characters of a paste that are kept."""
LONG_PIECE = 16
"""More bytes than anybody types at once."""
MAX_POSITION = 10_000
"""The largest column and row of a mouse report that makes sense."""
LOG_EVERY = 60.0
"""Seconds between two lines of the log about skipped input."""

_STRINGS = "P]X^_"
"""The characters after the escape of DCS, OSC, SOS, PM and APC, which run up to a terminator."""
_ANSWER = re.compile(r"\x1b\[(\d{1,5});(\d{1,5})R")
_MOUSE = re.compile(r"\x1b\[<\d{1,5};(-?\d{1,9});(-?\d{1,9})[Mm]")
_OLD_MOUSE = re.compile(r"\x1b\[(M...|\d+;\d+;\d+M)", re.DOTALL)
"""Reports of modes 1000, 1005 and 1015, from a terminal without 1006."""
_MODE = re.compile(r"\x1b\[\?(\d+);(\d)\$y")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """All in seconds without further input, unless they say otherwise."""

    sequence: float = 1.0
    """For the rest of a sequence, or of a character, that the connection delivers in pieces."""
    paste: float = 2.0
    """After which the end of a paste counts as lost."""
    typing: float = 5.0
    """Without a long piece of input, after which input in a paste counts as typed."""


def _replace_each_byte(error: UnicodeError) -> tuple[str, int]:
    """One replacement character a byte, so that the bytes of an old mouse report can be counted."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\N{REPLACEMENT CHARACTER}" * (error.end - error.start), error.end


codecs.register_error("digitty_typed", _replace_each_byte)


class TypedInput:
    """`feed` and `tick` return the messages that the input so far amounts to, and never raise. For one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, timeouts: Timeouts = Timeouts()) -> None:
        self._clock, self._timeouts = clock, timeouts
        self._parser = XTermParser()
        self._decoder = codecs.getincrementaldecoder("utf-8")("digitty_typed")
        self._sequence = ""
        """The unfinished sequence, from its escape on."""
        self._outer_sequence = ""
        """In a paste, the beginning of a sequence that another sequence interrupts."""
        self._last_byte_at = 0.0
        """The time of the last byte."""
        self._paste: list[str] | None = None
        self._last_long_piece_at = 0.0
        """The time of the last long piece of the paste."""
        self._messages: list[Message] = []
        self._skip_count = 0
        self._logged_at = -LOG_EVERY

    @property
    def waiting(self) -> bool:
        """Whether a timeout may be due soon."""
        return bool(self._sequence) or self._paste is not None or bool(self._decoder.getstate()[0])

    @property
    def _may_be_keys(self) -> bool:
        """Whether the unfinished sequence may be escape, or alt with a letter. (Alt with [ is rarer than a sequence that is cut there.)"""
        return len(self._sequence) <= 2 and self._sequence != "\x1b["

    def feed(self, data: bytes) -> list[Message]:
        """The messages that these bytes complete."""
        now = self._last_byte_at = self._clock()
        if len(data) >= LONG_PIECE:
            self._last_long_piece_at = now
        self._read(self._decoder.decode(data))
        return self._take_messages()

    def tick(self, now: float | None = None) -> list[Message]:
        """The messages that are due because no more input came by then. To be called several times a second while `waiting`."""
        now = self._clock() if now is None else now
        quiet = now - self._last_byte_at
        if quiet >= self._timeouts.sequence and self._decoder.getstate()[0]:
            self._read(self._decoder.decode(b"", True))
            self._decoder.reset()
        if self._paste is not None:
            if quiet >= self._timeouts.paste or now - self._last_long_piece_at >= self._timeouts.typing:
                self._skip("a paste without an end")
                self._end_paste()
        elif self._sequence and quiet >= (constants.ESCAPE_DELAY if self._may_be_keys else self._timeouts.sequence):
            self._give_up()
        return self._take_messages()

    def _take_messages(self) -> list[Message]:
        messages, self._messages = self._messages, []
        return messages

    # --- where a sequence ends ----------------------------------------------------------------------------------------

    def _read(self, text: str) -> None:
        for char in text:
            try:
                self._read_one(char)
            except Exception:  # Textual raises on some input
                log.exception("reading %r", self._sequence + char)
                self._sequence = ""

    def _read_one(self, char: str) -> None:
        if self._sequence:
            self._continue(char)
        elif char == ESC:
            self._sequence = ESC
        elif self._paste is None:
            self._key(char)
        elif len(self._paste) < MAX_PASTE and (char.isprintable() or char in "\t\r\n"):
            self._paste.append(char)

    def _continue(self, char: str) -> None:
        """Add a character to the unfinished sequence."""
        kind = self._sequence[1:2]
        if kind and kind in _STRINGS:
            self._continue_string(char)
        elif char == ESC and self._paste is not None:
            self._sequence, self._outer_sequence = ESC, self._sequence
        elif char == ESC:
            self._give_up()
            self._sequence = ESC
        elif not kind and char in "[O" + _STRINGS:
            self._sequence += char
        elif not kind:
            self._sequence = ""
            self._alt_key(char)
        elif not " " <= char <= "~" and not (self._sequence.startswith("\x1b[M") and char >= " "):
            self._give_up()  # the sequence was cut off
            self._read_one(char)
        else:
            if len(self._sequence) <= MAX_SEQUENCE:
                self._sequence += char
            if self._ends(char):
                sequence, self._sequence, self._outer_sequence = self._sequence, self._outer_sequence, ""
                self._interpret(sequence)

    def _ends(self, char: str) -> bool:
        """Whether this printable character ends the sequence."""
        sequence = self._sequence
        if sequence.startswith("\x1b[M"):
            return len(sequence) == 6
        if sequence.startswith("\x1bO"):
            return len(sequence) == 3
        if sequence == "\x1b[[":  # the Linux console's function keys
            return False
        return "@" <= char <= "~" or (char == "$" and sequence in ANSI_SEQUENCES_KEYS)

    def _continue_string(self, char: str) -> None:
        """Add a character to a string such as OSC. Only the terminal's name answers a query of digitty, so others are skipped."""
        if char in "\x07\x18\x1a" or (char == "\\" and self._sequence.endswith(ESC)):
            string, self._sequence = self._sequence, ""
            if is_self_description(string) and char == "\\" and self._paste is None:
                self._messages.append(SelfDescription(string.removesuffix(ESC)))
            else:
                self._skip(string)
        elif self._sequence.endswith(ESC):  # another sequence cuts it off
            self._skip(self._sequence)
            self._sequence = ESC
            self._continue(char)
        elif char == ESC or len(self._sequence) <= MAX_SEQUENCE:
            self._sequence += char

    def _give_up(self) -> None:
        """End the unfinished sequence here: take it as keys if somebody may have pressed them."""
        sequence, self._sequence = self._sequence, ""
        if self._paste is not None or len(sequence) > 2:
            self._skip(sequence)
        elif sequence == ESC:
            self._messages.append(events.Key("escape", ESC))
        else:
            self._alt_key(sequence[1])

    # --- what a sequence means ----------------------------------------------------------------------------------------

    def _interpret(self, sequence: str) -> None:
        """Handle a whole CSI or SS3 sequence."""
        if sequence == BRACKETED_PASTE_START:
            if self._paste is None:
                self._paste, self._last_long_piece_at = [], self._clock()
        elif sequence == BRACKETED_PASTE_END:
            self._end_paste()
        elif sequence in (FOCUSIN, FOCUSOUT):
            self._messages.append(events.AppFocus() if sequence == FOCUSIN else events.AppBlur())
        elif answer := _ANSWER.fullmatch(sequence):
            self._messages.append(events.CursorPosition(int(answer[2]) - 1, int(answer[1]) - 1))
        elif mouse := _MOUSE.fullmatch(sequence):
            self._mouse(sequence, int(mouse[1]), int(mouse[2]))
        elif mode := _MODE.fullmatch(sequence):
            if mode[1] == "2026" and mode[2] != "0":
                self._messages.append(messages.TerminalSupportsSynchronizedOutput())
        elif is_self_description(sequence) and self._paste is None:
            self._messages.append(SelfDescription(sequence))
        elif not _OLD_MOUSE.fullmatch(sequence):
            keys = [] if self._paste is not None else list(self._keys_of(sequence))
            self._messages += keys
            if not keys and not self._is_expected(sequence):
                self._skip(sequence)

    def _mouse(self, sequence: str, x: int, y: int) -> None:
        event = self._parser.parse_mouse_code(sequence) if x <= MAX_POSITION and y <= MAX_POSITION else None
        if event is not None:
            self._messages.append(event)
        else:
            self._skip(sequence)

    def _key(self, char: str) -> None:
        self._messages += self._known_keys(self._parser._sequence_to_key_events(char))

    def _alt_key(self, char: str) -> None:
        """Handle a key pressed with alt. Few terminals distinguish that from escape followed by the key."""
        if self._paste is not None:
            self._skip(ESC + char)
            return
        keys = list(self._known_keys(self._parser._sequence_to_key_events(ESC + char)))
        self._messages += keys or self._known_keys(self._parser._sequence_to_key_events(char, alt=True))

    def _keys_of(self, sequence: str) -> Iterator[Message]:
        """The keys that a sequence stands for."""
        kitty, entry = KITTY_KEY.fullmatch(sequence), ANSI_SEQUENCES_KEYS.get(sequence)
        if kitty is not None and kitty[3] != RELEASE and makes_sense(kitty[1] or "1", kitty[4] or "", kitty[5]):
            yield from self._known_keys(self._parser._sequence_to_key_events(simplify(kitty)))
        elif entry is not None and kitty is None:
            yield from self._known_keys(self._parser._sequence_to_key_events(sequence))
        elif isinstance(entry, tuple):  # Textual takes its number for that of a character
            yield from self._known_keys([events.Key(key.value, None) for key in entry])

    @staticmethod
    def _known_keys(keys: Iterable[events.Key]) -> Iterator[events.Key]:
        return (key for key in keys if key.key != Keys.Ignore)

    @staticmethod
    def _is_expected(sequence: str) -> bool:
        """Whether the sequence is common and rightly skipped: the release of a key, or a key without a meaning."""
        kitty = KITTY_KEY.fullmatch(sequence)
        return sequence in ANSI_SEQUENCES_KEYS or (kitty is not None and kitty[3] == RELEASE)

    def _end_paste(self) -> None:
        text, self._paste, self._sequence = "".join(self._paste or ()), None, ""
        if text:
            self._messages.append(events.Paste(text))

    def _skip(self, sequence: str) -> None:
        """Skip a sequence and log it, but at most once a minute."""
        self._skip_count += 1
        now = self._clock()
        if now - self._logged_at >= LOG_EVERY:
            log.warning("skipped input that makes no sense (%d); the last was %r", self._skip_count, sequence[:MAX_SEQUENCE])
            self._skip_count, self._logged_at = 0, now
