"""Real pixels in a real terminal's place: pictures are sent once they are finished, decoded here, and leave no rest behind."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from decoders import iterm2_images, kitty_images, sixel_images
from fake_pictures import digits
from PIL import Image, ImageChops, ImageStat
from terminal import Terminal, environment, faked

pytestmark = pytest.mark.slow

KITTY = b"\x1bP>|kitty(0.36.4)\x1b\\\x1b[?62;52c"
SIXEL = b"\x1bP>|XTerm(379)\x1b\\\x1b[6;20;10t\x1b[?64;1;4c"
ITERM2 = b"\x1bP>|WezTerm 20240203\x1b\\\x1b[?65;4c"
NONE = b"\x1b[?1;2c"
PIXELS = re.compile(rb"\x1b_G[^\x1b]*\x1b\\|\x1bP[\d;]*q[^\x1b]*\x1b\\|\x1b\]1337;[^\x07]*\x07")
PLACEHOLDER = "\U0010eeee"


class PixelTerminal(Terminal):
    """Answers the program's questions like this, so late. The emulator below gets everything but the pixels."""

    def __init__(self, answers: bytes, env: Mapping[str, str], cwd: Path, patch: str | None = None, late: float = 0.0, **options: object) -> None:
        self._answers, self._late = answers, late
        arguments, columns, lines = options.get("arguments", []), options.get("columns", 80), options.get("lines", 24)
        super().__init__(arguments, env, cwd, columns, lines, patch)  # type: ignore[arg-type]

    def _read(self) -> None:
        held = b""
        with contextlib.suppress(OSError):
            while data := os.read(self._master, 65536):
                if b"\x1b[c" in data:
                    time.sleep(self._late)
                    os.write(self._master, self._answers)
                with self._lock:
                    self.sent += data
                    held += data
                    if not re.search(rb"\x1b(_G|P|\]1337)[^\x07]*$", PIXELS.sub(b"", held)):
                        self._stream.feed(PIXELS.sub(b"", held).replace(b"\x1b[>q", b"").replace(b"\x1b[c", b""))  # the emulator would answer itself
                        held = b""

    def settle(self, seconds: float = 0.8) -> None:
        """Waits until nothing has been sent for so long."""

        def quiet() -> bool:
            before = len(self.sent)
            time.sleep(seconds)
            return len(self.sent) == before

        self.until(quiet)

    @property
    def shows_placeholders(self) -> bool:
        return PLACEHOLDER in self.text


def is_seven(image: Image.Image) -> bool:
    expected = Image.frombytes("L", (28, 28), digits()[7]).resize(image.size, Image.Resampling.BICUBIC)
    return ImageStat.Stat(ImageChops.difference(image.convert("L"), expected)).mean[0] < 6


def images_in(sent: bytes) -> list[Image.Image]:
    text = sent.decode(errors="replace")
    return [*(image for _, image in kitty_images(text)), *(image for _, image in iterm2_images(text)), *sixel_images(text)]


@pytest.mark.parametrize("answers", [KITTY, SIXEL, ITERM2], ids=["kitty", "sixel", "iterm2"])
def test_a_finished_digit_is_sent_in_pixels_once(warm_home: Path, tmp_path: Path, answers: bytes) -> None:
    with PixelTerminal(answers, environment(warm_home), tmp_path, faked()) as terminal:
        terminal.sees("Type a digit", "cpu fp32")
        terminal.type("seven\r")
        terminal.sees("7 · seven", "200 steps/s")
        terminal.until(lambda: images_in(terminal.sent))
        terminal.settle()
        (image,) = images_in(terminal.sent)
        assert is_seven(image)
        if answers is SIXEL:
            assert image.size == (28 * 10, 14 * 20)
        assert terminal.shows_placeholders is (answers is KITTY)
        terminal.press("f1")
        terminal.sees("Everywhere")
        terminal.settle()
        assert not terminal.shows_placeholders, "below a dialog there are cells"
        terminal.press("esc")
        terminal.settle()
        assert len(images_in(terminal.sent)) == 2
        terminal.press("f5")
        terminal.sees("No run yet")
        terminal.settle()
        assert not terminal.shows_placeholders
        terminal.press("f2", "esc", "q")
        assert terminal.left() == 0
        assert terminal.restored()
        if answers is KITTY:
            numbers = set(re.findall(rb"a=T,U=1,f=100,q=2,i=(\d+)", terminal.sent))
            assert numbers == set(re.findall(rb"a=d,d=I,i=(\d+)", terminal.sent)), "the terminal forgets every picture"


@pytest.mark.parametrize("answers", [NONE, b""], ids=["no-pixels", "silence"])
def test_a_terminal_that_has_no_pixels_or_does_not_answer_gets_blocks(warm_home: Path, tmp_path: Path, answers: bytes) -> None:
    with PixelTerminal(answers, environment(warm_home), tmp_path, faked()) as terminal:
        terminal.sees("Type a digit", "cpu fp32")
        terminal.type("seven\r")
        terminal.sees("7 · seven", "200 steps/s", "▀")
        terminal.settle()
        assert not PIXELS.search(terminal.sent)


def test_late_answers_type_nothing_and_take_effect(warm_home: Path, tmp_path: Path) -> None:
    with PixelTerminal(SIXEL, environment(warm_home), tmp_path, faked(), late=2.0) as terminal:
        terminal.sees("Type a digit", "cpu fp32")
        terminal.type("seven\r")
        terminal.sees("7 · seven", "200 steps/s")
        terminal.until(lambda: images_in(terminal.sent))
        assert "a digit: seven" in terminal.lines[-2], "the input is empty"


def test_live_pictures_are_blocks(warm_home: Path, tmp_path: Path) -> None:
    with PixelTerminal(SIXEL, environment(warm_home), tmp_path, faked("draw_holds_at=5")) as terminal:
        terminal.sees("Type a digit", "cpu fp32")
        terminal.type("seven\r")
        terminal.sees("step 5/")
        terminal.settle()
        assert not PIXELS.search(terminal.sent)


@pytest.mark.parametrize("choice", ["blocks", "ascii"])
def test_without_pixels_nothing_is_asked(warm_home: Path, tmp_path: Path, choice: str) -> None:
    with PixelTerminal(KITTY, environment(warm_home), tmp_path, faked(), arguments=["--graphics", choice]) as terminal:
        terminal.sees("Type a digit", "cpu fp32")
        terminal.type("seven\r")
        terminal.sees("7 · seven", "200 steps/s")
        terminal.settle()
        assert not PIXELS.search(terminal.sent)
        assert b"\x1b[>q" not in terminal.sent
        assert ("▀" in "".join(terminal.lines[2:16])) is (choice == "blocks")


@pytest.mark.parametrize("answers", [KITTY, SIXEL, ITERM2, NONE, b""], ids=["kitty", "sixel", "iterm2", "no-pixels", "silence"])
def test_generate_prints_what_the_terminal_has(warm_home: Path, tmp_path: Path, answers: bytes) -> None:
    with PixelTerminal(answers, environment(warm_home), tmp_path, faked(), arguments=["generate", "seven"]) as terminal:
        assert terminal.left() == 0
        images = images_in(terminal.sent)
        assert len(images) == (answers not in (NONE, b""))
        assert all(map(is_seven, images))
        assert terminal.restored()
        assert "[?" not in terminal.text, "no answer is left for the shell to show"


@pytest.mark.parametrize("choice", ["kitty", "blocks"])
def test_sweep_prints_what_is_asked_for(warm_home: Path, tmp_path: Path, choice: str) -> None:
    with PixelTerminal(
        NONE, environment(warm_home), tmp_path, faked(), arguments=["sweep", "seven", "--steps", "4,8", "--graphics", choice]
    ) as terminal:
        assert terminal.left() == 0
        assert bool(images_in(terminal.sent)) is (choice == "kitty")
        assert "4 steps" in terminal.text
