"""Compare: runs side by side, or one model drawing the same noise with different settings or samplers."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Input, Label, Static

from engine.config.sweep import MOST_IMAGES
from engine.errors import DigittyError, SettingError
from engine.runs.run import all_runs
from tui.screens.base import AppScreen
from tui.screens.compare_pane import ComparePane
from tui.screens.compare_runs import RunsPane
from tui.screens.compare_sweep import RacePane, SweepPane
from tui.widgets.field_checks import FieldChecks, show_problem
from tui.widgets.image_view import ImageView
from tui.widgets.line_input import LineInput

MODES = ("runs", "sweep", "race")
FIELDS = {"runs": ("what",), "sweep": ("what", "guidance", "steps"), "race": ("what",)}
"""The fields above each mode's pane, by their ids."""
ROOMY = 100
"""Columns of the screen from which the footer has room for more keys."""
NO_LOSSES = "No losses are shown here. Press c until Runs is chosen; without a run, press n on the Train screen to start one."


class CompareScreen(AppScreen):
    """Three panes, one of which is shown, below a line of fields."""

    NAME = "compare"
    ABOUT = "runs, settings of one model, or samplers side by side"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "draw", "draw", tooltip="draw the same noise with everything compared"),
        Binding("n", "new_run", "new run", tooltip="start a run, on the Train screen", id="new"),
        Binding("c", "mode", "mode", tooltip="compare runs, settings or samplers (or click)", id="mode"),
        Binding("v", "view", "view", tooltip="next view, where not everything fits", id="view"),
        Binding("t", "align", "axis", tooltip="align the losses by step, time or epoch", id="axis"),
        Binding("l", "log", "scale", tooltip="show the losses on a logarithmic or a linear scale", id="log"),
        Binding("e", "edit", "edit", tooltip="edit what is drawn; tab moves, esc leaves", id="edit"),
        Binding("r,ctrl+r", "again", "new noise", tooltip="draw with the next random seed", id="again"),
        Binding("z", "enlarge", "enlarge", tooltip="enlarge one drawing after another (or click)", id="enlarge"),
        Binding("s,ctrl+s", "save", "PNG", tooltip="save the pictures and their recipes as a PNG", id="save"),
        Binding("x", "stop", "stop", tooltip="stop drawing", id="stop"),
        Binding("up,down,space", "pick", show=False, tooltip="go to the list of runs"),
        Binding("pagedown", "page(1)", show=False, tooltip="scroll what does not fit"),
        Binding("pageup", "page(-1)", show=False, tooltip="scroll what does not fit"),
    ]
    FOOTER_IDS: ClassVar[Set[str]] = {"weights", "help", "quit"}

    def __init__(self) -> None:
        super().__init__()
        self.mode = "runs"
        self._prompts = dict.fromkeys(MODES, "")
        """What the user wrote in each mode; empty for the default."""

    def body(self) -> Iterable[Widget]:
        with Horizontal(id="fields"):
            yield Static(Content.assemble(self._tabs()), id="modes")
            yield Label("draw", classes="what")
            yield LineInput(id="what", classes="what", compact=True)
            yield Label("guidance", classes="guidance")
            yield LineInput("1, 1.4, 2", id="guidance", classes="guidance", compact=True)
            yield Label("steps", classes="steps")
            yield LineInput("4, 8, 14", id="steps", classes="steps", compact=True)
        yield Static(id="fields-problem", classes="field-problem")
        with ContentSwitcher(initial="runs", id="panes"):
            yield RunsPane(self.studio, id="runs")
            yield SweepPane(self.studio, id="sweep")
            yield RacePane(self.studio, id="race")

    def on_mount(self) -> None:
        for field in self.query(Input):
            field.cursor_blink = False  # an idle screen sends nothing
        line = self.query_one("#fields-problem", Static)
        self._checks = FieldChecks(self, self._check, lambda *_: show_problem(line, self._checks.first_problem))
        if not all_runs():
            self.mode = "sweep"
        self._show_mode()

    def on_navigate(self) -> None:
        super().on_navigate()
        if self.mode == "runs":
            self.runs.picker.focus()

    @property
    def pane(self) -> ComparePane:
        """The pane that is shown."""
        return self.query_one(f"#{self.mode}", ComparePane)

    @property
    def runs(self) -> RunsPane:
        return self.query_one(RunsPane)

    @property
    def _has_losses(self) -> bool:
        return self.mode == "runs" and bool(self.runs.runs)

    @property
    def _has_views(self) -> bool:
        """Whether not all of the chosen runs' views are shown at once."""
        return self._has_losses and not self.runs.shows_all

    def _tabs(self) -> Content:
        tabs = [(f" {mode.title()} ", "b reverse" if mode == self.mode else f"@click=screen.choose_mode('{mode}')") for mode in MODES]
        return Content(" ").join(Content.styled(*tab) for tab in tabs)

    def _show_mode(self) -> None:
        self.query_one("#panes", ContentSwitcher).current = self.mode
        self.query_one("#modes", Static).update(Content.assemble(self._tabs()))
        for name in FIELDS["sweep"]:
            for widget in self.query(f".{name}"):
                widget.display = name in FIELDS[self.mode]
        self._show_prompt()
        self._checks.recheck()
        if self.mode == "runs":
            self.runs.picker.focus()
            self.runs.refresh_runs()
        else:
            self.set_focus(None)
        self.refresh_bindings()

    def _show_prompt(self) -> None:
        self.query_one("#what", Input).value = self._prompts[self.mode] or self.pane.default_prompt()

    def on_run_picker_changed(self) -> None:
        """The first run says which classes there are to draw."""
        if not self._prompts["runs"] and self.mode == "runs":
            self._show_prompt()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        if self.is_mounted and self.mode == "runs":
            self.runs.refresh_runs()

    def show_status(self) -> None:
        """The weights may have changed on another screen."""
        super().show_status()
        for pane in (SweepPane, RacePane):
            for shown in self.query(pane):
                shown.show_weights()

    # --- actions ------------------------------------------------------------------------------------------------------

    def action_mode(self) -> None:
        self.action_choose_mode(MODES[(MODES.index(self.mode) + 1) % len(MODES)])

    def action_choose_mode(self, mode: str) -> None:
        self._keep_prompt()
        self.mode = mode
        self._show_mode()

    def _keep_prompt(self) -> None:
        text = self.query_one("#what", Input).value
        self._prompts[self.mode] = "" if text == self.pane.default_prompt() else text

    def action_new_run(self) -> None:
        """Ask on the Train screen what to train."""
        self.studio_app.start_run()

    def action_view(self) -> None:
        if self._has_views:
            self.runs.next_view()
        else:
            self.explain("There is no other view: everything is shown.", lambda: not self._has_views)

    def action_align(self) -> None:
        if self._has_losses:
            self.runs.cycle_alignment()
        else:
            self.explain(NO_LOSSES, lambda: not self._has_losses)

    def action_log(self) -> None:
        if self._has_losses:
            self.runs.toggle_scale()
        else:
            self.explain(NO_LOSSES, lambda: not self._has_losses)

    def action_edit(self) -> None:
        self.query_one("#what", Input).focus()

    def action_draw(self) -> None:
        """Draw what the fields say. A field with a wrong value keeps the focus."""
        values = self._checks.values(FIELDS[self.mode])
        if values is None:
            return
        sweep = self.query_one(SweepPane)
        sweep.lists = {name: self.query_one(f"#{name}", Input).value for name in sweep.lists}
        self._keep_prompt()
        try:
            self.pane.draw(str(values["what"]))
        except DigittyError as error:
            self.studio_app.notify_error(error)
            return
        if isinstance(self.focused, Input):
            self.set_focus(self.runs.picker if self.mode == "runs" else None)

    def _check(self, name: str) -> object:
        """The value of a field. Raises DigittyError if it is wrong."""
        text = self.query_one(f"#{name}", Input).value
        if name != "what":
            return self.query_one(SweepPane).check_list(name, text)
        count = len(self.pane.read(text).labels)
        if count > MOST_IMAGES:
            raise SettingError(f"{text!r} names {count} images; at most {MOST_IMAGES} can be compared")
        return text

    def on_input_changed(self) -> None:
        self._checks.recheck()

    def action_pick(self) -> None:
        """Back to the list of runs, whose keys these are."""
        if self.mode == "runs":
            self.runs.picker.focus()

    def on_input_submitted(self) -> None:
        self.action_draw()

    def action_again(self) -> None:
        self.studio.next_seed()
        self.action_draw()

    def action_save(self) -> None:
        pane = self.pane
        if pane.has_drawings:
            self.save_picture(f"digitty-{self.mode}", ".png", pane.save_sheet)
        else:
            self.explain("Nothing to save: no drawing has finished yet. Press enter to draw.", lambda: not self.pane.has_drawings)

    def action_enlarge(self) -> None:
        if done := self.pane.next_drawing():
            self.enlarge(done)
        else:
            self.explain("Nothing to enlarge: no drawing has finished yet. Press enter to draw.", lambda: not self.pane.has_drawings)

    def on_image_view_chosen(self, event: ImageView.Chosen) -> None:
        if found := self.pane.drawing_at(event.view, event.index):
            self.enlarge(*found)

    def action_stop(self) -> None:
        if self.pane.job is None:
            self.explain("Nothing is being drawn.", lambda: self.pane.job is None)
        self.stop_work()

    def stop_work(self) -> None:
        self.pane.stop()

    def action_page(self, by: int) -> None:
        self.pane.turn_page(by)

    def footer_label(self, binding: Binding) -> str:
        runs, pane = self.mode == "runs", self.pane
        has_chart = runs and bool(self.runs.runs) and (self.runs.shows_all or self.runs.view == "losses")
        useful = {
            "view": self._has_views,
            "new_run": runs and self.runs.needs_runs,
            "draw": not runs or bool(self.runs.runs),
            "edit": not runs or bool(self.runs.runs),
            "align": has_chart,
            "log": has_chart,
            "choose_weights": not runs,
            "save": pane.has_drawings,
            "enlarge": pane.has_drawings and self.size.width >= ROOMY,
            "again": pane.has_drawings,
            "stop": pane.job is not None,
        }
        return binding.description if useful.get(binding.action, True) else ""
