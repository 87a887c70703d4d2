"""Reads pickles of plain data without Python's unpickler: it imports and calls nothing, and its memory stays in proportion to the bytes read.

Python's own unpickler allocates whatever a file claims (eight gigabytes for 300 bytes), and hashing nested tuples can take for ever. This one
reads dicts, lists, tuples, numbers and strings. For other objects it calls back with their name. It knows no tensors.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from engine.errors import CheckpointError
from engine.formatting import printable

MOST_OPCODES = 1_000_000
"""The most opcodes in one pickle. A training state of digitty has about ten thousand."""
LONGEST = 10_000
"""The most characters in a string."""
LARGEST_KEY = 1 << 20
"""Keys that are numbers are below this: optimisers number their parameters."""
IGNORED = frozenset({"PROTO", "FRAME"})
NUMBERS = frozenset({"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"})
STRINGS = frozenset({"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"})
"""The last two are Python 2's strings of bytes; each byte becomes the character of that number."""
CONSTANTS: dict[str, Callable[[], object]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
APPENDING = {"APPEND": 1, "SETITEM": 2, "APPENDS": 0, "SETITEMS": 0}
"""The number of values that the opcode takes. 0: all from the mark on."""
REMEDY = "save only the network's weights: torch.save(model.state_dict(), file)"


@dataclass(frozen=True, slots=True)
class Name:
    """The name of a function or a class in a pickle. It is never imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Unpickler:
    """Reads one pickle after another from a stream.

    `allowed` are the names that a pickle may mention. `call` gives the value where a pickle calls one of them with arguments, and `persistent`
    where it refers to data outside it. `build`, if given, puts a state into what `call` returned. Strings have at most `longest` characters.
    """

    def __init__(
        self,
        allowed: frozenset[str],
        call: Callable[[str, tuple[Any, ...]], object],
        persistent: Callable[[object], object],
        build: Callable[[object, object], None] | None = None,
        longest: int = LONGEST,
    ) -> None:
        self._allowed = allowed
        self._call = call
        self._persistent = persistent
        self._build = build
        self._longest = longest

    def load(self, stream: BinaryIO) -> object:
        """The next value of the stream. Raises CheckpointError for anything but plain data, however malformed."""
        try:
            return self._load(stream)
        except (ValueError, TypeError, LookupError, OverflowError, struct.error):
            raise CheckpointError("is damaged: its pickle is malformed") from None

    def _load(self, stream: BinaryIO) -> object:
        stack: list[Any] = []
        marks: list[int] = []
        memo: dict[int, object] = {}
        operations: Iterator[tuple[pickletools.OpcodeInfo, Any, int | None]] = pickletools.genops(stream)
        for count, (opcode, argument, _) in enumerate(operations):
            if count > MOST_OPCODES:
                raise CheckpointError("holds more objects than any weights file does")
            name = opcode.name
            if name == "STOP":
                return stack.pop()
            if name == "MARK":
                marks.append(len(stack))
            elif name in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
                memo[len(memo) if argument is None else argument] = stack[-1]
            elif name in ("BINGET", "LONG_BINGET"):
                stack.append(memo[argument])
            elif name in TUPLES:
                stack.append(_pop(stack, TUPLES[name]))
            elif name == "TUPLE":
                stack.append(_pop(stack, len(stack) - marks.pop()))
            elif name in APPENDING:
                _extend(stack, _pop(stack, APPENDING[name] or len(stack) - marks.pop()), pairs=name.startswith("SET"))
            elif name not in IGNORED:
                self._push(name, argument, stack)
        raise CheckpointError("is truncated: its pickle has no end")

    def _push(self, name: str, argument: Any, stack: list[Any]) -> None:
        """Handles the opcodes that make one value, from their argument or from the values on the stack."""
        if name in CONSTANTS:
            stack.append(CONSTANTS[name]())
        elif name in NUMBERS or name in STRINGS:
            stack.append(_check_length(argument, self._longest))
        elif name == "GLOBAL":
            stack.append(self._allowed_name(*argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            last, module = stack.pop(), stack.pop()
            stack.append(self._allowed_name(module, last))
        elif name == "BINPERSID":
            stack.append(self._persistent(stack.pop()))
        elif name == "REDUCE":
            arguments, function = stack.pop(), stack.pop()
            if not isinstance(function, Name) or not isinstance(arguments, tuple):
                raise TypeError("a call of something that has no name")
            stack.append(self._call(str(function), arguments))
        elif name == "BUILD" and isinstance(stack[-2], dict):
            stack.pop()  # attributes of an OrderedDict: a state dict's versions of its modules
        elif name == "BUILD" and self._build:
            state = stack.pop()
            self._build(stack[-1], state)
        else:
            raise CheckpointError(f"holds something other than plain data (opcode {name}). None of it was run. To load it, {REMEDY}")

    def _allowed_name(self, module: str, name: str) -> Name:
        full = Name(_check_length(module), _check_length(name))
        if str(full) not in self._allowed:
            raise CheckpointError(f"holds {printable(full, 80)}, which digitty does not read. None of it was run. To load it, {REMEDY}")
        return full


def _pop(stack: list[Any], count: int) -> tuple[Any, ...]:
    """The last `count` values, taken off the stack."""
    if not 0 <= count <= len(stack):
        raise IndexError("fewer values than it takes")
    values = tuple(stack[len(stack) - count :])
    del stack[len(stack) - count :]
    return values


def _extend(stack: list[Any], items: tuple[Any, ...], pairs: bool) -> None:
    """Puts the items into the list or dict on top of the stack.

    Keys must be strings or small numbers: nested tuples take for ever to hash, and large numbers can collide.
    """
    target = stack[-1]
    if isinstance(target, dict) and pairs:
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str) and not (type(key) is int and 0 <= key < LARGEST_KEY):
                raise TypeError("a key that is neither a string nor a small number")
            target[key] = value
    elif isinstance(target, list) and not pairs:
        target.extend(items)
    else:
        raise TypeError("items for something that holds none")


def _check_length(value: Any, longest: int = LONGEST) -> Any:
    """The value, unless it is a long string or a number that no float can hold: then raises CheckpointError."""
    if (isinstance(value, str) and len(value) > longest) or (isinstance(value, int) and value.bit_length() > 1000):
        raise CheckpointError("holds longer strings or numbers than any weights file does")
    return value
