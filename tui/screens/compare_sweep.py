"""The panes of the Compare screen for one model: settings in a grid, and samplers that race."""

from __future__ import annotations

import random
from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from engine.config.data import DataSpec
from engine.config.sweep import Sweep, Value, parse_values, plan_race, plan_sweep
from engine.errors import DigittyError
from engine.formatting import format_evaluations
from engine.protocol import events as e
from engine.protocol.recipe import Images
from engine.protocol.sweep_events import CellProgress
from engine.runs.weights_names import is_student
from engine.storage.sheet import join_images, measured
from tui.screens.compare_pane import ComparePane
from tui.terminal.literal import literal, literal_lines
from tui.widgets.fact_line import Fact, FactLine
from tui.widgets.image_view import ImageView
from tui.widgets.job_bar import JobBar
from tui.widgets.sheet_view import SheetView

ROOMY, TALL = 90, 30
"""The least columns and rows of a pane that shows the cells to come."""
LOW = 14
"""Rows of a pane below which it shows little but pictures."""
ORDINALS = ("first", "second", "third", "fourth")


NOISE_SQUARE = 4
"""Pixels of a side of the squares of noise before the first drawing: finer ones would take many bytes over a slow line."""


def coarse_noise(data: DataSpec, seed: int) -> Images:
    """An image of such squares, in few shades."""
    rng = random.Random(seed)
    across, down = -(-data.width // NOISE_SQUARE), -(-data.height // NOISE_SQUARE)
    shades = [[bytes(rng.choice((32, 80, 128, 176)) for _ in range(data.channels)) for _ in range(across)] for _ in range(down)]
    rows = [b"".join(shade * NOISE_SQUARE for shade in row)[: data.width * data.channels] for row in shades]
    return Images(b"".join(row * NOISE_SQUARE for row in rows)[: data.width * data.height * data.channels], 1, data.height, data.width, data.channels)


def guided_steps(plan: Sweep | None, classes: int) -> str:
    """Which steps of the cells are guided, and so take two evaluations; empty if none is. Without classes there is nothing to guide to."""
    samples = [cell.sample for cell in plan.cells if cell.sample.sampler != "one-step"] if plan and classes else []
    guided = [sample for sample in samples if sample.guidance not in (0, 1)]
    if not guided:
        return ""
    within = min(sample.guidance for sample in guided) > 1
    return f"those at noise levels {guided[0].guided_from:g} to {guided[0].guided_to:g}" if within else "all of them"


class CellsPane(ComparePane):
    """Shows each cell as a tile of a SheetView, with what they share above."""

    SIDE_BY_SIDE = False
    HINT = ""
    """What enter will do, before the first drawing."""
    outline: Sweep | None = None
    """Before the first drawing: what it would compare, where there is room to show that."""
    pictures: tuple[Images | None, ...] = ()
    """The picture of each cell; None where nothing is drawn yet."""

    def compose(self) -> ComposeResult:
        yield FactLine(id="shared")
        yield Static(literal_lines(self.HINT), classes="hint")
        yield SheetView(self.studio.terminal, id="cells")
        yield from self.bars()
        yield JobBar(id="progress", ascii=not self.studio.terminal.unicode)

    def bars(self) -> ComposeResult:
        """More lines between the tiles and the progress of the whole."""
        yield from ()

    def on_mount(self) -> None:
        self.query_one(SheetView).display = False
        self.show_weights()

    def show_outline(self) -> None:
        """Before the first drawing, show the cells to come: the noise that all of them begin with, under their captions."""
        if self.plan is not None:
            return
        try:
            self.outline = self.make_plan() if self.size.width >= ROOMY and self.size.height >= TALL else None
        except DigittyError:
            self.outline = None
        sheet = self.query_one(SheetView)
        sheet.display = self.outline is not None
        self.query_one(".hint").styles.height = "auto" if self.outline else None
        if self.outline:
            noise, count = coarse_noise(self.studio.data, self.studio.settings.sample.seed), len(self.outline.cells)
            sheet.show_cells(
                Images(noise.data * count, count, noise.height, noise.width, noise.channels), self.outline.columns, self.caption_variants()
            )

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self.show_outline)
        low = event.size.height < LOW
        self.query_one("#shared").display = not low
        self.bar.display = not low or not self.SIDE_BY_SIDE

    def draw(self, prompt: str) -> None:
        plan = self.make_plan()
        self.start(prompt, plan, self.SIDE_BY_SIDE)
        self.outline = None
        self.pictures = (None,) * len(plan.cells)
        self.query_one(SheetView).clear()
        self.query_one(SheetView).display = True
        self.query_one(".hint").display = False
        self.show_weights()

    def drawing_at(self, view: ImageView, index: int) -> tuple[e.DrawDone, int] | None:
        done = self.cells[index] if index < len(self.cells) else None
        return (done, 0) if done else None

    def turn_page(self, by: int) -> None:
        view = self.query_one(SheetView)
        _ = view.page_next() if by > 0 else view.page_prev()

    def make_plan(self) -> Sweep:
        """The cells to draw. Raises DigittyError."""
        raise NotImplementedError

    def caption_variants(self) -> Sequence[Sequence[str]]:
        """The captions of all cells, in fewer and fewer words."""
        raise NotImplementedError

    @property
    def students(self) -> set[str]:
        weights = self.studio.settings.weights
        return {weights} if is_student(weights) else set()

    def show_progress(self, cell: int, event: CellProgress) -> None:
        self._show_picture(cell, event.frame.images)

    def show_done(self, cell: int, done: e.DrawDone) -> None:
        self._show_picture(cell, done.images)
        self.show_weights()

    def _show_picture(self, cell: int, images: Images) -> None:
        picture = join_images(images)
        self.pictures = (*self.pictures[:cell], picture, *self.pictures[cell + 1 :])
        data = b"".join(each.data if each else bytes(picture.picture_bytes) for each in self.pictures)
        together = Images(data, len(self.pictures), picture.height, picture.width, picture.channels)
        columns = self.plan.columns if self.plan else 1
        self.query_one(SheetView).show_cells(together, columns, self.caption_variants())

    def _axes(self) -> str:
        """guidance × steps; in captions without the names, their values are in this order."""
        return " × ".join(axis.name for axis in self.plan.axes) if self.plan and not self.SIDE_BY_SIDE else ""

    def show_weights(self) -> None:
        """What all cells share; before the first drawing, what they will."""
        same = [done for done in self.cells if done and (done.recipe.sample.sampler != "one-step" or self.students)]
        sample = self.plan.cells[0].sample if self.plan else self.studio.settings.sample
        guided = guided_steps(self.plan, self.studio.data.classes)
        facts = [
            Fact(self._axes(), 0, "name"),
            Fact(self.prompt, 1),
            Fact(str(same[0].recipe.weights) if same else f"weights {self.plan.cells[0].weights if self.plan else self.studio.settings.weights}"),
            Fact("" if self.SIDE_BY_SIDE else sample.sampler, 3),
            Fact(f"seed {sample.seed}: the same noise everywhere", 2),
            Fact("guided steps take two evaluations" if guided and not self.SIDE_BY_SIDE else "", 4),
        ]
        self.query_one("#shared", FactLine).facts = tuple(facts)
        self.show_outline()


class SweepPane(CellsPane):
    """Guidance × steps, or any two lists of values."""

    HINT = """enter draws the prompt from the same noise with every guidance and every number of steps in the lists above.

e edits the lists, w chooses other weights, o another sampler. On the command line:

    digitty sweep PROMPT --guidance 1,1.4,2 --steps 4,8,14 --out sweep.png"""

    def __init__(self, *args: object, **keywords: object) -> None:
        super().__init__(*args, **keywords)  # type: ignore[arg-type]
        self.lists = {"guidance": "1, 1.4, 2", "steps": "4, 8, 14"}
        """As they are typed."""

    def check_list(self, name: str, text: str) -> tuple[Value, ...]:
        """The values of a list. Raises SettingError if one of them can't be drawn with the present weights and sampler."""
        settings, values = self.studio.settings, parse_values(name, text)
        plan_sweep({name: values}, settings.sample, settings.weights, self.students)
        return values

    def make_plan(self) -> Sweep:
        settings = self.studio.settings
        lists = {name: parse_values(name, text) for name, text in self.lists.items()}
        return plan_sweep(lists, settings.sample, settings.weights, self.students)

    def caption_variants(self) -> Sequence[Sequence[str]]:
        plan = self.plan or self.outline
        if plan is None:
            return [()]
        cells = self.cells if self.plan else [None] * len(plan.cells)
        names = [plan.caption(i) for i in range(len(plan.cells))]
        short = [name.replace("guidance ", "").replace(", ", " × ") for name in names]  # the line above names the axes
        figures = [measured(done) if done else "" for done in cells]
        seconds = [f"{done.seconds:.2f} s" if done else "" for done in cells]
        pairs = ((names, figures), (names, seconds), (short, seconds))
        both = [[f"{name}: {figure}" if figure else name for name, figure in zip(*pair, strict=True)] for pair in pairs]
        return [*both, names, short]


class RacePane(CellsPane):
    """The samplers side by side, each with equal shares of the time."""

    SIDE_BY_SIDE = True
    HINT = """enter starts the race: every sampler that the weights can use draws the prompt from the same noise.

Each gets the same share of the time, so the one with the fewest network evaluations finishes first. A guided step takes two evaluations."""
    DEFAULT_CSS = "RacePane #lanes { height: auto; } RacePane #lanes JobBar, RacePane #guided { padding: 0 1; }"

    def bars(self) -> ComposeResult:
        with Vertical(id="lanes"):
            for i in range(4):
                yield JobBar(id=f"lane{i}", ascii=not self.studio.terminal.unicode)
        yield Static(id="guided", markup=False)

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#lanes").display = self.query_one("#guided").display = False

    def on_resize(self, event: events.Resize) -> None:  # beside the one of CellsPane, which Textual calls as well
        self.show_guided()

    def show_guided(self) -> None:
        """Below the lanes of a race: why a sampler may take more evaluations than steps."""
        line, steps = self.query_one("#guided", Static), guided_steps(self.plan, self.studio.data.classes)
        line.update(literal(f"Guided steps take two evaluations: {steps}."))
        line.display = bool(steps) and self.size.height >= LOW

    def draw(self, prompt: str) -> None:
        super().draw(prompt)
        self._finished = 0
        self.query_one("#lanes").display = True
        self.show_guided()
        for i in range(4):
            lane = self.query_one(f"#lane{i}", JobBar)
            lane.display = self.plan is not None and i < len(self.plan.cells)
            if lane.display and self.plan:
                lane.label, lane.fraction, lane.words = f"{self.plan.caption(i):<16}", 0.0, ""

    def make_plan(self) -> Sweep:
        settings = self.studio.settings
        return plan_race(settings.sample, settings.weights, self.students)

    def caption_variants(self) -> Sequence[Sequence[str]]:
        plan = self.plan or self.outline
        if plan is None:
            return [()]
        return [[plan.caption(i) for i in range(len(plan.cells))], [cell.sample.sampler for cell in plan.cells]]

    def show_progress(self, cell: int, event: CellProgress) -> None:
        super().show_progress(cell, event)
        lane, frame = self.query_one(f"#lane{cell}", JobBar), event.frame
        lane.fraction = frame.step / frame.steps
        lane.words = f"{format_evaluations(frame.evaluations)} evaluations, {event.seconds:.2f} s"

    def show_done(self, cell: int, done: e.DrawDone) -> None:
        super().show_done(cell, done)
        self._finished += 1
        lane = self.query_one(f"#lane{cell}", JobBar)
        lane.fraction, lane.words = 1.0, f"{measured(done)} · {ORDINALS[self._finished - 1]}"
