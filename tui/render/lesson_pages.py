"""What the three pages of the screen How say and draw. Pure: knows neither jobs nor widgets."""

from __future__ import annotations

from dataclasses import replace

from engine.protocol.lesson import Guess, Lesson, LossByNoise
from engine.protocol.recipe import Images
from tui.render.curve import Curve
from tui.render.heat_map import heat_map

PAGES = ("The noise", "The guess", "The loss")
_ABOUT = (
    "Training adds noise to real images: a little at t = 0, so much at t = {last} that nothing is left. "
    "The curve shows how much of the image is left at each t (alpha-bar, from 1 to 0).",
    "The network sees only x_t, t and the label, and guesses the noise; taking that away leaves its guess at the image. "
    "Drawing starts from noise alone and moves part of the way to each new guess, at ever smaller t.",
    "The curve shows how wrong the guessed noise is at each t, for {tested} test images: a little noise is harder to find than a lot. {attention}",
)
_ATTENTION = "The right picture shows where attention looks from the frame; shift and arrows or a click move the frame."
_NO_ATTENTION = "These weights have no attention: each place sees others only through convolutions."
_TESTED = 32
CURVE_POINTS = 200
LOSS_RANGE = 1e-3
GUESSED = ("x_t", "guessed noise", "true noise", "guessed image", "true image")
GUESSED_IN_TWO_ROWS = ("x_t", "guessed noise", "guessed image", "error", "true noise", "true image")

Place = tuple[float, float]
"""A place in the image: across and down, as fractions."""


def about(number: int, lesson: Lesson | None) -> str:
    """The sentences of a page."""
    last = len(lesson.alpha_bar) - 1 if lesson else 999
    attention = _ATTENTION if lesson is None or lesson.attends else _NO_ATTENTION
    return _ABOUT[number].format(last=last, tested=_TESTED, attention=attention)


def noise_curve(lesson: Lesson, t: int) -> Curve:
    """alpha-bar by t."""
    last = len(lesson.alpha_bar) - 1
    every = max(1, len(lesson.alpha_bar) // CURVE_POINTS)
    shown = sorted({*range(0, last + 1, every), last})
    return Curve(tuple((float(at), lesson.alpha_bar[at]) for at in shown), last, t)


def loss_curve(lesson: Lesson, losses: LossByNoise | None, t: int) -> Curve:
    """The loss by t. Losses below LOSS_RANGE times the largest are drawn at that: near t = T x_t itself is the noise, and the error vanishes."""
    least = max(losses.losses) * LOSS_RANGE if losses else 0.0
    points = tuple((float(at), max(loss, least)) for at, loss in zip(losses.timesteps, losses.losses, strict=True)) if losses else ()
    return Curve(points, len(lesson.alpha_bar) - 1, t, log=True)


def clean_and_noisy(lesson: Lesson, label: int, t: int) -> Images:
    clean, noisy = lesson.clean(label), lesson.noisy(label, t)
    return replace(clean, data=clean.data + noisy.data, count=2)


def guessed_images(lesson: Lesson, guess: Guess | None, label: int, t: int) -> Images:
    """As many as GUESSED; without a guess of this class x_t alone. x_t follows the slider at once, the guesses when they come."""
    noisy = lesson.noisy(label, t)
    if guess is None or guess.label != label:
        return noisy
    return replace(guess.images, data=noisy.data + guess.images.data[guess.images.picture_bytes :])


def in_two_rows(images: Images) -> Images:
    """The images of GUESSED as those of GUESSED_IN_TWO_ROWS: above what is known and guessed, below the truth and the error of the guessed image."""
    x_t, guessed_noise, true_noise, guess, truth = images
    error = bytes(abs(a - b) for a, b in zip(guess, truth, strict=True))
    return replace(images, data=b"".join((x_t, guessed_noise, guess, error, true_noise, truth)), count=6)


def fits_two_rows(images: Images, width: int, height: int) -> bool:
    """Whether three columns and two rows of captioned images have room in cells, each pixel at its full size."""
    return 3 * images.width + 2 <= width and 2 * ((images.height + 1) // 2 + 1) + 1 <= height


def attended_images(lesson: Lesson, guess: Guess | None, label: int, t: int, place: Place) -> Images:
    """x_t with a frame around the place and where attention looks from there; without a guess of this class x_t alone."""
    noisy = lesson.noisy(label, t)
    if guess is None or guess.attention is None or guess.label != label:
        return noisy
    rows, columns = guess.attention.rows, guess.attention.columns
    return heat_map(noisy, guess.attention, int(place[1] * rows) * columns + int(place[0] * columns))


def moved(place: Place, rows: int, columns: int, across: int, down: int) -> Place:
    """The middle of the position that is `across` and `down` positions away, within the grid."""
    x, y = int(place[0] * columns) + across, int(place[1] * rows) + down
    return (max(0, min(columns - 1, x)) + 0.5) / columns, (max(0, min(rows - 1, y)) + 0.5) / rows


def describe_guess(lesson: Lesson, guess: Guess) -> str:
    words = f"at t = {guess.t}: noise error {guess.noise_error:.4f} (guessing none: 1) · image {guess.grey_error:.1f} of 255 greys off"
    return f"a one-step student knows only four values of t · {words}" if lesson.one_step else words


def describe_losses(losses: LossByNoise, t: int) -> str:
    nearest = min(range(len(losses.timesteps)), key=lambda i: abs(losses.timesteps[i] - t))
    return f"loss {losses.losses[nearest]:.4f} at t = {losses.timesteps[nearest]} · {losses.weights}"
