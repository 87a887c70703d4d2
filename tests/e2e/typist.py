"""Somebody who types anything at all: random byte strings for the screen in a real terminal, and what must hold whatever was typed.

For test_fuzz_input.py and benchmarks/fuzz_input.py.
"""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from terminal import Terminal, environment, faked
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS

PROBE = "\x1b[24~"
"""F12, which the applications of `probed_app.py` count."""
PATCH = faked("steps_per_epoch=2", f"sys.path.insert(0, {str(Path(__file__).parent)!r})\nimport probed_app")
EVERY = 50
"""Strings between two looks whether a key still does what it should."""
LONG = 300.0
"""Seconds after which it never will, however busy the machine."""
KNOWN = sorted(sequence.encode() for sequence in ANSI_SEQUENCES_KEYS if len(sequence) > 1 and sequence != PROBE)
RANGES = [
    (0x20, 0x7E),
    (0x20, 0x7E),
    (0xA0, 0x24F),
    (0x300, 0x36F),
    (0x590, 0x6FF),
    (0x2000, 0x206F),
    (0x3040, 0x30FF),
    (0x1F300, 0x1F6FF),
    (1, 0x9F),
]
UNGUARDED = re.compile(r" tui\.terminal\.(shutdown unhandled exception|driver |typed_input reading)")
"""In the log: what only the last resorts caught. (Textual's faults that `guarded.py` knows are logged there, too.)"""
Pieces = list[bytes]
"""One string, as the terminal sends it: with a pause between two pieces."""


class Typist:
    """Random strings of one seed."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._kinds: list[Callable[[], Pieces]] = [
            self._utf8,
            self._latin1,
            self._bytes,
            self._key,
            self._broken,
            self._control_sequence,
            self._mouse,
            self._mouse,
            self._paste,
            self._answer,
            self._answer,
            self._kitty,
            self._focus,
        ]

    def string(self) -> Pieces:
        return self._rng.choice(self._kinds)()

    # --- kinds of strings ---------------------------------------------------------------------------------------------

    def _text(self, longest: int = 8) -> str:
        return "".join(chr(self._rng.randint(*self._rng.choice(RANGES))) for _ in range(self._rng.randint(1, longest)))

    def _utf8(self) -> Pieces:
        raw = self._text().encode()
        return self._cut(raw) if self._rng.random() < 0.05 else [raw[: self._rng.choice([None, -1])]]

    def _latin1(self) -> Pieces:
        return [self._text().encode("latin-1", "ignore") or b"\xe9"]

    def _bytes(self) -> Pieces:
        return [self._rng.randbytes(self._rng.randint(1, 12))]

    def _key(self) -> Pieces:
        return [self._rng.choice(KNOWN)]

    def _broken(self) -> Pieces:
        raw = bytearray(self._rng.choice([*KNOWN[:200], b"\x1b[<35;10;10M", b"\x1b[200~a\x1b[201~", b"\x1b[97;5u", b"\x1b[5;5R"]))
        match self._rng.randrange(3):
            case 0:
                del raw[self._rng.randrange(1, len(raw) + 1) :]
            case 1:
                raw[self._rng.randrange(len(raw))] = self._rng.randrange(256)
            case 2:
                raw.insert(self._rng.randrange(len(raw) + 1), self._rng.randrange(256))
        return self._cut(bytes(raw)) if self._rng.random() < 0.05 else [bytes(raw)]

    def _control_sequence(self) -> Pieces:
        parameters = bytes(self._rng.choice(b"0123456789;;:<=>?") for _ in range(self._rng.choice([1, 4, 9, 90])))
        return [
            b"\x1b" + self._rng.choice([b"[", b"[", b"[", b"O", b"P", b"]", b"_"]) + parameters + self._rng.choice([b"", b"$", b" "]) + self._final()
        ]

    def _final(self) -> bytes:
        return bytes([self._rng.choice([self._rng.randint(0x40, 0x7E), self._rng.randrange(256)])])

    def _place(self) -> int:
        return self._rng.choice([self._rng.randint(1, 80), self._rng.randint(1, 24), 0, 95, 223, 5000, -3, 10**9, 10**12])

    def _mouse(self) -> Pieces:
        """Mostly presses, moves and releases that select text; in the modes X10, 1005, 1006, 1015, 1016."""
        button = self._rng.choice([0, 0, 32, 35, 64, 65, 1, 2, self._rng.randrange(256)])
        x, y = (self._rng.randint(1, 80), self._rng.randint(1, 24)) if self._rng.random() < 0.8 else (self._place(), self._place())
        match self._rng.randrange(7):
            case 0:
                return [b"\x1b[M" + bytes(min(255, 32 + abs(value)) for value in (button, x, y))]
            case 1:
                return [("\x1b[M" + "".join(chr(32 + min(2000, abs(value))) for value in (button, x, y))).encode()]
            case 2:
                return [b"\x1b[%d;%d;%dM" % (button + 32, x, y)]
            case 3:
                return [b"\x1b[<%d;%d;%d%c" % (button, x * 9, y * 18, self._rng.choice(b"Mm"))]
            case _:
                return [b"\x1b[<%d;%d;%d%c" % (button, x, y, self._rng.choice(b"MMm"))]

    def _paste(self) -> Pieces:
        text = self._text(30).encode() * self._rng.choice([1, 1, 20])
        if self._rng.random() < 0.2:
            text += self._answer()[0] + text
        start, end = b"\x1b[200~", b"\x1b[201~"
        match self._rng.randrange(12):
            case 0:
                return [start + text + end[:1], end[1:]]
            case 1:
                return self._cut(start + text + end)
            case 2:
                return [start + text]  # and never an end
            case 3:
                return [end + text]
            case 4:
                return [start + start + text + end]
            case _:
                return [start + text + end]

    def _answer(self) -> Pieces:
        number = self._rng.choice([0, 1, 2, 5, 24, 80, 255, 99999, 10**10])
        return [
            self._rng.choice(
                [
                    b"\x1b[%d;%dR" % (number, self._place()),
                    b"\x1b[?1;2c",
                    b"\x1b[>41;%d;0c" % number,
                    b"\x1b[?2026;%d$y" % self._rng.randrange(5),
                    b"\x1b[?%d;2$y" % self._rng.choice([2048, 1016, 1006, number]),
                    b"\x1b[48;%d;%d;%d;%dt" % (number, number, self._rng.choice([0, number]), number),
                    b"\x1b[8;%d;80t" % number,
                    b"\x1b[?%du" % number,
                    b"\x1b]11;rgb:0000/0000/0000\x1b\\",
                    b"\x1b]52;c;c2V2ZW4=\x07",
                    b"\x1b]10;rgb:ffff",
                    b"\x1bP>|terminal(1.0)\x1b\\",
                    b"\x1bP1+r544e\x1b\\",
                    b"\x1b_Gi=31;OK\x1b\\",
                    b"\x1b[0n",
                ]
            )
        ]

    def _kitty(self) -> Pieces:
        code = self._rng.choice(["97", "113", "27", "13", "9", "57358", "57441", "0", "55296", "1114112", "99999999999", "", "97:65", "97::113"])
        modifiers = self._rng.choice(["", ";1", ";2", ";5", ";5:1", ";5:2", ";5:3", ";0", ";256:9", ";:3", ";99999999999", ";-1"])
        text = self._rng.choice(["", "", ";97", ";97:98", ";55296", ";1114112", ";10", ";:", ";99999999999"])
        return [f"\x1b[{code}{modifiers}{text}{self._rng.choice('uuuu~ABDHPQRS')}".encode()]

    def _focus(self) -> Pieces:
        return [self._rng.choice([b"\x1b[I", b"\x1b[O"])]

    def _cut(self, raw: bytes) -> Pieces:
        at = self._rng.randrange(len(raw) + 1)
        return [raw[:at], raw[at:]]


class Session:
    """The screen in a terminal, and the file in which it counts the probes."""

    def __init__(self, home: Path, app: str = "whole") -> None:
        """`app`: of `probed_app.py`."""
        self.terminal = Terminal([], environment(home, PROBES=str(home / "probes"), APP=app), home, patch=PATCH)
        self._log, self._probes = home / "log" / "digitty.log", home / "probes"
        self.slowest = 0.0
        """Seconds until a probe was seen."""

    def __enter__(self) -> Session:
        self.terminal.__enter__()
        self.terminal.sees("Type a digit", "cpu fp32")
        self.terminal.watched = False
        return self

    def __exit__(self, *why: object) -> None:
        self.terminal.__exit__(None, None, None)

    def type(self, strings: Iterator[Pieces]) -> None:
        """Each, and now and then a key that must have its effect."""
        for count, pieces in enumerate(strings, 1):
            for position, piece in enumerate(pieces):
                if position:
                    time.sleep(0.15)
                self.write(piece)
            if count % EVERY == 0:
                self.probe()
        self.probe()
        self.type_a_prompt()

    def write(self, raw: bytes) -> None:
        os.write(self.terminal._master, raw)

    def probe(self) -> None:
        """A paste may still be open, and a sequence: they end by themselves."""
        before, start = self._counted(), time.monotonic()
        while self._counted() == before:
            asked = time.monotonic()
            self.write(PROBE.encode())
            while self._counted() == before and time.monotonic() < asked + 2.2:
                self.alive()
                time.sleep(0.01)
            assert time.monotonic() < start + LONG, f"the keyboard is dead\n{self.log}"
        self.slowest = max(self.slowest, time.monotonic() - start)

    def type_a_prompt(self) -> None:
        """On whatever screen, under whatever dialogs: letters go into the prompt's input and are shown."""
        self.terminal.watched = True
        deadline = time.monotonic() + LONG
        while "probing" not in self.terminal.text:
            assert time.monotonic() < deadline, f"the input is dead\n{self.terminal.text}\n{self.log}"
            for _ in range(8):
                self.write(b"\x1b")
                time.sleep(0.15)
                self.write(b"\x1bOQ")
            self.probe()
            time.sleep(0.5)  # until the input has the focus
            self.write(b"\x0c\x15")
            self.probe()
            time.sleep(0.5)  # Textual sends ctrl+u round by the application: letters typed at once would be deleted, too
            self.write(b"probing")
            self.probe()
            time.sleep(0.5)
        self.write(b"\x15")
        self.terminal.watched = False

    def alive(self) -> None:
        assert self.terminal.process.poll() is None, f"it left with {self.terminal.process.poll()}\n{self.terminal.sent[-300:]!r}\n{self.log}"

    def end(self) -> None:
        """It leaves as ever, and the terminal is as it was."""
        self.alive()
        self.terminal.process.send_signal(signal.SIGTERM)
        assert self.terminal.left(LONG) == 128 + signal.SIGTERM
        assert self.terminal.restored()
        assert not UNGUARDED.search(self.log), self.log

    @property
    def log(self) -> str:
        return self._log.read_text()[-20000:] if self._log.exists() else ""

    def _counted(self) -> int:
        return self._probes.stat().st_size if self._probes.exists() else 0
