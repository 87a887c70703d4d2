"""Choose the weights to draw with: the shipped ones, a run's latest or best, or those of the run that trains now."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from engine.runs.run import all_runs
from engine.runs.weights_names import BEST_VALIDATION, data_of, model_of, snapshot_kind
from tui.dialogs.dialog import Dialog
from tui.terminal.literal import literal
from tui.widgets.answer_list import AnswerList


class WeightsDialog(Dialog[str | None]):
    """Dismissed with the weights' name as `DrawRequest.weights` takes it, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss(None)", "Cancel")]

    def __init__(self, current: str, training: list[str]) -> None:
        super().__init__()
        self._current, self._training = current, training

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("[b]Draw with[/]   enter chooses, esc cancels")
            yield AnswerList(*(Option(literal(text), id=name) for name, text in self._choices()), compact=True)

    def on_mount(self) -> None:
        options = self.query_one(OptionList)
        ids = [option.id for option in options.options]
        options.highlighted = ids.index(self._current) if self._current in ids else 0
        options.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)

    def _choices(self) -> list[tuple[str, str]]:
        choices = [("shipped", "shipped          the weights that come with digitty")]
        for name in self._training:
            data = f", {short}" if (short := data_of(name).short_name) else ""
            choices.append((name, f"{name:<16} training now: its current average weights{data}"))
            choices.append((f"{name}:live", f"{name + ':live':<16} training now: its current raw weights{data}"))
        for run in all_runs():
            model = model_of(run.name)
            if model and not model.draws:
                continue
            data = f", {model.data.short_name}" if model and model.data.short_name else ""
            states = run.states()
            if states and run.name not in self._training:
                choices.append((run.name, f"{run.name:<16} latest, step {states[-1][0]}{data}"))
            if run.best_path.exists():
                choices.append((f"{run.name}:best", f"{run.name + ':best':<16} best epoch{data}"))
            if run.best_validation_path.exists():
                name = f"{run.name}:{BEST_VALIDATION}"
                choices.append((name, f"{name:<16} best on held-out images{data}"))
            for epoch, _ in reversed(run.snapshots()):
                name = f"{run.name}:{snapshot_kind(epoch)}"
                choices.append((name, f"{name:<16} snapshot{data}"))
        choices.append(("shipped:labels", "shipped:labels   knows digits alone; shipped was trained from it"))
        choices.append(("shipped:one-step", "shipped:one-step a one-step student of shipped:labels"))
        choices.append(("shipped:seed", "shipped:seed     the guide's network, trained with --preset seed"))
        return [*choices, ("shipped:fashion", "shipped:fashion  clothes, shoes and bags: Fashion-MNIST")]
