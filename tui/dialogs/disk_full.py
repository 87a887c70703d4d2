"""Asks what to do about a save that the disk refused. The run waits for the answer."""

from __future__ import annotations

from engine.protocol.events import CannotSave
from engine.runs.control import Command
from tui.dialogs.choice import Choice, ChoiceDialog
from tui.studio.base_app import StudioApp
from tui.studio.local_training import describe_refusal


class DiskFullDialog(ChoiceDialog):
    """After escape the run still waits."""

    def __init__(self, run: str | None, refusal: CannotSave, detaching: bool = False) -> None:
        """`detaching`: the run was to be saved in order to continue in the background."""
        choices = (
            Choice(Command.RUN, "try again, then detach" if detaching else "try again", ("t",)),
            Choice(Command.UNSAVED, "continue without saving, and try again at the next save", ("g",)),
            Choice(Command.STOP, "stop the run, and lose everything after the last save", ("x",)),
        )
        super().__init__(describe_refusal(run, refusal), choices, escape="decide later: the run waits until you press space on Train")


def ask_about_full_disk(app: StudioApp) -> None:
    """Ask what to do, unless nothing waits for an answer or the question is open already."""
    training = app.studio.training
    if training.full is None or any(isinstance(screen, DiskFullDialog) for screen in app.screen_stack):
        return

    def on_answer(answer: str | None) -> None:
        if answer is not None:
            training.decide(Command(answer))

    app.push_screen(DiskFullDialog(training.run, training.full, training.handing_over), on_answer)
