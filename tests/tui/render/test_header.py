"""The first line at every width: what is left out, in which order, and that the progress never is."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from tui.render.header import BRAND, CALM, Header, Status, fit_header

SEVEN = ("prompt", "generate", "grid", "train", "compare", "gallery", "how")
FACTS = ("gpubox", "cuda:0 bf16", "shipped")
PROGRESS = ("drawing + training seed-2 43% · 6:12 left", "seed-2 43% · 6:12 left", "43% 6:12")
TRAINING = Status(FACTS, PROGRESS)
IDLE = Status(FACTS)


def names(header: Header) -> list[str]:
    return [label.strip() for _, label in header.tabs]


@pytest.mark.parametrize("status", [IDLE, TRAINING, Status((), ("43%",)), Status(("ホスト", "cpu"), ("drawing",))])
@pytest.mark.parametrize("current", SEVEN)
def test_the_line_fits_and_only_loses_as_the_terminal_narrows(current: str, status: Status) -> None:
    before = None
    for width in range(300, 24, -1):
        header = fit_header(width, SEVEN, current, status)
        line = BRAND * header.brand + "".join(label for _, label in header.tabs) + "  " + header.status + " "
        assert cell_len(line) <= width, width
        assert header.activity in status.activity
        assert current.title() in names(header)
        if before is not None:
            assert len(header.facts) <= len(before.facts), width
            assert len(header.tabs) <= len(before.tabs), width
            assert header.brand <= before.brand, width
        before = header


def test_tabs_shorten_first_then_name_host_device_weights_go_then_words() -> None:
    """Each form is the widest of its width, so narrowing by single columns passes through all of them in order."""
    forms: list[Header] = []
    for width in range(300, 0, -1):
        header = fit_header(width, SEVEN, "train", TRAINING)
        if not forms or header != forms[-1]:
            forms.append(header)
    short = ["1", "2", "3", "Train", "5", "6", "7"]
    assert [(names(form), form.brand, form.facts, form.activity) for form in forms] == [
        ([name.title() for name in SEVEN], True, FACTS, PROGRESS[0]),
        (short, True, FACTS, PROGRESS[0]),
        (short, False, FACTS, PROGRESS[0]),
        (short, False, FACTS[1:], PROGRESS[0]),
        (short, False, FACTS[2:], PROGRESS[0]),
        (short, False, (), PROGRESS[0]),
        (short, False, (), PROGRESS[1]),
        (short, False, (), PROGRESS[2]),
        (["Train"], False, (), PROGRESS[1]),
        (["Train"], False, (), PROGRESS[2]),
    ]


@pytest.mark.parametrize(
    ("width", "current", "status", "line"),
    [
        (200, "prompt", IDLE, " digitty   Prompt  Generate  Grid  Train  Compare  Gallery  How |gpubox · cuda:0 bf16 · shipped · idle"),
        (120, "prompt", IDLE, " digitty   Prompt  Generate  Grid  Train  Compare  Gallery  How |gpubox · cuda:0 bf16 · shipped · idle"),
        (80, "train", IDLE, " 1  2  3  Train  5  6  7 |gpubox · cuda:0 bf16 · shipped · idle"),
        (80, "prompt", TRAINING, " Prompt  2  3  4  5  6  7 |shipped · drawing + training seed-2 43% · 6:12 left"),
        (40, "generate", TRAINING, " 1  Generate  3  4  5  6  7 |43% 6:12"),
        (40, "how", IDLE, " 1  2  3  4  5  6  How |idle"),
        (24, "grid", TRAINING, " Grid |43% 6:12"),
    ],
)
def test_what_common_widths_show(width: int, current: str, status: Status, line: str) -> None:
    header = fit_header(width, SEVEN, current, status)
    assert BRAND * header.brand + "".join(label for _, label in header.tabs) + "|" + header.status == line


def test_short_jobs_leave_everything_else_as_it_is() -> None:
    for width in range(45, 200):
        headers = {fit_header(width, SEVEN, "prompt", Status(FACTS, (activity,))) for activity in ("idle", "drawing", "sketching", "x" * CALM)}
        assert len({(header.brand, header.tabs, header.facts) for header in headers}) == 1
