"""What the bytes of a terminal mean. Whatever comes in whatever pieces, nothing raises, nothing waits forever, and later keys work."""

from __future__ import annotations

import logging

import pytest
from textual import _parser, events, messages
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._keyboard_protocol import FUNCTIONAL_KEYS
from textual._xterm_parser import XTermParser
from textual.message import Message

from tui.terminal.graphics import Answers, read_answers
from tui.terminal.self_description import SelfDescription
from tui.terminal.typed_input import LOG_EVERY, Timeouts, TypedInput

TIMEOUTS = Timeouts()


class Typed:
    """The parser with a clock of its own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.input = TypedInput(lambda: self.now)

    def __call__(self, *pieces: bytes | float) -> list[str]:
        """The meaning of bytes, with seconds of waiting between them."""
        found: list[Message] = []
        for piece in pieces:
            if isinstance(piece, bytes):
                found += self.input.feed(piece)
            else:
                for _ in range(round(piece * 10) + 1):
                    self.now += 0.1
                    found += self.input.tick()
        return [describe(message) for message in found]


def describe(message: Message) -> str:
    match message:
        case events.Key():
            return message.character if message.is_printable and message.character and "+" not in message.key else message.key
        case events.Paste():
            return f"paste {message.text!r}"
        case events.CursorPosition():
            return "answer"
        case events.MouseEvent():
            return f"{type(message).__name__} {message.x:.0f} {message.y:.0f}"
    return type(message).__name__


@pytest.fixture
def typed() -> Typed:
    return Typed()


# --- bytes that are no UTF-8 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", [b"\xe9", b"\xff", b"\x80", b"\xc3(", b"\xf0\x9f"])
def test_an_odd_byte_is_replaced_and_the_next_key_works(typed: Typed, odd: bytes) -> None:
    assert typed(odd, TIMEOUTS.sequence, b"7")[0] == "�"
    assert typed(b"7\x1b[A") == ["7", "up"]


def test_a_character_may_come_in_pieces(typed: Typed) -> None:
    assert typed(b"\xf0\x9f", 0.3, b"\x98\x80", b"\xc3", b"\xa9") == ["😀", "é"]


def test_an_odd_byte_in_a_paste_costs_itself(typed: Typed) -> None:
    assert typed(b"\x1b[200~se\xe9ven\x1b[201~q") == ["paste 'se�ven'", "q"]


@pytest.mark.parametrize("report", [b"\x1b[M !\xe9", b"\x1b[M \xe9\xff", b"\x1b[M\xff\xff\xff", "\x1b[M éé".encode(), b"\x1b[35;200;20M"])
def test_old_mouse_reports_are_skipped_whole(typed: Typed, report: bytes) -> None:
    """X10 beyond column 95, the UTF-8 of mode 1005, mode 1015."""
    assert typed(report, b"q", 2) == ["q"]


def test_an_old_mouse_report_that_is_cut_off_takes_nothing_with_it(typed: Typed) -> None:
    assert typed(b"\x1b[M \x1b[Aq") == ["up", "q"]


# --- sequences ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sequence",
    [
        b"\x1b[48;0;0;0;0t\x1b[48;24;80;0;0t",
        b"\x1b[1114112u",
        b"\x1b[55296u",
        b"\x1b[97;1;55296u",
        b"\x1b[97;1;10u",
        b"\x1b[99999999999;5u",
        b"\x1b[97;1;:u",
        b"\x1b[113~",
        b"\x1b[113R",
        b"\x1b[97;5:3u",
        b"\x1b[?2048;2$y",
        b"\x1b[<0;99999;3M",
        b"\x1b[<0;-5;3M",
        b"\x1b[<0;99999999999999999999;3M",
        b"\x1b]11;rgb:00/00/00\x07",
        b"\x1b]11;rgb:00/00/00\x1b\\",
        b"\x1bP>|kitty(0.32)\x07",
        b"\x1bP1$r0m\x1b\\",
        b"\x1b_Gi=31;OK\x1b\\",
        b"\x1b[" + b"1;" * 500 + b"m",
        b"\x1b[201~",
        b"\x1bOz",
        b"\x1b[3\x18",
    ],
)
def test_a_sequence_without_a_meaning_here_types_nothing(typed: Typed, sequence: bytes) -> None:
    found = typed(sequence, b"q\x1b[<35;3;4M")
    assert [each for each in found if each != "ctrl+x"] == ["q", "MouseMove 2 3"]


@pytest.mark.parametrize("start", [b"\x1b[", b"\x1b[1;", b"\x1b]11;rgb", b"\x1bP1$r", b"\x1bO", b"\x1b[M", b"\x1b[M  ", b"\x1b[<0;1"])
def test_a_sequence_without_an_end_ends_by_itself(typed: Typed, start: bytes) -> None:
    typed(start, TIMEOUTS.sequence)
    assert typed(b"q") == ["q"]
    assert not typed.input.waiting


@pytest.mark.parametrize(
    ("sequence", "key"),
    [
        (b"\x1b[97;5:1u", "ctrl+a"),
        (b"\x1b[97;5:2u", "ctrl+a"),
        (b"\x1b[97:65;2u", "shift+a"),
        (b"\x1b[97;1;97u", "a"),
        (b"\x1b[104u", "h"),
        (b"\x1b[27u", "escape"),
        (b"\x1b[:H", "home"),
        (b"\x1b[1;5A", "ctrl+up"),
        (b"\x1b[[A", "f1"),
        (b"\x1b[7$", "shift+home"),
        (b"\x1b[25~", "f13"),
        (b"\x1bOP", "f1"),
        (b"\x1bx", "alt+x"),
    ],
)
def test_keys(typed: Typed, sequence: bytes, key: str) -> None:
    found = typed(sequence, 2)
    assert found == [key]


def test_escape_is_a_key_once_nothing_follows(typed: Typed) -> None:
    assert typed(b"\x1b") == []
    assert typed(0.2) == ["escape"]
    assert typed(b"\x1b", b"[A", b"\x1b\x1b[B") == ["up", "escape", "down"]


def test_whole_sequences_mean_what_textual_takes_them_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """All sequences in its tables, except those where it takes the number of a key for that of a character."""
    mistaken = [f"\x1b[{number}~" for number in (25, 26, 28, 29, 31, 32, 33, 34, 62, 63)] + [f"\x1b[5{end}" for end in "ABCD"]
    listed = [*ANSI_SEQUENCES_KEYS, *(f"\x1b[{code}" for code in FUNCTIONAL_KEYS), *(f"\x1b[{code[:-1]};6{code[-1]}" for code in FUNCTIONAL_KEYS)]
    for sequence in listed:
        typed, theirs = Typed(), XTermParser()
        monkeypatch.setattr(_parser, "get_time", lambda: 0.0)
        found = list(theirs.feed(sequence))
        monkeypatch.setattr(_parser, "get_time", lambda: 9.0)
        found += theirs.tick()
        if sequence not in mistaken:
            assert typed(sequence.encode(), 2) == [describe(message) for message in found], repr(sequence)


def test_answers_mouse_and_focus(typed: Typed) -> None:
    assert typed(b"\x1b[23;16R\x1b[I\x1b[O") == ["answer", "AppFocus", "AppBlur"]
    assert typed(b"\x1b[<0;3;4M\x1b[<0;3;4m\x1b[<64;3;4M") == ["MouseDown 2 3", "MouseUp 2 3", "MouseScrollUp 2 3"]
    (message,) = typed.input.feed(b"\x1b[?2026;2$y")
    assert isinstance(message, messages.TerminalSupportsSynchronizedOutput)


# --- pastes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", range(2, 17))
def test_a_paste_may_come_in_pieces(typed: Typed, cut: int) -> None:
    whole = b"\x1b[200~seven\x1b[201~"
    assert typed(whole[:cut], 0.5, whole[cut:], b"q") == ["paste 'seven'", "q"]


def test_a_paste_without_an_end_gives_the_keyboard_back(typed: Typed) -> None:
    assert typed(b"\x1b[200~seven", TIMEOUTS.paste - 0.5) == []
    assert typed(0.6) == ["paste 'seven'"]
    assert typed(b"\x03q\x1b[201~q") == ["ctrl+c", "q", "q"]


def test_a_paste_without_an_end_does_not_swallow_typing_forever(typed: Typed) -> None:
    found = typed(b"\x1b[200~")
    for _ in range(round(TIMEOUTS.typing) + 1):
        found += typed(b"q", 1)
    assert found[0].startswith("paste 'qqq")
    assert typed(b"q") == ["q"]


def test_a_long_paste_over_a_slow_line_stays_one(typed: Typed) -> None:
    pieces = [piece for _ in range(20) for piece in (b"0123456789abcdef", 1.0)]
    assert typed(b"\x1b[200~", *pieces, b"\x1b[201~") == [f"paste {'0123456789abcdef' * 20!r}"]


def test_answers_in_a_paste_are_answers(typed: Typed) -> None:
    assert typed(b"\x1b[200~se\x1b[23;16Rve\x1b[?1;2cn\x1b[201~") == ["answer", "paste 'seven'"]
    assert typed(b"\x1b[200~seven\x1b", 0.5, b"\x1b[1;1R", b"[201~q") == ["answer", "paste 'seven'", "q"]
    assert typed(b"\x1b[200~seven\x1b[20", 0.5, b"\x1b[1;1R", b"1~q") == ["answer", "paste 'seven'", "q"]


def test_a_paste_is_text(typed: Typed) -> None:
    assert typed(b"\x1b[200~a\x00\x03\x1b[31mb\tc\r\nd\x7f\xc2\x9be\x1b[201~") == ["paste 'ab\\tc\\r\\nde'"]


# --- the log ------------------------------------------------------------------------------------------------------------


def test_what_is_skipped_is_logged_now_and_then(typed: Typed, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        typed(b"\x1b[113~" * 1000)
        assert [record.getMessage() for record in caplog.records] == [r"skipped input that makes no sense (1); the last was '\x1b[113~'"]
        typed(LOG_EVERY, b"\x1b[114~")
    assert caplog.records[1].getMessage().endswith(r"(1000); the last was '\x1b[114~'")


def test_whatever_textual_raises_is_logged_and_skipped(typed: Typed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(code: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(typed.input._parser, "parse_mouse_code", broken)
    assert typed(b"\x1b[<0;3;4Mq") == ["q"]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("answer", ["\x1b[?62;4;22c", "\x1bP>|kitty(0.36.4)\x1b\\", "\x1b[6;18;9t"])
def test_what_the_terminal_says_of_itself_is_one_message_and_types_nothing(answer: str) -> None:
    for cut in range(1, len(answer)):
        typed_input = TypedInput()
        found = typed_input.feed(answer[:cut].encode()) + typed_input.feed(answer[cut:].encode() + b"q")
        assert [describe(message) for message in found] == ["SelfDescription", "q"]
        assert isinstance(found[0], SelfDescription)
        assert read_answers(found[0].text) == read_answers(answer) != Answers()


def test_what_looks_like_it_in_a_paste_is_skipped() -> None:
    typed_input = TypedInput()
    found = typed_input.feed(b"\x1b[200~a\x1b[?62;4cb\x1bP>|x\x1b\\c\x1b[201~")
    assert [describe(message) for message in found] == ["paste 'abc'"]


def test_a_long_name_is_cut() -> None:
    (message,) = TypedInput().feed(b"\x1bP>|" + b"x" * 500 + b"\x1b\\")
    assert isinstance(message, SelfDescription)
    assert len(message.text) <= 70
